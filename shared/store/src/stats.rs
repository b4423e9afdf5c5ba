//! What waits in the outbox, and how much comes in and goes through. What it costs grows with the backlog, up to a
//! bound, and with the rate; not with what was processed long ago.

use jiff::{SignedDuration, Timestamp};
use penstock_domain::ids::oldest_id_at;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    outbox.count_pending: CountPending { limit: i64 }
    outbox.count_recent: CountRecent<'a> { oldest: Uuid, sinces: &'a [Uuid], seconds: &'a [i64] }
}

/// What waits of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The source.
    pub source: String,
    /// How many rows.
    pub count: i64,
    /// When the oldest of them was received.
    pub oldest: Timestamp,
}

/// What came in of one source within a window, and what has become of it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// The source.
    pub source: String,
    /// The window's length, in seconds.
    pub window_s: i64,
    /// Rows that were received.
    pub received: i64,
    /// How many of them are processed.
    pub processed: i64,
    /// How many of them were given up.
    pub dead: i64,
}

/// What waits, by source. Counts at most `limit` rows in all: where the counts come to as many, there may be more.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn waiting(on: &impl GenericClient, limit: i64) -> Result<Vec<Waiting>, StoreError> {
    let read = |row: &Row| {
        Ok(Waiting {
            source: row.read("source")?,
            count: row.read("count")?,
            oldest: row.read("oldest")?,
        })
    };
    let rows = CountPending { limit }.rows(on).await?;
    rows.iter().map(read).collect()
}

/// What came in within the last so many seconds, for each of `windows` and each source of which something did.
///
/// # Errors
/// Whatever Postgres or the connection answers.
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
        source: row.read("source")?,
        window_s: row.read("seconds")?,
        received: row.read("received")?,
        processed: row.read("processed")?,
        dead: row.read("dead")?,
    })
}
