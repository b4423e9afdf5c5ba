//! Wires `load`.

use std::sync::Arc;

use lambda_runtime::Error;
use load::{NAME, Ports, Request};
use penstock_clients::aws::Aws;
use penstock_clients::bigquery::BigQuery;
use penstock_clients::clock::SystemClock;
use penstock_clients::database;
use penstock_clients::objects::Bucket;
use penstock_edge::telemetry::chain;
use penstock_edge::{config, invocation, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = config::from_process();
    telemetry::init(&env)?;
    let aws = Arc::new(Aws::default());
    let database = database::from_env("load", &env, &aws)?;
    let bigquery = BigQuery::from_env(&env, &aws, SystemClock)?;
    let bucket = if bigquery.is_some() { env.required("ARCHIVE_BUCKET")? } else { String::new() };
    let objects = Bucket::new(aws, bucket);
    let ports = &Ports::new(database, bigquery, objects, SystemClock);
    let serve = |event: Request, invocation: invocation::Invocation| async move {
        ports.serve(event, invocation.deadline).await.map_err(|e| Error::from(chain(&e)))
    };
    invocation::run(NAME, SystemClock, serve).await
}
