//! Runs that are requested, and runs that are unfinished and quiet.

use jiff::Timestamp;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use tokio_postgres::{GenericClient, Transaction};

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    sync_state.request: Request<'a> {
        source: &'a str,
        entities: &'a [&'a str],
        mode: &'a str,
        why: Option<&'a str>,
        unless: &'a str,
        now: Timestamp,
    }
    sync_state.lock: Lock<'a> {
        source: &'a str,
        entities: &'a [&'a str],
        mode: &'a str,
        now: Timestamp,
    }
    sync_state.requested: Requested<'a> { source: &'a str, entities: &'a [&'a str], mode: &'a str }
    sync_state.stalled: Stalled { now: Timestamp, quiet_since: Timestamp }
}

/// When not to request a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// Always request it, even if a run is under way.
    Never,
    /// Skip pulls that already have a run requested or under way.
    RequestedOrUnderWay,
    /// Skip pulls that go on by themselves: those that have a run requested or under way, and those
    /// that are paused.
    GoingOn,
    /// Skip pulls that are paused: a notification is no reason to try a refused key again.
    Paused,
}

/// Requests runs and says why. `relay` repeats the request until they have succeeded. Returns the
/// entities whose run is requested by this call.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn request(
    on: &impl GenericClient,
    source: &str,
    entities: &[&str],
    mode: Mode,
    why: Option<&str>,
    unless: Unless,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let unless = match unless {
        Unless::Never => "never",
        Unless::RequestedOrUnderWay => "requested",
        Unless::GoingOn => "going on",
        Unless::Paused => "paused",
    };
    let rows = Request { source, entities, mode: mode.as_str(), why, unless, now }.rows(on).await?;
    rows.iter().map(|row| row.read("entity")).collect()
}

/// Locks the rows of these pulls until the transaction ends, and creates those that do not exist.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn lock(
    tx: &Transaction<'_>,
    source: &str,
    entities: &[&str],
    mode: Mode,
    now: Timestamp,
) -> Result<(), StoreError> {
    Lock { source, entities, mode: mode.as_str(), now }.execute(tx).await.map(drop)
}

/// Returns those of `entities` whose run is requested and has not begun.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn requested(
    on: &impl GenericClient,
    source: &str,
    entities: &[&str],
    mode: Mode,
) -> Result<Vec<String>, StoreError> {
    let rows = Requested { source, entities, mode: mode.as_str() }.rows(on).await?;
    rows.iter().map(|row| row.read("entity")).collect()
}

/// Returns runs that are requested or unfinished and have not moved since `quiet_since`. Returning
/// a run counts as a move.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn stalled(
    on: &impl GenericClient,
    now: Timestamp,
    quiet_since: Timestamp,
) -> Result<Vec<FetchRequest>, StoreError> {
    let rows = Stalled { now, quiet_since }.rows(on).await?;
    let mut requests = Vec::new();
    for row in &rows {
        if let Some(mode) = Mode::parse(row.read("mode")?) {
            let request = FetchRequest::new(row.read("source")?, row.read("entity")?, mode);
            requests.push(request.resuming());
        }
    }
    Ok(requests)
}
