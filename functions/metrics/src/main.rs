//! Wires `metrics`.

use std::sync::Arc;

use lambda_http::Error;
use metrics::{MetricsConfig, Ports};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::issuer::KeyIssuer;
use penstock_domain::clock::Clock as _;
use penstock_edge::{config, http, telemetry};
use penstock_store::admission::Admission;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let (config, started) = (MetricsConfig::from_env(&env)?, SystemClock.now());
    let aws = Arc::new(Aws::default());
    let database = database::from_env("metrics", &env, &aws)?;
    let admission = Admission::new(database.clone(), config.rate_limit_per_second)
        .with_issuer(Arc::new(KeyIssuer::from_env(&env, &aws)?));
    http::run(Ports { database, admission, config, clock: SystemClock, started }).await
}
