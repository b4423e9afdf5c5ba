//! Wires `archive`.

use std::sync::Arc;

use archive::{NAME, Ports, Request, Settings};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::objects::Bucket;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, invocation, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let settings = Settings::from_env(&env)?;
    let ports = &Ports {
        database: database::from_env(NAME, &env, &aws)?,
        objects: Bucket::new(aws, settings.bucket().to_owned()),
        settings,
        clock: SystemClock,
    };
    let serve = |event: Request, invocation: invocation::Invocation| async move {
        ports.serve(event, invocation.deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    invocation::run(NAME, SystemClock, serve).await
}
