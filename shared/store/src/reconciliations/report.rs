//! What a reconciliation has found.

use jiff::civil::Date;
use penstock_domain::ids::RunId;
use postgres_types::Type;
use tokio_postgres::GenericClient;

use crate::{Row, Sql, StoreError};

static COUNT: Sql = Sql {
    name: "reconciliations.count",
    text: "select count(*) as count from reconciled_days where run_id = $1 and look = $2",
    types: &[Type::UUID, Type::INT2],
};

static DIFFERENCES: Sql = Sql {
    name: "reconciliations.differences",
    text: "select day, currency, status, theirs_count, theirs_sum::text as theirs_sum, ours_count, ours_sum::text as ours_sum \
           from reconciled_days where run_id = $1 and look = $2 order by day desc, currency, status limit $3",
    types: &[Type::UUID, Type::INT2, Type::INT8],
};

static LATEST: Sql = Sql {
    name: "reconciliations.latest",
    text: "select id from sync_runs where source = $1 and entity = $2 and mode = 'reconcile' \
           order by started_at desc, id desc limit 1",
    types: &[Type::TEXT, Type::TEXT],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&COUNT, &DIFFERENCES, &LATEST];

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
    let row = LATEST.optional(on, &[&source, &entity]).await?;
    row.map(|row| row.read("id").map(RunId)).transpose()
}

/// How many differences a look has found.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn count(on: &impl GenericClient, run: RunId, look: i16) -> Result<i64, StoreError> {
    COUNT.one(on, &[&run.0, &look]).await?.read("count")
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
    DIFFERENCES.rows(on, &[&run.0, &look, &limit]).await?.iter().map(difference).collect()
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
