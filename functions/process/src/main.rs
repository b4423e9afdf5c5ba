//! Wires `process`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue};
use penstock_domain::clock::Clock as _;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, deadline::deadline, telemetry};
use penstock_store::erased_names::Known;
use process::{Normalizers, Ports, Witness};

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
    let serve = |event: LambdaEvent<SqsEvent>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now())?;
        Ok::<_, Error>(ports.handle(event.payload, deadline).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}
