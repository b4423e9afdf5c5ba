//! Wires `bury`.

use std::sync::Arc;

use bury::{NAME, Ports};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::seals::Seals;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, invocation, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("bury", &env, &aws)?;
    let ports = &Ports { database, seals: Seals::from_env(&env, &aws), clock: SystemClock };
    let serve = |event: SqsEvent, invocation: invocation::Invocation| async move {
        Ok(ports.handle_until(event, invocation.deadline).await)
    };
    invocation::run(NAME, SystemClock, serve).await
}
