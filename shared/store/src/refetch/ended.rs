//! Requests that ended without an answer: their objects could not be read.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    refetch_requests.ended: Ended { limit: i64 }
    refetch_requests.purge: Purge { before: Timestamp, limit: i64 }
}

/// The objects of one entity that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The name of the vendor.
    pub vendor: String,
    /// The name of the connection.
    pub source: String,
    /// The kind of object, in the vendor's word.
    pub entity: String,
    /// The number of objects, as far as the count went.
    pub count: i64,
    /// The time at which the newest of these requests ended.
    pub newest: Timestamp,
    /// The reason of the newest.
    pub reason: Option<String>,
}

/// Counts the requests that ended without an answer by entity, the newest `limit` of them.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count(on: &impl GenericClient, limit: i64) -> Result<Vec<Counted>, StoreError> {
    let read = |row: &Row| {
        Ok(Counted {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            entity: row.read("entity")?,
            count: row.read("count")?,
            newest: row.read("newest")?,
            reason: row.read("reason")?,
        })
    };
    Ended { limit }.rows(on).await?.iter().map(read).collect()
}

/// Deletes up to `limit` requests that ended without an answer before `before`, and returns how
/// many.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge(
    on: &impl GenericClient,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    Purge { before, limit }.execute(on).await
}
