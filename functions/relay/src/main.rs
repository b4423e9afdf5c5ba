//! Wires `relay`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue};
use penstock_domain::clock::Clock as _;
use penstock_domain::source;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, deadline::deadline, telemetry};
use relay::{Ports, Retention};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let ports = Ports {
        database: database::from_env("relay", &env, &aws)?,
        tickets: Queue::new(Arc::clone(&aws), env.required("TICKETS_QUEUE_URL")?)
            .beginning_lineages(),
        requests: Queue::of_fetch(Arc::clone(&aws), &env)?.beginning_lineages(),
        retention: Retention::from_env(&env)?,
        sources: source::configured(&env)?.iter().map(|source| source.name()).collect(),
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: LambdaEvent<IgnoredAny>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now())?;
        ports.run_in_time(deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    lambda_runtime::run(service_fn(serve)).await
}
