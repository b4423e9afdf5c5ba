//! Counts the dead letters of a time: by their words, and by connection.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    dead_letters.reasons: Reasons { since: Timestamp, until: Timestamp, limit: i64 }
    dead_letters.recent: Recent { since: Timestamp, until: Timestamp, limit: i64 }
}

/// The most letters that are read. A count beyond is no news.
pub const MOST: i64 = 20_000;

/// The dead letters of one connection and entity that say the same, to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameWords {
    /// The name of the connection; empty if a message named none.
    pub source: String,
    /// The kind of object; empty if a message named none.
    pub entity: String,
    /// The reason.
    pub error: String,
    /// The number of letters.
    pub count: i64,
}

/// The dead letters of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfConnection {
    /// The name of the connection; empty if a message named none.
    pub source: String,
    /// The time of the oldest of them.
    pub since: Timestamp,
    /// The number of letters.
    pub count: i64,
}

/// Returns the newest letters between two instants by their words, [`MOST`] of them.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn by_words(
    on: &impl GenericClient,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<SameWords>, StoreError> {
    let read = |row: &Row| {
        Ok(SameWords {
            source: row.read("source")?,
            entity: row.read("entity")?,
            error: row.read("error")?,
            count: row.read("count")?,
        })
    };
    Reasons { since, until, limit: MOST }.rows(on).await?.iter().map(read).collect()
}

/// Returns the newest letters between two instants by connection, [`MOST`] of them.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn by_connection(
    on: &impl GenericClient,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<OfConnection>, StoreError> {
    let read = |row: &Row| {
        Ok(OfConnection {
            source: row.read("source")?,
            since: row.read("since")?,
            count: row.read("count")?,
        })
    };
    Recent { since, until, limit: MOST }.rows(on).await?.iter().map(read).collect()
}
