//! Wires `admin`.

use std::sync::Arc;

use admin::{AdminConfig, Ports};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::{database, queue::Queue};
use penstock_edge::{config, http, telemetry};
use penstock_store::admission::Admission;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("admin", &env, &aws)?;
    let ports = Ports {
        admission: Admission::new(database.clone(), env.parsed_or("RATE_LIMIT_PER_SECOND", 100)?)
            .with_issuer(Arc::new(KeyIssuer::from_env(&env, &aws)?)),
        database,
        requests: Queue::of_fetch(Arc::clone(&aws), &env)?,
        config: AdminConfig::from_env(&env)?,
        clock: SystemClock,
    };
    http::run(ports).await
}
