//! Wires `relay`.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::depths::Queues;
use penstock_clients::{database, queue::Queue};
use penstock_domain::source;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, invocation, telemetry};
use relay::{NAME, Ports, Retention};
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
        transactions: Queue::new(Arc::clone(&aws), env.required("TRANSACTIONS_QUEUE_URL")?)
            .beginning_lineages(),
        depths: Arc::new(Queues::from_env(Arc::clone(&aws), &env)),
        retention: Retention::from_env(&env)?,
        sources: source::configured(&env)?.iter().map(|source| source.name()).collect(),
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |_: IgnoredAny, invocation: invocation::Invocation| async move {
        ports.run_in_time(invocation.deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    invocation::run(NAME, SystemClock, serve).await
}
