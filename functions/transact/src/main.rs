//! Wires `transact`.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::{database, issuer::KeyIssuer, queue::Queue, seals::Seals, secret::Secret};
use penstock_domain::{third_party, transaction::Settings};
use penstock_edge::{config, invocation, telemetry};
use penstock_store::admission::Admission;
use serde_json::Value;
use transact::{NAME, Ports};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let queue = |name| env.required(name).map(|url| Queue::new(Arc::clone(&aws), url));
    let database = database::from_env(NAME, &env, &aws)?;
    let ports = Ports {
        admission: Admission::new(database.clone(), env.parsed_or("RATE_LIMIT_PER_SECOND", 100)?)
            .with_issuer(Arc::new(KeyIssuer::from_env(&env, &aws)?)),
        database,
        transactions: queue("TRANSACTIONS_QUEUE_URL")?,
        spill: queue("TRANSACT_SPILL_QUEUE_URL")?,
        seals: Seals::from_env(&env, &aws),
        call_back: Secret::from_env(&env, &aws, "CALL_BACK_SECRET", "CALL_BACK_SECRET_ARN"),
        party: third_party::configured(&env)?,
        settings: Settings::from_env(&env)?,
        public_base_url: env.optional("PUBLIC_BASE_URL"),
        clock: SystemClock,
    };
    let ports = &ports;
    let serve = |event: Value, invocation: invocation::Invocation| async move {
        Ok(ports.invoke(event, &invocation.request_id).await?)
    };
    invocation::run(NAME, SystemClock, serve).await
}
