//! Wires `fetch`.

use std::sync::Arc;

use fetch::{Connections, Limits, PATIENCE, Ports, vendors};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue};
use penstock_domain::clock::Clock as _;
use penstock_edge::{config, deadline::deadline, telemetry};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let ports = Ports {
        database: database::from_env("fetch", &env, &aws)?.giving_up_after(PATIENCE),
        vendors: vendors::from_env(&env, &aws, SystemClock)?,
        connections: Connections::over(env.clone(), Arc::clone(&aws)),
        tickets: Queue::new(Arc::clone(&aws), env.required("TICKETS_QUEUE_URL")?),
        requests: Queue::of_fetch(Arc::clone(&aws), &env)?,
        limits: Limits::from_env(&env)?,
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: LambdaEvent<Value>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now())?;
        ports.handle(event.payload, deadline).await
    };
    lambda_runtime::run(service_fn(serve)).await
}
