//! Wires `digest`.

use std::sync::Arc;

use digest::{Ports, Request, Settings};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, sending};
use penstock_domain::clock::Clock as _;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, deadline::deadline, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("digest", &env, &aws)?;
    let channels = sending::from_env(&env, &aws, SystemClock)?;
    let ports = &Ports::new(database, channels, Settings::from_env(&env)?, SystemClock);
    let serve = |event: LambdaEvent<Request>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now())?;
        ports.serve(event.payload, deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    lambda_runtime::run(service_fn(serve)).await
}
