//! Wires `settle`.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::outgoing::Notifier;
use penstock_clients::{database, queue::Queue};
use penstock_domain::transaction::Settings;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::{config, invocation, telemetry};
use settle::{Calls, NAME, Ports, third_party};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let queue = Queue::new(Arc::clone(&aws), env.required("TRANSACTIONS_QUEUE_URL")?);
    let ports = Ports {
        database: database::from_env("settle", &env, &aws)?,
        party: third_party(&env, &aws, SystemClock)?,
        notifier: Notifier::from_env(&env, &aws, SystemClock)?,
        // A transaction is asked about again and again, which is no loop.
        transactions: queue.beginning_lineages(),
        settings: Settings::from_env(&env)?,
        calls: Calls::from_env(&env)?,
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: SqsEvent, invocation: invocation::Invocation| async move {
        Ok(ports.handle(&event, invocation.deadline).await)
    };
    invocation::run(NAME, SystemClock, serve).await
}
