//! Counts of the outbox: pending rows, and the recent rate. The cost grows with the backlog up to a
//! bound, and with the rate, but not with the rows that were processed long ago.

use jiff::{SignedDuration, Timestamp};
use penstock_domain::ids::oldest_id_at;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    outbox.newest: NewestRows { since: Uuid, most: i64 }
    outbox.count_pending: CountPending { limit: i64 }
    outbox.count_recent: CountRecent<'a> { oldest: Uuid, sinces: &'a [Uuid], seconds: &'a [i64] }
}

/// The pending rows of one connection, or of one kind that clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The name of the vendor. What clients send has the same name here and there.
    pub vendor: String,
    /// The name of the connection.
    pub source: String,
    /// The number of pending rows.
    pub count: i64,
    /// The number of those that wait until it is known whose they are.
    pub held: i64,
    /// The time at which the oldest of them was received.
    pub oldest: Timestamp,
}

/// The rows of one connection that were received within a window, by what became of them since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// The name of the vendor. What clients send has the same name here and there.
    pub vendor: String,
    /// The name of the connection.
    pub source: String,
    /// The length of the window, in seconds.
    pub window_s: i64,
    /// The number of rows that were received.
    pub received: i64,
    /// The number of those that are processed.
    pub processed: i64,
    /// The number of those that are dead.
    pub dead: i64,
}

/// The newest rows of one connection, one kind of object and one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The name of the vendor, and that of the connection.
    pub vendor: String,
    pub source: String,
    pub entity: String,
    /// `pending`, `processed` or `dead`.
    pub status: String,
    pub count: i64,
    /// The time from the receipt of a row until it was processed, in milliseconds: the mean, and
    /// what 95 of 100 did not exceed. `None` of rows that are not processed.
    pub average_ms: Option<i64>,
    pub p95_ms: Option<i64>,
}

/// Returns the newest rows by kind and status, of at most `most` that were received since `since`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn newest(
    on: &impl GenericClient,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Newest>, StoreError> {
    let read = |row: &Row| {
        Ok(Newest {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            entity: row.read("entity")?,
            status: row.read("status")?,
            count: row.read("count")?,
            average_ms: row.read("average_ms")?,
            p95_ms: row.read("p95_ms")?,
        })
    };
    NewestRows { since: oldest_id_at(since), most }.rows(on).await?.iter().map(read).collect()
}

/// Counts the pending rows by connection, at most `limit` in all. If the counts add up to `limit`,
/// there may be more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn waiting(on: &impl GenericClient, limit: i64) -> Result<Vec<Waiting>, StoreError> {
    let read = |row: &Row| {
        Ok(Waiting {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            count: row.read("count")?,
            held: row.read("held")?,
            oldest: row.read("oldest")?,
        })
    };
    let rows = CountPending { limit }.rows(on).await?;
    rows.iter().map(read).collect()
}

/// Counts the rows that were received within the last seconds, for each length in `windows` and
/// each connection that received any.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn recent(
    on: &impl GenericClient,
    now: Timestamp,
    windows: &[i64],
) -> Result<Vec<Recent>, StoreError> {
    let since = |seconds: &i64| oldest_id_at(now - SignedDuration::from_secs(*seconds));
    let sinces: Vec<_> = windows.iter().map(since).collect();
    let Some(oldest) = sinces.iter().min().copied() else { return Ok(Vec::new()) };
    let rows = CountRecent { oldest, sinces: &sinces, seconds: windows }.rows(on).await?;
    rows.iter().map(recent_of).collect()
}

fn recent_of(row: &Row) -> Result<Recent, StoreError> {
    Ok(Recent {
        vendor: row.read("vendor")?,
        source: row.read("source")?,
        window_s: row.read("seconds")?,
        received: row.read("received")?,
        processed: row.read("processed")?,
        dead: row.read("dead")?,
    })
}
