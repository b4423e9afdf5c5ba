//! The tables `archive_targets`, `archive_loads` and `archive_rebuilds`: what BigQuery holds of the
//! analytics copy, and what is to get there (docs/adr/0068-bigquery.md).
//!
//! An attempt is committed before BigQuery hears of it, with the id of its job. What comes next is
//! decided by whoever holds the table's row, so that a day is never added to and replaced at once.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::bigquery::{File, load_id};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

pub mod rebuilds;
pub mod targets;

pub use targets::{Standing, Target};

statements! {
    archive_loads.running: Running<'a> { table_name: &'a str }
    archive_loads.due: Due<'a> { table_name: &'a str, now: Timestamp }
    archive_loads.add: Add<'a> { table_name: &'a str, limit: i64, now: Timestamp }
    archive_loads.drop_replaced: DropReplaced<'a> { table_name: &'a str }
    archive_loads.begin: Begin<'a> {
        batch_id: Uuid,
        rebuild: Uuid,
        attempt: i32,
        job_id: &'a str,
        now: Timestamp,
    }
    archive_loads.finish: Finish {
        batch_id: Uuid,
        rebuild: Uuid,
        attempt: i32,
        rows: Option<i64>,
        now: Timestamp,
    }
    archive_loads.again: Again<'a> {
        batch_id: Uuid,
        rebuild: Uuid,
        attempt: i32,
        error: &'a str,
        next_try_at: Timestamp,
        was_rejected: bool,
    }
    archive_loads.park: Park<'a> { batch_id: Uuid, rebuild: Uuid, attempt: i32, error: &'a str }
    archive_loads.resume: Resume { now: Timestamp }
}

/// A file on its way to BigQuery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The id of its batch.
    pub batch: Uuid,
    /// The rebuild of its day; nil if it is appended.
    pub rebuild: Uuid,
    /// The day of its rows' arrival.
    pub day: Date,
    /// The number of the attempt.
    pub attempt: i32,
    /// The id of the attempt's job.
    pub job: String,
    /// The key of the object; `None` if its batch was withdrawn.
    pub key: Option<String>,
    /// The size of the object.
    pub bytes: u64,
    /// The rows of the file.
    pub rows: i64,
    /// Whether the attempt begins just now: BigQuery has not heard of its job.
    pub is_new: bool,
    /// Whether no file of its rebuild is loaded yet.
    pub is_first: bool,
    /// Whether BigQuery has not taken the file in the attempt before.
    pub was_rejected: bool,
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The rows are there, as many as BigQuery counts.
    Loaded(Option<i64>),
    /// Nothing was written. The next attempt begins at that time at the earliest.
    Again(&'a str, Timestamp),
    /// The same, and BigQuery does not take the file: the next attempt is the last one.
    Rejected(&'a str, Timestamp),
    /// Nothing was written, and a person has to look at it.
    Parked(&'a str),
}

/// Returns the next load of a table that is due, whose attempt begins by this. `None` if there is
/// none. The caller holds the table, and no load of it runs.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn next(
    tx: &Transaction<'_>,
    table: &str,
    now: Timestamp,
) -> Result<Option<Load>, StoreError> {
    let Some(row) = (Due { table_name: table, now }).optional(tx).await? else { return Ok(None) };
    let (batch, rebuild) = (row.read("batch_id")?, row.read("rebuild")?);
    let file = File {
        table,
        epoch: row.read("epoch")?,
        from_tx: row.read("from_tx")?,
        to_tx: row.read("to_tx")?,
        day: row.read("day")?,
        part: row.read("part")?,
        batch,
    };
    let attempt = row.read("attempt")?;
    let job = load_id(&file, rebuild, attempt);
    let begin = Begin { batch_id: batch, rebuild, attempt, job_id: &job, now };
    begin.execute(tx).await?;
    load(&row, job, true).map(Some)
}

/// Returns the load of a table that runs: nothing else of it is begun meanwhile.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn running(on: &impl GenericClient, table: &str) -> Result<Option<Load>, StoreError> {
    let row = Running { table_name: table }.optional(on).await?;
    row.map(|row| load(&row, row.read("job_id")?, false)).transpose()
}

/// Adds at most `limit` files of a table that count and are not in BigQuery, and forgets those that
/// were replaced before they got there. Returns how many were added. The caller holds the table.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn add(
    tx: &Transaction<'_>,
    table: &str,
    limit: i64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    DropReplaced { table_name: table }.execute(tx).await?;
    Add { table_name: table, limit, now }.execute(tx).await
}

/// Keeps how an attempt has ended. Returns false if another invocation has kept it meanwhile.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn end(
    on: &impl GenericClient,
    load: &Load,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Load { batch: batch_id, rebuild, attempt, .. } = *load;
    let kept = match outcome {
        Outcome::Loaded(rows) => Finish { batch_id, rebuild, attempt, rows, now }.execute(on).await,
        Outcome::Again(error, next_try_at) | Outcome::Rejected(error, next_try_at) => {
            let was_rejected = matches!(outcome, Outcome::Rejected(..));
            let again = Again { batch_id, rebuild, attempt, error, next_try_at, was_rejected };
            again.execute(on).await
        }
        Outcome::Parked(error) => Park { batch_id, rebuild, attempt, error }.execute(on).await,
    };
    Ok(kept? == 1)
}

/// Has everything tried again that waits for a person.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn resume(on: &impl GenericClient, now: Timestamp) -> Result<(), StoreError> {
    Resume { now }.execute(on).await?;
    rebuilds::resume(on, now).await?;
    targets::wake(on, None).await
}

fn load(row: &Row, job: String, is_new: bool) -> Result<Load, StoreError> {
    Ok(Load {
        batch: row.read("batch_id")?,
        rebuild: row.read("rebuild")?,
        day: row.read("day")?,
        attempt: row.read("attempt")?,
        job,
        key: row.read("key")?,
        bytes: u64::try_from(row.read::<i64>("bytes")?).unwrap_or_default(),
        rows: row.read("rows")?,
        is_new,
        is_first: row.read("is_first")?,
        was_rejected: row.read("was_rejected")?,
    })
}
