//! `/healthz`: this process answers. `/readyz`: the database does, and the sources are fresh.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_edge::http::{Reply, RequestId, StatusCode};
use penstock_edge::telemetry;
use penstock_store::sync_runs::read::{self, Freshness};
use penstock_store::{Database, StoreError};
use serde::Serialize;
use tokio_postgres::Client;

use crate::config::MetricsConfig;
use crate::question::RETRY_AFTER;

/// After this long the database counts as unreachable: whoever asks for readiness does not wait longer.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Health"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alive {
    status: &'static str,
    uptime_s: u64,
    timestamp: Timestamp,
}

/// Needs nothing but this process.
pub(crate) fn alive(started: Timestamp, now: Timestamp) -> Alive {
    Alive { status: "ok", uptime_s: elapsed(started, now).as_secs(), timestamp: now }
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Readiness"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    status: &'static str,
    sync_status: &'static str,
    checks: BTreeMap<String, Check>,
    uptime_s: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Check"))]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Check {
    Database { ok: bool, latency_ms: Option<u64> },
    Source { ok: bool, last_sync: Option<Timestamp>, lag_s: Option<u64> },
}

/// 200 where the database answers, `degraded` where a source is late; 503 where it does not.
pub(crate) async fn ready(
    database: &Database,
    config: &MetricsConfig,
    started: Timestamp,
    now: Timestamp,
    id: &RequestId,
) -> Reply {
    let asked = Instant::now();
    let sources = match tokio::time::timeout(PATIENCE, freshness(database)).await {
        Ok(Ok(sources)) => Some(sources),
        Ok(Err(error)) => {
            tracing::error!(
                request_id = id.as_str(),
                error = telemetry::chain(&error),
                "not ready"
            );
            None
        }
        Err(_) => {
            tracing::error!(
                request_id = id.as_str(),
                "not ready: the database did not answer in time"
            );
            None
        }
    };
    let uptime_s = elapsed(started, now).as_secs();
    let Some(mut sources) = sources else {
        let checks = [("db".to_owned(), Check::Database { ok: false, latency_ms: None })].into();
        let body = Ready { status: "unavailable", sync_status: "unknown", checks, uptime_s };
        return Reply::json(StatusCode::SERVICE_UNAVAILABLE, &body, id)
            .with_retry_after(RETRY_AFTER);
    };
    // One that is configured no more has nothing to be late with.
    sources.retain(|found| config.sources.is_empty() || config.sources.contains(&found.source));
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).ok();
    let fresh = |source: &Freshness| {
        source.last_sync.is_some_and(|at| elapsed(at, now) <= config.freshness)
    };
    let status = if sources.iter().all(fresh) { "ok" } else { "degraded" };
    let checks = sources.iter().map(|source| {
        let lag_s = source.last_sync.map(|at| elapsed(at, now).as_secs());
        (
            source.source.clone(),
            Check::Source { ok: fresh(source), last_sync: source.last_sync, lag_s },
        )
    });
    let database = ("db".to_owned(), Check::Database { ok: true, latency_ms });
    let body =
        Ready { status, sync_status: status, checks: checks.chain([database]).collect(), uptime_s };
    Reply::json(StatusCode::OK, &body, id)
}

async fn freshness(database: &Database) -> Result<Vec<Freshness>, StoreError> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    read::freshness(client).await
}
