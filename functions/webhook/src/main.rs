//! Wires `webhook`.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, queue::Queue, seals::Seals};
use penstock_edge::{config, invocation, telemetry};
use serde_json::Value;
use webhook::{Connections, NAME, Ports, endpoints};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let queue = |name| env.required(name).map(|url| Queue::new(Arc::clone(&aws), url));
    let ports = Ports {
        database: database::from_env("webhook", &env, &aws)?,
        endpoints: endpoints(&env, &aws),
        connections: Connections::over(env.clone(), Arc::clone(&aws)),
        public_base_url: env.optional("PUBLIC_BASE_URL"),
        tickets: queue("TICKETS_QUEUE_URL")?,
        requests: queue("QUICK_REQUESTS_QUEUE_URL")?,
        spill: queue("SPILL_QUEUE_URL")?,
        seals: Seals::from_env(&env, &aws),
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: Value, invocation: invocation::Invocation| async move {
        Ok(ports.invoke(event, &invocation.request_id).await?)
    };
    invocation::run(NAME, SystemClock, serve).await
}
