//! `/health`, as monitors of the services that Penstock replaces know it.

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_store::{Database, StoreError, stats};
use serde::Serialize;

use crate::Ports;
use crate::health::ask;

/// Rows beyond these are not counted: the route is open to anyone.
const MOST_COUNTED: i64 = 1_000;

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "OlderHealth"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct OlderHealth {
    /// Always true: requests are taken while the database is away too.
    ok: bool,
    /// `ok`, or `degraded` while the database is away.
    status: &'static str,
    timestamp: Timestamp,
    /// Seconds since this process began.
    uptime: f64,
    /// The same in whole seconds, as `/healthz` has it.
    uptime_s: u64,
    memory: Memory,
    /// `connected` or `disconnected`.
    database: &'static str,
    /// The rows that wait to be processed, 1,000 at most; null while the database is away.
    buffer_size: Option<i64>,
}

/// The memory of this process.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Memory"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Memory {
    /// The resident set size, in bytes.
    rss: Option<u64>,
}

/// `GET /health`: 200 whatever the database does, and says what it does.
pub(crate) async fn health<C: Clock>(ports: &Ports<C>, call: Call<'_>) -> Result<Reply, Failure> {
    let waiting = ask(&ports.database, call.id, waiting(&ports.database)).await;
    let up = elapsed(ports.started, call.now);
    let health = OlderHealth {
        ok: true,
        status: if waiting.is_some() { "ok" } else { "degraded" },
        timestamp: call.now,
        uptime: up.as_secs_f64(),
        uptime_s: up.as_secs(),
        memory: Memory { rss: resident() },
        database: if waiting.is_some() { "connected" } else { "disconnected" },
        buffer_size: waiting,
    };
    Reply::json(StatusCode::OK, &health)
}

async fn waiting(database: &Database) -> Result<i64, StoreError> {
    let connection = database.connection().await?;
    let waiting = stats::waiting(&**connection, MOST_COUNTED).await?;
    Ok(waiting.iter().map(|source| source.count).sum())
}

/// Returns the resident set size in bytes, which Linux keeps in `/proc`.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
