//! Wires `admin`.

use std::sync::Arc;

use admin::{AdminConfig, NAME, Ports};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::depths::Queues;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::secret_store::StackSecrets;
use penstock_clients::{database, queue::Queue};
use penstock_edge::{config, invocation, telemetry};
use penstock_store::admission::Admission;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("admin", &env, &aws)?;
    let config = AdminConfig::from_env(&env)?;
    let ports = Ports {
        admission: Admission::new(database.clone(), env.parsed_or("RATE_LIMIT_PER_SECOND", 100)?)
            .with_issuer(Arc::new(KeyIssuer::from_env(&env, &aws)?)),
        database,
        requests: Queue::of_fetch(Arc::clone(&aws), &env)?,
        secrets: Arc::new(StackSecrets::new(Arc::clone(&aws), config.secrets_prefix.clone())),
        depths: Arc::new(Queues::from_env(Arc::clone(&aws), &env)),
        config,
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: Value, invocation: invocation::Invocation| async move {
        Ok(ports.invoke(event, &invocation.request_id).await?)
    };
    invocation::run(NAME, SystemClock, serve).await
}
