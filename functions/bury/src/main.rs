//! Wires `bury`.

use std::sync::Arc;

use bury::Ports;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::seals::Seals;
use penstock_domain::clock::Clock as _;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, deadline::deadline, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("bury", &env, &aws)?;
    let ports = &Ports { database, seals: Seals::from_env(&env, &aws), clock: SystemClock };
    let serve = |event: LambdaEvent<SqsEvent>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now())?;
        Ok::<_, Error>(ports.handle_until(event.payload, deadline).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}
