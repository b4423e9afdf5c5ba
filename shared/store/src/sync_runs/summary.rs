//! Counts the runs of a time by connection.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    sync_runs.summary: Summary { since: Timestamp, until: Timestamp }
}

/// The runs of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCounts {
    /// The name of the connection.
    pub source: String,
    /// The number of runs that succeeded.
    pub succeeded: i64,
    /// The number of runs that failed.
    pub failed: i64,
    /// The number of runs that are under way.
    pub running: i64,
    /// The number of rows that were new.
    pub rows_new: i64,
}

/// Returns the runs that began between two instants, by connection.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn between(
    on: &impl GenericClient,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<RunCounts>, StoreError> {
    let read = |row: &Row| {
        Ok(RunCounts {
            source: row.read("source")?,
            succeeded: row.read("succeeded")?,
            failed: row.read("failed")?,
            running: row.read("running")?,
            rows_new: row.read("rows_new")?,
        })
    };
    Summary { since, until }.rows(on).await?.iter().map(read).collect()
}
