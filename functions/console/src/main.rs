//! Wires `console`.

use std::sync::Arc;

use console::{ConsoleConfig, NAME, Ports};
use lambda_http::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::depths::Queues;
use penstock_clients::{database, issuer::KeyIssuer, queue::Queue};
use penstock_edge::{config, http, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let ports = Ports {
        database: database::from_env(NAME, &env, &aws)?,
        requests: Arc::new(Queue::of_fetch(Arc::clone(&aws), &env)?),
        transactions: Arc::new(Queue::new(
            Arc::clone(&aws),
            env.required("TRANSACTIONS_QUEUE_URL")?,
        )),
        issuer: KeyIssuer::from_env(&env, &aws)?,
        depths: Arc::new(Queues::from_env(aws, &env)),
        config: ConsoleConfig::from_env(&env)?,
        clock: Arc::new(SystemClock),
    };
    http::run(ports).await
}
