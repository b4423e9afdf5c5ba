//! The `sync_runs` table: a row a run, for the operator who asks what happened.

pub mod read;

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use postgres_types::Type;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sync_state::Key;
use crate::{Sql, StoreError};

static BEGIN: Sql = Sql {
    name: "sync_runs.begin",
    text: "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, cursor_before, last_error) \
           values ($1, $2, $3, $4, 'running', $5, $5, $6, $7)",
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
    ],
};

static COUNT_PAGE: Sql = Sql {
    name: "sync_runs.count_page",
    text: "update sync_runs set pages = pages + 1, rows_seen = rows_seen + $2, rows_new = rows_new + $3, \
           status = 'running', finished_at = null, updated_at = $4 where id = $1",
    types: &[Type::UUID, Type::INT8, Type::INT8, Type::TIMESTAMPTZ],
};

static SUCCEED: Sql = Sql {
    name: "sync_runs.succeed",
    text: "update sync_runs set status = 'succeeded', finished_at = $2, updated_at = $2, cursor_after = $3 where id = $1",
    types: &[Type::UUID, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ],
};

static RECORD_ERROR: Sql = Sql {
    name: "sync_runs.record_error",
    text: "update sync_runs set errors = errors + 1, last_error = $2, updated_at = $3, \
           status = case when $4 then 'failed' else status end, \
           finished_at = case when $4 then $3 else finished_at end where id = $1",
    types: &[Type::UUID, Type::TEXT, Type::TIMESTAMPTZ, Type::BOOL],
};

static NOTE: Sql = Sql {
    name: "sync_runs.note",
    text: "update sync_runs set last_error = $2 where id = $1",
    types: &[Type::UUID, Type::TEXT],
};

static COUNT_PROCESSED: Sql = Sql {
    name: "sync_runs.count_processed",
    text: include_str!("../sql/sync_runs/count_processed.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] =
    &[&BEGIN, &COUNT_PAGE, &SUCCEED, &RECORD_ERROR, &NOTE, &COUNT_PROCESSED];

/// Opens the report of a run; `note` is something the operator should know about how it began.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn begin(
    on: &impl GenericClient,
    run: RunId,
    key: Key<'_>,
    cursor: Option<Timestamp>,
    note: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    BEGIN
        .execute(on, &[&run.0, &key.source, &key.entity, &key.mode.as_str(), &now, &cursor, &note])
        .await
        .map(drop)
}

/// Counts a page, `seen` rows in it of which `new` had a version not known before.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn count_page(
    on: &impl GenericClient,
    run: RunId,
    seen: usize,
    new: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    COUNT_PAGE.execute(on, &[&run.0, &count(seen), &count(new), &now]).await.map(drop)
}

/// Closes the report: everything up to `cursor` is drained.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn succeed(
    on: &impl GenericClient,
    run: RunId,
    cursor: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    SUCCEED.execute(on, &[&run.0, &now, &cursor]).await.map(drop)
}

/// Records an error; `failed` where the run will not go on by itself.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn record_error(
    on: &impl GenericClient,
    run: RunId,
    error: &str,
    failed: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    RECORD_ERROR.execute(on, &[&run.0, &error, &now, &failed]).await.map(drop)
}

/// Leaves a word for the operator on a run that went well.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn note(on: &impl GenericClient, run: RunId, note: &str) -> Result<(), StoreError> {
    NOTE.execute(on, &[&run.0, &note]).await.map(drop)
}

/// What became of one run's rows in one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows whose effect is committed.
    pub processed: usize,
    /// Rows that are dead.
    pub dead: usize,
    /// Raw statuses that no map knows, as `kind:status`.
    pub unmapped: Vec<String>,
}

/// Adds a batch's outcome to the reports of its runs.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn count_processed(
    on: &impl GenericClient,
    outcomes: &[(RunId, Outcome)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let runs: Vec<Uuid> = outcomes.iter().map(|(id, _)| id.0).collect();
    let processed: Vec<i64> = outcomes.iter().map(|(_, o)| count(o.processed)).collect();
    let dead: Vec<i64> = outcomes.iter().map(|(_, o)| count(o.dead)).collect();
    let unmapped =
        || outcomes.iter().flat_map(|(id, o)| o.unmapped.iter().map(|u| (id.0, u.as_str())));
    let unmapped_runs: Vec<Uuid> = unmapped().map(|(id, _)| id).collect();
    let statuses: Vec<&str> = unmapped().map(|(_, status)| status).collect();
    COUNT_PROCESSED
        .execute(on, &[&runs, &processed, &dead, &unmapped_runs, &statuses, &now])
        .await
        .map(drop)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
