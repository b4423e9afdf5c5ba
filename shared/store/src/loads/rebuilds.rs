//! The `archive_rebuilds` table: days whose partitions are replaced as a whole.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::bigquery::copy_id;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

/// An invocation and its requests have ended after this long.
const INVOCATION: Duration = Duration::from_secs(20 * 60);

statements! {
    archive_targets.hold_all: HoldAll {}
    archive_rebuilds.plan: Plan<'a> { table_name: &'a str, id: Uuid, now: Timestamp }
    archive_rebuilds.want: Want<'a> {
        table_name: &'a str,
        first: Date,
        last: Date,
        now: Timestamp,
    }
    archive_rebuilds.find: Find<'a> { table_name: &'a str, now: Timestamp }
    archive_rebuilds.begin: Begin<'a> {
        id: Uuid,
        attempt: i32,
        job_id: &'a str,
        next_try_at: Timestamp,
    }
    archive_rebuilds.copying: Copying<'a> { table_name: &'a str }
    archive_rebuilds.give_up: GiveUp<'a> { id: Uuid, error: Option<&'a str>, now: Timestamp }
    archive_rebuilds.again: Again<'a> {
        id: Uuid,
        attempt: i32,
        state: &'a str,
        error: &'a str,
        next_try_at: Timestamp,
    }
    archive_rebuilds.resume: Resume { now: Timestamp }
    archive_rebuilds.remove: Remove { id: Uuid }
    archive_rebuilds.remove_of: RemoveOf<'a> { table_name: &'a str }
    archive_loads.forget_staged: ForgetStaged { rebuild: Uuid }
    archive_loads.leave_day: LeaveDay<'a> { table_name: &'a str, day: Date, rebuild: Uuid }
    archive_loads.overwrite: Overwrite<'a> { table_name: &'a str, day: Date, now: Timestamp }
    archive_loads.enter_day: EnterDay { rebuild: Uuid }
}

/// A day that is put together, and whose copy over the partition is due or under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// Its id.
    pub id: Uuid,
    /// The day.
    pub day: Date,
    /// The number of the attempt to copy.
    pub attempt: i32,
    /// The id of the attempt's job.
    pub job: String,
    /// The files of the day.
    pub files: i64,
    /// The rows of these files. With none, the partition is deleted.
    pub rows: i64,
}

/// The next step of a table's rebuilds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The copy is to be made.
    Copy(Rebuild),
    /// One of its files was replaced meanwhile: it was given up, and is planned again.
    GivenUp(Uuid, Date),
    /// A rebuild was planned, of this day and with so many files.
    Planned(Date, i64),
}

/// Returns the next step of a table's rebuilds; the attempt to copy begins by this. The caller
/// holds the table, and no load of it runs.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn next(
    tx: &Transaction<'_>,
    table: &str,
    now: Timestamp,
) -> Result<Option<Next>, StoreError> {
    let Some(row) = (Find { table_name: table, now }).optional(tx).await? else {
        let planned = Plan { table_name: table, id: Uuid::now_v7(), now }.optional(tx).await?;
        let planned = planned
            .map(|row| Ok::<_, StoreError>(Next::Planned(row.read("day")?, row.read("files")?)));
        return planned.transpose();
    };
    let (id, day, attempt) = (row.read("id")?, row.read("day")?, row.read("attempt")?);
    let (files, rows): (i64, i64) = (row.read("files")?, row.read("rows")?);
    let is_copying = row.read::<&str>("state")? == "copying";
    if is_copying && rows > 0 {
        let job = row.read("job_id")?;
        return Ok(Some(Next::Copy(Rebuild { id, day, attempt, job, files, rows })));
    }
    if row.read("is_stale")? {
        give_up(tx, id, None, now).await?;
        return Ok(Some(Next::GivenUp(id, day)));
    }
    let job = copy_id(table, day, id, attempt);
    // A deletion has no id by which it is done once, and BigQuery documents no job without rows
    // that empties a partition. So one invocation deletes, and nothing is added to the day until
    // its outcome is known. If the outcome was lost, another invocation deletes only after all
    // requests of this one have ended: a late one would remove what was added meanwhile.
    let next_try_at = if rows == 0 { now + INVOCATION } else { now };
    Begin { id, attempt, job_id: &job, next_try_at }.execute(tx).await?;
    Ok(Some(Next::Copy(Rebuild { id, day, attempt, job, files, rows })))
}

/// Returns the job of the copy of a table that is under way.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn copying(on: &impl GenericClient, table: &str) -> Result<Option<String>, StoreError> {
    let row = Copying { table_name: table }.optional(on).await?;
    row.map(|row| row.read("job_id")).transpose()
}

/// Gives up a rebuild whose copy has not begun, or has failed. Its day stays as it is, and is put
/// together anew: at once, or after a pause that grows if `error` says why it has failed.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn give_up(
    on: &impl GenericClient,
    id: Uuid,
    error: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    ForgetStaged { rebuild: id }.execute(on).await?;
    GiveUp { id, error, now }.execute(on).await.map(drop)
}

/// Keeps that a day was replaced: its files are those of the rebuild. The caller holds the table.
/// Returns false if another invocation has kept it meanwhile.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn finish(
    tx: &Transaction<'_>,
    table: &str,
    rebuild: &Rebuild,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if (Remove { id: rebuild.id }).execute(tx).await? == 0 {
        return Ok(false);
    }
    let Rebuild { id, day, .. } = *rebuild;
    LeaveDay { table_name: table, day, rebuild: id }.execute(tx).await?;
    Overwrite { table_name: table, day, now }.execute(tx).await?;
    EnterDay { rebuild: id }.execute(tx).await?;
    Ok(true)
}

/// Keeps that a copy has failed, and has changed nothing. Without `next_try_at` a person has to
/// look at it.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn again(
    on: &impl GenericClient,
    rebuild: &Rebuild,
    error: &str,
    next_try_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Rebuild { id, attempt, .. } = *rebuild;
    let state = if next_try_at.is_some() { "staging" } else { "parked" };
    let next_try_at = next_try_at.unwrap_or(now);
    Ok(Again { id, attempt, state, error, next_try_at }.execute(on).await? == 1)
}

/// Plans the rebuilds of all days from `first` to `last`, of one table or of all. Returns how many
/// were planned; days that are being rebuilt are left alone.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn want(
    tx: &Transaction<'_>,
    table: Option<&str>,
    (first, last): (Date, Date),
    now: Timestamp,
) -> Result<i64, StoreError> {
    // So that no load begins meanwhile.
    HoldAll {}.rows(tx).await?;
    let want = Want { table_name: table.unwrap_or_default(), first, last, now };
    want.one(tx).await?.read("days")
}

/// Has rebuilds tried again that wait for a person.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub(super) async fn resume(on: &impl GenericClient, now: Timestamp) -> Result<(), StoreError> {
    Resume { now }.execute(on).await.map(drop)
}

/// Removes the rebuilds of a table that is gone.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub(super) async fn remove_of(on: &impl GenericClient, table: &str) -> Result<(), StoreError> {
    RemoveOf { table_name: table }.execute(on).await.map(drop)
}
