//! The `archive_rebuilds` table: days whose partitions are replaced as a whole.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::bigquery::copy_id;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

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
    archive_rebuilds.begin: Begin<'a> { id: Uuid, attempt: i32, job_id: &'a str }
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
    /// The files of the day. With none, the partition is deleted.
    pub files: i64,
}

/// The next step of a table's rebuilds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The copy is to be made.
    Copy(Rebuild),
    /// One of its files was replaced meanwhile: it was given up, and another is planned.
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
    let files = row.read("files")?;
    if row.read::<&str>("state")? == "copying" {
        let job = row.read("job_id")?;
        return Ok(Some(Next::Copy(Rebuild { id, day, attempt, job, files })));
    }
    if row.read("is_stale")? {
        give_up(tx, id).await?;
        return Ok(Some(Next::GivenUp(id, day)));
    }
    let job = copy_id(table, day, id, attempt);
    Begin { id, attempt, job_id: &job }.execute(tx).await?;
    Ok(Some(Next::Copy(Rebuild { id, day, attempt, job, files })))
}

/// Gives up a rebuild whose copy has not begun, or has failed.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn give_up(on: &impl GenericClient, id: Uuid) -> Result<(), StoreError> {
    ForgetStaged { rebuild: id }.execute(on).await?;
    Remove { id }.execute(on).await.map(drop)
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
