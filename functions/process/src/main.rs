//! Wires `process`.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue};
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, invocation, telemetry};
use penstock_store::erased_names::Known;
use process::{NAME, Normalizers, Ports, Witness};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let ports: Ports<_, _> = Ports {
        database: database::from_env("process", &env, &aws)?,
        witness: Witness::of_environment(),
        backlog: process::Backlog::default(),
        erased: Known::default(),
        reader: Normalizers::from_env(&env)?,
        refetches: match process::refetches_ties(&env)? {
            true => Some(Queue::new(aws, env.required("QUICK_REQUESTS_QUEUE_URL")?)),
            false => None,
        },
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: SqsEvent, invocation: invocation::Invocation| async move {
        Ok(ports.handle(event, invocation.deadline).await)
    };
    invocation::run(NAME, SystemClock, serve).await
}
