//! Wires `accounts`.

use std::sync::Arc;

use accounts::{Hashing, NAME, Ports, Settings};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::sending::{Post, Postbox};
use penstock_domain::account::password::Cost;
use penstock_edge::{config, invocation, telemetry};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let settings = Settings::from_env(&env)?;
    // A mail leads to a page, and no mail is sent that would lead nowhere.
    let postbox = Postbox::from_env(&env, &aws)?.filter(|_| settings.public_base_url.is_some());
    let ports = Ports {
        database: database::from_env(NAME, &env, &aws)?,
        hashing: Hashing::at(Cost::OWASP),
        mail: postbox.map(|postbox| Arc::new(postbox) as Arc<dyn Post>),
        settings,
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: Value, invocation: invocation::Invocation| async move {
        Ok(ports.invoke(event, &invocation.request_id, invocation.deadline).await?)
    };
    invocation::run(NAME, SystemClock, serve).await
}
