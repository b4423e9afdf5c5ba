//! The `archive_targets` table: the dataset that each table is loaded into.

use jiff::Timestamp;
use tokio_postgres::{GenericClient, Transaction};

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    archive_targets.hold: Hold<'a> { table_name: &'a str, target: &'a str }
    archive_targets.retarget: Retarget<'a> { table_name: &'a str, target: &'a str }
    archive_targets.lock: Lock<'a> { table_name: &'a str }
    archive_targets.gone: Gone<'a> { table_name: &'a str, made: i32 }
    archive_targets.made: Made<'a> { table_name: &'a str }
    archive_targets.rest: Rest<'a> { table_name: &'a str, until: Timestamp, error: &'a str }
    archive_targets.wake: Wake<'a> { table_name: &'a str }
    archive_loads.forget: Forget<'a> { table_name: &'a str, is_done: bool, now: Timestamp }
    archive_loads.knows: Knows<'a> { table_name: &'a str }
    archive_loads.is_due: IsDue<'a> { table_name: &'a str, now: Timestamp }
    archive_loads.standing: CountAll {}
}

/// A table that is held until the end of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Nothing is loaded into it before.
    pub rests_until: Option<Timestamp>,
    /// How often the table was found gone, and was made.
    pub made: i32,
    /// Whether another project or dataset was named before. All of the table is loaded again.
    pub is_moved: bool,
}

/// How far BigQuery is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Files that count and are not loaded.
    pub waiting: i64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Loads, rebuilds and tables that wait for a person.
    pub parked: i64,
}

/// Holds a table. If it was loaded into another dataset before, nothing of it is in this one.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn hold(
    tx: &Transaction<'_>,
    table: &str,
    target: &str,
    now: Timestamp,
) -> Result<Target, StoreError> {
    let row = Hold { table_name: table, target }.one(tx).await?;
    let is_moved = row.read::<&str>("target")? != target;
    if is_moved {
        Retarget { table_name: table, target }.execute(tx).await?;
        // Jobs of another project or dataset write nothing into this one.
        forget(tx, table, true, now).await?;
    }
    let rests_until = if is_moved { None } else { row.read("rests_until")? };
    Ok(Target { rests_until, made: row.read("made")?, is_moved })
}

/// Holds a table that has its row.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn lock(tx: &Transaction<'_>, table: &str) -> Result<(), StoreError> {
    Lock { table_name: table }.optional(tx).await.map(drop)
}

/// Lets a whole table wait for a person.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn rest(
    on: &impl GenericClient,
    table: &str,
    until: Timestamp,
    error: &str,
) -> Result<(), StoreError> {
    Rest { table_name: table, until, error }.execute(on).await.map(drop)
}

/// Ends the rests of a table, or of all.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn wake(on: &impl GenericClient, table: Option<&str>) -> Result<(), StoreError> {
    Wake { table_name: table.unwrap_or_default() }.execute(on).await.map(drop)
}

/// Keeps that a table is gone: nothing of it is loaded. `is_done` says that the job of the load
/// that runs is done, so that it writes nothing any more. Returns how many files are to be loaded
/// again; `None` if somebody has noticed, or has made the table, since `made` was read.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn gone(
    tx: &Transaction<'_>,
    table: &str,
    made: i32,
    is_done: bool,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    if (Gone { table_name: table, made }).execute(tx).await? == 0 {
        return Ok(None);
    }
    forget(tx, table, is_done, now).await.map(Some)
}

/// Keeps that a table was made. Nothing was loaded into it yet.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn made(on: &impl GenericClient, table: &str) -> Result<(), StoreError> {
    Made { table_name: table }.execute(on).await.map(drop)
}

async fn forget(
    tx: &Transaction<'_>,
    table: &str,
    is_done: bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    super::rebuilds::remove_of(tx, table).await?;
    Forget { table_name: table, is_done, now }.execute(tx).await
}

/// Returns whether there is anything to do for a table.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_due(
    on: &impl GenericClient,
    table: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    IsDue { table_name: table, now }.one(on).await?.read("is_due")
}

/// Whether any row of a table can be in BigQuery by an attempt of ours.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn knows(on: &impl GenericClient, table: &str) -> Result<bool, StoreError> {
    Knows { table_name: table }.one(on).await?.read("knows")
}

/// Returns how far BigQuery is behind.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn standing(on: &impl GenericClient) -> Result<Standing, StoreError> {
    let row = CountAll {}.one(on).await?;
    Ok(Standing {
        waiting: row.read("waiting")?,
        oldest: row.read("oldest")?,
        parked: row.read("parked")?,
    })
}
