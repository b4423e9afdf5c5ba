//! `/healthz`: this process answers. `/readyz`: the database does, and the sources are fresh.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_edge::http::{Call, Failure, RETRY_AFTER, Reply, RequestId, StatusCode};
use penstock_edge::telemetry;
use penstock_store::sync_runs::read::{self, Freshness};
use penstock_store::sync_state::pauses::{self, Pause};
use penstock_store::{Database, StoreError};
use serde::Serialize;
use tokio_postgres::Client;

use crate::Ports;
use crate::paused::PausedPull;

/// After this long the database counts as unreachable: a readiness check does not wait longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Health"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alive {
    status: &'static str,
    uptime_s: u64,
    timestamp: Timestamp,
}

/// `GET /healthz`: needs nothing but this process.
pub(crate) async fn alive<C: Clock>(ports: &Ports<C>, call: Call<'_>) -> Result<Reply, Failure> {
    let uptime_s = elapsed(ports.started, call.now).as_secs();
    Reply::json(StatusCode::OK, &Alive { status: "ok", uptime_s, timestamp: call.now })
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
    Database {
        ok: bool,
        latency_ms: Option<u64>,
    },
    Source {
        ok: bool,
        last_sync: Option<Timestamp>,
        lag_s: Option<u64>,
        /// The pulls that the vendor refuses.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        paused: Vec<PausedPull>,
    },
}

/// `GET /readyz`: 200 if the database answers, `degraded` if a source is late or paused; 503 if it
/// does not.
pub(crate) async fn ready<C: Clock>(ports: &Ports<C>, call: Call<'_>) -> Result<Reply, Failure> {
    let (config, now) = (&ports.config, call.now);
    let asked = Instant::now();
    let sources = ask(&ports.database, call.id, freshness(&ports.database)).await;
    let uptime_s = elapsed(ports.started, now).as_secs();
    let Some((mut sources, pauses)) = sources else {
        let checks = [("db".to_owned(), Check::Database { ok: false, latency_ms: None })].into();
        let body = Ready { status: "unavailable", sync_status: "unknown", checks, uptime_s };
        let reply = Reply::json(StatusCode::SERVICE_UNAVAILABLE, &body)?;
        return Ok(reply.with_retry_after(RETRY_AFTER));
    };
    // A source that is no longer configured cannot be late.
    sources.retain(|found| config.sources.contains(&found.source.as_str()));
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).ok();
    let paused = |source: &Freshness| -> Vec<PausedPull> {
        let of_it = pauses.iter().filter(|pause| pause.source == source.source);
        of_it.cloned().map(PausedPull::from).collect()
    };
    let is_fresh = |source: &Freshness| {
        source.last_sync.is_some_and(|at| elapsed(at, now) <= config.freshness)
    };
    let is_well = |source: &Freshness| is_fresh(source) && paused(source).is_empty();
    let status = if sources.iter().all(is_well) { "ok" } else { "degraded" };
    let checks = sources.iter().map(|source| {
        let (last_sync, paused) = (source.last_sync, paused(source));
        let lag_s = last_sync.map(|at| elapsed(at, now).as_secs());
        let check = Check::Source { ok: is_well(source), last_sync, lag_s, paused };
        (source.source.clone(), check)
    });
    let database = ("db".to_owned(), Check::Database { ok: true, latency_ms });
    let body =
        Ready { status, sync_status: status, checks: checks.chain([database]).collect(), uptime_s };
    Reply::json(StatusCode::OK, &body)
}

/// Asks the database; `None`, and a line in the log, if it does not answer in time.
pub(crate) async fn ask<T>(
    database: &Database,
    id: &RequestId,
    question: impl Future<Output = Result<T, StoreError>>,
) -> Option<T> {
    let answer = database.within(PATIENCE, question).await;
    let not_ready = |error: StoreError| {
        let (request_id, error) = (id.as_str(), telemetry::chain(&error));
        tracing::error!(event = "not_ready", request_id, error);
    };
    answer.map_err(not_ready).ok()
}

/// How fresh the sources are, and which pulls are paused.
async fn freshness(database: &Database) -> Result<(Vec<Freshness>, Vec<Pause>), StoreError> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    tokio::try_join!(read::freshness(client), pauses::all(client))
}
