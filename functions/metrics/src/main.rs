//! Wires `metrics`.

use std::sync::Arc;

use lambda_http::Error;
use metrics::{MetricsConfig, Ports};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_domain::clock::Clock as _;
use penstock_edge::{config, http, telemetry};
use penstock_store::admission::Admission;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let (config, started) = (MetricsConfig::from_env(&env)?, SystemClock.now());
    let database = database::from_env("metrics", &env, &Arc::new(Aws::default()))?;
    let admission = Admission::new(database.clone(), config.rate_limit_per_second);
    http::run(Ports { database, admission, config, clock: SystemClock, started }).await
}
