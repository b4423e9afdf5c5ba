//! What a reconciliation has found.

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
    /// In UTC.
    pub day: Date,
    /// ISO 4217.
    pub currency: String,
    /// The status as we know it.
    pub status: String,
    /// How many the vendor has.
    pub theirs_count: i64,
    /// Their sum in minor units.
    pub theirs_sum: String,
    /// How many we have.
    pub ours_count: i64,
    /// Their sum in minor units.
    pub ours_sum: String,
}

/// The newest reconciliation of an entity.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn latest(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
) -> Result<Option<RunId>, StoreError> {
    let row = Latest { source, entity }.optional(on).await?;
    row.map(|row| row.read("id").map(RunId)).transpose()
}

/// How many differences a look has found.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn count(on: &impl GenericClient, run: RunId, look: i16) -> Result<i64, StoreError> {
    Count { run: run.0, look }.one(on).await?.read("count")
}

/// What a look has found, newest days first, at most `limit`.
///
/// # Errors
/// Whatever Postgres answers.
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
