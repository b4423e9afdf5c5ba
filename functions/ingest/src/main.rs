//! Wires `ingest`.

use std::sync::Arc;

use ingest::{IngestConfig, Ports, UnprovenShare};
use lambda_runtime::Error;
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::{database, queue::Queue, seals::Seals};
use penstock_edge::{config, http, telemetry};
use penstock_store::admission::{Admission, KEYLESS_RATE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let queue = |name| env.required(name).map(|url| Queue::new(Arc::clone(&aws), url));
    let database = database::from_env("ingest", &env, &aws)?;
    let ports = Ports {
        admission: Admission::new(database.clone(), env.parsed_or("RATE_LIMIT_PER_SECOND", 100)?)
            .with_issuer(Arc::new(KeyIssuer::from_env(&env, &aws)?))
            .with_keyless_rate(env.parsed_or("KEYLESS_RATE_PER_SECOND", KEYLESS_RATE)?),
        database,
        tickets: queue("TICKETS_QUEUE_URL")?,
        spill: queue("INGEST_SPILL_QUEUE_URL")?,
        seals: Seals::from_env(&env, &aws),
        unproven: UnprovenShare::default(),
        config: IngestConfig::from_env(&env)?,
        clock: SystemClock,
    };
    http::run(ports).await
}
