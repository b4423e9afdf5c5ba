//! Wires `fetch`.

use std::sync::Arc;

use fetch::{Connections, Limits, NAME, PATIENCE, Ports, vendors};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue};
use penstock_edge::{config, invocation, telemetry};
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
    let serve = |event: Value, invocation: invocation::Invocation| async move {
        ports.handle(event, invocation.deadline).await
    };
    invocation::run(NAME, SystemClock, serve).await
}
