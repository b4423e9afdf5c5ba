//! Work that waits: by age, and for the next turn of `relay`.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use super::MOST_COUNTED;
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    console.by_age: ByAge<'a> { bounds: &'a [Timestamp], limit: i64 }
    console.due: DueRows { now: Timestamp, limit: i64 }
}

/// The pending rows of one connection that are of one age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfAge {
    /// The name of the vendor, and that of the connection.
    pub vendor: String,
    pub source: String,
    /// How many of the bounds the rows are older than.
    pub older_than: i64,
    pub count: i64,
}

/// The work of one kind that waits for `relay`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// `outbox`, `transactions`, `notifications`, `jobs` or `refetches`.
    pub kind: String,
    /// The number that is due by now, and the number that is not yet.
    pub due: i64,
    pub later: i64,
    /// The time of the first of them.
    pub next_at: Option<Timestamp>,
}

/// Counts pending rows by connection and age, [`MOST_COUNTED`] in all.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn by_age(
    on: &impl GenericClient,
    bounds: &[Timestamp],
) -> Result<Vec<OfAge>, StoreError> {
    let of_age = |row: &Row| {
        Ok(OfAge {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            older_than: row.read("width")?,
            count: row.read("count")?,
        })
    };
    ByAge { bounds, limit: MOST_COUNTED }.rows(on).await?.iter().map(of_age).collect()
}

/// Counts what waits for `relay`, at most [`MOST_COUNTED`] of each kind.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn due(on: &impl GenericClient, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let due = |row: &Row| {
        Ok(Due {
            kind: row.read("kind")?,
            due: row.read("due")?,
            later: row.read("later")?,
            next_at: row.read("next_at")?,
        })
    };
    DueRows { now, limit: MOST_COUNTED }.rows(on).await?.iter().map(due).collect()
}
