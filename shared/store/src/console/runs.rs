//! The rows that a run has fetched.

use jiff::{SignedDuration, Timestamp};
use penstock_domain::ids::oldest_id_at;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    console.fetched: FetchedRows { first: Uuid, last: Uuid, run: Uuid, limit: i64 }
}

/// A row of the outbox that a run has put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub id: Uuid,
    pub entity: String,
    pub external_id: String,
    /// `pending`, `processed` or `dead`.
    pub status: String,
    pub attempts: i32,
    pub error_kind: Option<String>,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
}

/// Returns the newest rows that a run has put into the outbox between two instants, and that are
/// still kept there.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn fetched(
    on: &impl GenericClient,
    run: Uuid,
    (began, moved): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Fetched>, StoreError> {
    let fetched = |row: &Row| {
        Ok(Fetched {
            id: row.read("id")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
            status: row.read("status")?,
            attempts: row.read("attempts")?,
            error_kind: row.read("error_kind")?,
            received_at: row.read("received_at")?,
            processed_at: row.read("processed_at")?,
        })
    };
    // The last page is committed with the last move of the run.
    let last = oldest_id_at(moved.saturating_add(SignedDuration::from_secs(1)).unwrap_or(moved));
    let rows = FetchedRows { first: oldest_id_at(began), last, run, limit };
    rows.rows(on).await?.iter().map(fetched).collect()
}
