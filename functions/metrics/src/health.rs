//! `/healthz`: this process answers. `/readyz`: the database does, and connections are fresh.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::connection::{DATABASE, QUEUES, State};
use penstock_edge::http::{Call, Failure, RETRY_AFTER, Reply, RequestId, StatusCode};
use penstock_edge::telemetry;
use penstock_store::freshness;
use penstock_store::standing::{self, OfConnection, Standing};
use penstock_store::{Database, StoreError};
use serde::Serialize;
use tokio_postgres::Client;

use crate::Ports;
use crate::circuits::OpenCircuit;
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
    /// `db`, `sqs`, and each connection by its name.
    checks: BTreeMap<String, Check>,
    /// The pull that has been silent for longest; null if no connection is active, or the database
    /// is away.
    stalest: Option<Stalest>,
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
    Connection {
        ok: bool,
        /// The vendor.
        source: String,
        /// `active`, or `paused` if a person has paused it: then it is not pulled, and never late.
        state: &'static str,
        /// When its most backward pull last succeeded; null if one of them never has.
        last_sync: Option<Timestamp>,
        lag_s: Option<u64>,
        /// The pulls that the vendor refuses.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        paused: Vec<PausedPull>,
        /// Present while the vendor does not answer, or makes us wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        circuit: Option<OpenCircuit>,
    },
    /// A service of AWS, as of its last use.
    Service {
        ok: bool,
        /// Present while it does not answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        circuit: Option<OpenCircuit>,
    },
}

/// A pull, and for how long it has been silent: since its last success, or since its connection
/// was made or last changed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Stalest"))]
#[serde(rename_all = "camelCase")]
struct Stalest {
    source: String,
    connection: String,
    entity: String,
    lag_s: u64,
}

/// `GET /readyz`: 200 if the database answers, `degraded` if a connection is late, its vendor
/// refuses one of its pulls, or a circuit is open; 503 if it does not.
pub(crate) async fn ready<C: Clock>(ports: &Ports<C>, call: Call<'_>) -> Result<Reply, Failure> {
    let (config, now) = (&ports.config, call.now);
    let asked = Instant::now();
    let standing = ask(&ports.database, call.id, standing(&ports.database, &config.sources)).await;
    let uptime_s = elapsed(ports.started, now).as_secs();
    let Some(standing) = standing else {
        let checks =
            [(DATABASE.to_owned(), Check::Database { ok: false, latency_ms: None })].into();
        let (status, sync_status) = ("unavailable", "unknown");
        let body = Ready { status, sync_status, checks, stalest: None, uptime_s };
        let reply = Reply::json(StatusCode::SERVICE_UNAVAILABLE, &body)?;
        return Ok(reply.with_retry_after(RETRY_AFTER));
    };
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).ok();
    let connections = standing.connections(config.freshness, now);
    let mut checks: BTreeMap<String, Check> =
        connections.into_iter().map(|of| check(of, now)).collect();
    let circuit = standing.circuit(QUEUES).map(|circuit| OpenCircuit::of(circuit, now));
    checks.insert(QUEUES.to_owned(), Check::Service { ok: circuit.is_none(), circuit });
    let all_well = checks.values().all(Check::is_well);
    let status = if all_well { "ok" } else { "degraded" };
    checks.insert(DATABASE.to_owned(), Check::Database { ok: true, latency_ms });
    let stalest = freshness::stalest(&standing.pulls, now).map(|pull| Stalest {
        source: pull.source.clone(),
        connection: pull.connection.clone(),
        entity: pull.entity.clone(),
        lag_s: pull.lag(now).as_secs(),
    });
    let body = Ready { status, sync_status: status, checks, stalest, uptime_s };
    Reply::json(StatusCode::OK, &body)
}

impl Check {
    const fn is_well(&self) -> bool {
        match self {
            Self::Database { ok, .. } | Self::Connection { ok, .. } | Self::Service { ok, .. } => {
                *ok
            }
        }
    }
}

/// The check of one connection, under its name.
fn check(of: OfConnection<'_>, now: Timestamp) -> (String, Check) {
    let check = Check::Connection {
        ok: of.is_well,
        source: of.source.to_owned(),
        state: if of.is_active { State::Active } else { State::Paused }.as_str(),
        last_sync: of.last_sync,
        lag_s: of.last_sync.map(|at| elapsed(at, now).as_secs()),
        paused: of
            .refused
            .iter()
            .map(|pause| PausedPull::from((of.source.to_owned(), (*pause).clone())))
            .collect(),
        circuit: of.circuit.map(|circuit| OpenCircuit::of(circuit, now)),
    };
    (of.name.to_owned(), check)
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

async fn standing(database: &Database, declared: &[&str]) -> Result<Standing, StoreError> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    standing::read(client, declared).await
}
