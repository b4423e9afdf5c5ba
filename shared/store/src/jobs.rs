//! Jobs: work on many rows that somebody asked for ([`JobKind`]). A job's items are chosen once,
//! when it is planned. Then `relay` works them at the job's rate, in short transactions
//! (docs/adr/0056-jobs.md).

pub mod erase;
pub mod plan;
mod report;
pub mod step;

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::ids::JobId;
use penstock_domain::job::{JobKind, JobState};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Connection, Row, StoreError, audit, begin, commit};

pub(crate) use report::STATEMENTS as REPORT_STATEMENTS;
pub use report::{Reason, Report, report};

statements! {
    jobs.start: Start<'a> {
        job: Uuid,
        kind: &'a str,
        rate: i32,
        why: &'a str,
        asked_by: &'a str,
        now: Timestamp,
        planned_after: Timestamp,
    }
    jobs.begin_erasure: BeginErasure { job: Uuid, now: Timestamp }
    jobs.alike: Alike { job: Uuid }
    jobs.set_state: SetState<'a> { job: Uuid, state: &'a str, from: &'a [&'a str], now: Timestamp }
    jobs.find: Find { job: Uuid }
    jobs.list: List<'a> {
        planned_at: Option<Timestamp>,
        id: Option<Uuid>,
        state: Option<&'a str>,
        limit: i64,
    }
    job_items.first: First { job: Uuid, limit: i64 }
}

/// The most items of one job.
pub const MOST_ITEMS: i64 = 100_000;

/// A job that is not started within this time is forgotten.
pub const PLAN_LASTS: Duration = Duration::from_secs(60 * 60);

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// The word in `jobs.kind`.
    pub kind: String,
    /// The filter that has chosen its items, as JSON.
    pub filter: String,
    /// The word in `jobs.state`.
    pub state: String,
    /// The items that are begun in a second.
    pub rate: i32,
    /// The name of the key that asked for it, and the reason that was given.
    pub asked_by: String,
    pub why: Option<String>,
    pub items: i32,
    /// Whether more rows matched than one job takes, and where the next one goes on.
    pub is_capped: bool,
    pub continue_at: Option<String>,
    pub planned_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// An item as it was when the job was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstItem {
    /// The table of the item's row.
    pub target: String,
    /// The key of that row.
    pub key: Vec<String>,
    /// Of a failure: the connection, the object, the error, and when it failed.
    pub source: Option<String>,
    pub entity: Option<String>,
    pub external_id: Option<String>,
    pub error_kind: Option<String>,
    pub reason: Option<String>,
    pub failed_at: Option<Timestamp>,
}

fn job(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId(row.read("id")?),
        kind: row.read("kind")?,
        filter: row.read("filter")?,
        state: row.read("state")?,
        rate: row.read("rate")?,
        asked_by: row.read("asked_by")?,
        why: row.read("why")?,
        items: row.read("items")?,
        is_capped: row.read("is_capped")?,
        continue_at: row.read("continue_at")?,
        planned_at: row.read("planned_at")?,
        started_at: row.read("started_at")?,
        ended_at: row.read("ended_at")?,
    })
}

/// Returns a job by its id.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, id: JobId) -> Result<Option<Job>, StoreError> {
    Find { job: id.0 }.optional(on).await?.as_ref().map(job).transpose()
}

/// Returns up to `limit` jobs behind `after`, the newest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn list(
    on: &impl GenericClient,
    after: Option<(Timestamp, JobId)>,
    state: Option<JobState>,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let (planned_at, id) = (after.map(|(at, _)| at), after.map(|(_, id)| id.0));
    let list = List { planned_at, id, state: state.map(JobState::as_str), limit };
    list.rows(on).await?.iter().map(job).collect()
}

/// Returns the first items of a job.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn first_items(
    on: &impl GenericClient,
    id: JobId,
    limit: i64,
) -> Result<Vec<FirstItem>, StoreError> {
    let item = |row: &Row| {
        Ok(FirstItem {
            target: row.read("target")?,
            key: row.read("key")?,
            source: row.read("source")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
            error_kind: row.read("error_kind")?,
            reason: row.read("reason")?,
            failed_at: row.read("failed_at")?,
        })
    };
    First { job: id.0, limit }.rows(on).await?.iter().map(item).collect()
}

/// The decision of a person about a job that was planned.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The items to begin in a second.
    pub rate: i32,
    /// The reason, for whoever reads the job later.
    pub why: &'a str,
    /// The name of the key.
    pub asked_by: &'a str,
}

/// The outcome of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The job runs from now on.
    Now,
    /// This job is at work already: the same one, or one with the same filter.
    Already(JobId),
    /// It was planned too long ago, has ended, or never was.
    Gone,
}

/// Starts a planned job, unless one with the same filter is at work, and writes `trail` into the
/// audit log. The names of a planned erasure become known to all writers in the same transaction.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. Nothing has changed then.
pub async fn start(
    on: &mut Connection,
    id: JobId,
    kind: JobKind,
    decision: Decision<'_>,
    trail: &audit::Entry<'_>,
    now: Timestamp,
) -> Result<Started, StoreError> {
    let tx = begin(on).await?;
    match start_in(&tx, id, kind, decision, now).await {
        Ok(Started::Now) => {
            if kind == JobKind::Erase {
                BeginErasure { job: id.0, now }.execute(&tx).await?;
            }
            audit::write(&tx, trail).await?;
            commit(tx).await?;
            Ok(Started::Now)
        }
        // Another caller has started one with the same filter since.
        Err(error) if error.is_unique_violation() => {
            drop(tx);
            alike(&***on, id).await
        }
        other => other,
    }
}

/// As [`start`]. A unique violation says that one with the same filter was started just now.
async fn start_in(
    on: &impl GenericClient,
    id: JobId,
    kind: JobKind,
    decision: Decision<'_>,
    now: Timestamp,
) -> Result<Started, StoreError> {
    let Decision { rate, why, asked_by } = decision;
    let planned_after = now - PLAN_LASTS;
    let start = Start { job: id.0, kind: kind.as_str(), rate, why, asked_by, now, planned_after };
    match alike(on, id).await? {
        Started::Gone => {
            let started = start.optional(on).await?;
            Ok(started.map_or(Started::Gone, |_| Started::Now))
        }
        already => Ok(already),
    }
}

/// The job at work that has the same filter.
async fn alike(on: &impl GenericClient, id: JobId) -> Result<Started, StoreError> {
    let alike = Alike { job: id.0 }.optional(on).await?;
    let alike = alike.map(|row| row.read("id").map(JobId)).transpose()?;
    Ok(alike.map_or(Started::Gone, Started::Already))
}

/// Pauses, resumes or stops a job that is in one of the states `from`. Returns whether it was.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn set_state(
    on: &impl GenericClient,
    id: JobId,
    from: &[JobState],
    to: JobState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
    let set = SetState { job: id.0, state: to.as_str(), from: &from, now };
    Ok(set.optional(on).await?.is_some())
}
