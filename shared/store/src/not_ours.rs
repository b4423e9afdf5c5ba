//! The `not_ours` table: processed rows of the outbox that are somebody else's, with the reason.

use jiff::Timestamp;
use penstock_domain::ids::{OutboxId, oldest_id_at};
use penstock_domain::source::NotOurs;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    not_ours.insert: Insert<'a> {
        ids: &'a [Uuid],
        sources: &'a [&'a str],
        reasons: &'a [&'a str],
        now: Timestamp,
    }
    not_ours.count: Count { limit: i64 }
    not_ours.purge: Purge { before: Uuid, limit: i64 }
}

/// A row that is not the deployment's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'a> {
    /// The row of the outbox.
    pub row: OutboxId,
    /// The name of its source.
    pub source: &'a str,
    /// Why it is not ours.
    pub reason: NotOurs,
}

/// Notes rows that the transaction of `on` processes.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(
    on: &impl GenericClient,
    notes: &[Note<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = notes.iter().map(|note| note.row.0).collect();
    let sources: Vec<&str> = notes.iter().map(|note| note.source).collect();
    let reasons: Vec<&str> = notes.iter().map(|note| note.reason.as_str()).collect();
    Insert { ids: &ids, sources: &sources, reasons: &reasons, now }.execute(on).await.map(drop)
}

/// The rows of one connection that are not ours for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The name of the vendor.
    pub vendor: String,
    /// The name of the connection.
    pub source: String,
    /// The word of [`NotOurs`].
    pub reason: String,
    /// The number of rows, as far as the count went.
    pub count: i64,
    /// The time at which the newest of them was processed.
    pub newest: Timestamp,
}

/// Counts rows by connection and reason, each at most up to `limit`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count(on: &impl GenericClient, limit: i64) -> Result<Vec<Counted>, StoreError> {
    let read = |row: &Row| {
        Ok(Counted {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            reason: row.read("reason")?,
            count: row.read("count")?,
            newest: row.read("newest")?,
        })
    };
    Count { limit }.rows(on).await?.iter().map(read).collect()
}

/// Deletes up to `limit` notes of rows that arrived before `before`, and returns how many.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge(
    on: &impl GenericClient,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    Purge { before: oldest_id_at(before), limit }.execute(on).await
}
