//! Wires `digest`.

use std::sync::Arc;

use digest::{NAME, Ports, Request, Settings};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, sending};
use penstock_edge::telemetry::chain;
use penstock_edge::{config, invocation, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("digest", &env, &aws)?;
    let channels = sending::from_env(&env, &aws, SystemClock)?;
    let ports = &Ports::new(database, channels, Settings::from_env(&env)?, SystemClock);
    let serve = |event: Request, invocation: invocation::Invocation| async move {
        ports.serve(event, invocation.deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    invocation::run(NAME, SystemClock, serve).await
}
