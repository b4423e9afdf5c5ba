//! Wires `bury`.

use std::sync::Arc;

use bury::Ports;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::seals::Seals;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("bury", &env, &aws)?;
    let ports = &Ports { database, seals: Seals::from_env(&env, &aws), clock: SystemClock };
    let serve = |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(ports.handle(event.payload).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}
