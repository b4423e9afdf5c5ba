//! The differences that a reconciliation has found.

use jiff::civil::Date;
use penstock_domain::ids::RunId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    reconciliations.count: Count { run: Uuid, look: i16 }
    reconciliations.differences: Differences { run: Uuid, look: i16, limit: i64 }
    reconciliations.latest: Latest<'a> { source: &'a str, entity: &'a str }
}

/// A day on which the two sides differ, by currency and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The day, in UTC.
    pub day: Date,
    /// The currency as ISO 4217 code.
    pub currency: String,
    /// The status as `payments` has it.
    pub status: String,
    /// The number of payments that the vendor has.
    pub theirs_count: i64,
    /// Their sum, in minor units of the currency.
    pub theirs_sum: String,
    /// The number of payments that `payments` has.
    pub ours_count: i64,
    /// Their sum, in minor units of the currency.
    pub ours_sum: String,
}

/// Returns the newest reconciliation of an entity.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn latest(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
) -> Result<Option<RunId>, StoreError> {
    let row = Latest { source, entity }.optional(on).await?;
    row.map(|row| row.read("id").map(RunId)).transpose()
}

/// Returns how many differences a comparison has found.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count(on: &impl GenericClient, run: RunId, look: i16) -> Result<i64, StoreError> {
    Count { run: run.0, look }.one(on).await?.read("count")
}

/// Returns up to `limit` differences that a comparison has found, newest days first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn differences(
    on: &impl GenericClient,
    run: RunId,
    look: i16,
    limit: i64,
) -> Result<Vec<Difference>, StoreError> {
    let rows = Differences { run: run.0, look, limit }.rows(on).await?;
    rows.iter().map(difference).collect()
}

fn difference(row: &Row) -> Result<Difference, StoreError> {
    Ok(Difference {
        day: row.read("day")?,
        currency: row.read("currency")?,
        status: row.read("status")?,
        theirs_count: row.read("theirs_count")?,
        theirs_sum: row.read("theirs_sum")?,
        ours_count: row.read("ours_count")?,
        ours_sum: row.read("ours_sum")?,
    })
}
