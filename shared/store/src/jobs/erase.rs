//! The erasure of a person: a job whose items are looked for in all tables, by functions of the
//! schema that have their owner's rights (docs/adr/0060-erasing-a-person.md).

use jiff::Timestamp;
use penstock_domain::ids::JobId;
use penstock_domain::job::{JobKind, JobState};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use super::MOST_ITEMS;
use super::plan::{self, NewJob};
use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    jobs.plan_erasure: PlanErasure<'a> {
        job: Uuid,
        email: Option<&'a str>,
        user: Option<&'a str>,
        connection: Option<&'a str>,
        external_id: Option<&'a str>,
        everybody: bool,
    }
    jobs.search_erasure: SearchErasure { job: Uuid, rows: i32, most: i32, now: Timestamp }
    jobs.erase_items: EraseItems { job: Uuid, after: i32, items: i32, now: Timestamp }
    jobs.advance_erasure: AdvanceErasure { job: Uuid, now: Timestamp }
    jobs.forget_stopped_erasures: ForgetStopped { now: Timestamp }
    jobs.searching: Searching { limit: i64 }
}

/// Rows that one step of a search looks at.
const ROWS: i32 = 1_000;

/// A person, by at least one of these.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person<'a> {
    pub email: Option<&'a str>,
    /// The `userId` of their events.
    pub user: Option<&'a str>,
    /// A connection, and the id of a contact, a customer or a payment of it.
    pub object: Option<(&'a str, &'a str)>,
    /// All who were erased before: after a restore.
    pub everybody: bool,
}

/// Plans an erasure, and begins to look for its rows.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. Nothing is planned unless `tx` commits.
pub async fn plan(
    tx: &Transaction<'_>,
    new: NewJob<'_>,
    person: Person<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = new.id;
    plan::insert(tx, new, JobKind::Erase, JobState::Searching, now).await?;
    let Person { email, user, object, everybody } = person;
    let (connection, external_id) = object.unzip();
    let planning = PlanErasure { job: id.0, email, user, connection, external_id, everybody };
    planning.execute(tx).await.map(drop)
}

/// Looks for rows in the next part of a table. Returns whether all tables were searched.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn search(
    on: &impl GenericClient,
    id: JobId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let most = i32::try_from(MOST_ITEMS).unwrap_or(i32::MAX);
    SearchErasure { job: id.0, rows: ROWS, most, now }.one(on).await?.read("is_over")
}

/// Returns the erasures whose rows are still looked for.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn searching(on: &impl GenericClient, limit: i64) -> Result<Vec<JobId>, StoreError> {
    let rows = Searching { limit }.rows(on).await?;
    rows.iter().map(|row| row.read("id").map(JobId)).collect()
}

/// The items of an erasure that a step has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAt {
    pub items: usize,
    /// The place of the last; `None` if there was none.
    pub last: Option<i32>,
}

/// Erases the rows of up to `items` items behind `after`, in one transaction. Rows that others
/// hold, or that are pending, are left to a later round.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn erase(
    on: &impl GenericClient,
    id: JobId,
    after: i32,
    items: usize,
    now: Timestamp,
) -> Result<LookedAt, StoreError> {
    let items = i32::try_from(items).unwrap_or(i32::MAX);
    let row = EraseItems { job: id.0, after, items, now }.one(on).await?;
    let items: i32 = row.read("looked_at")?;
    Ok(LookedAt { items: usize::try_from(items).unwrap_or_default(), last: row.read("last")? })
}

/// The next thing to do for an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Rows that have come since the dry run are to be looked for.
    Search,
    /// The next round: items are left, or a transaction may not know the names yet.
    Wait,
    /// It has ended: a whole search has found nothing that is left.
    Completed,
}

/// Goes on with an erasure of which no item could be worked any more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn advance(
    on: &impl GenericClient,
    id: JobId,
    now: Timestamp,
) -> Result<Next, StoreError> {
    let row = AdvanceErasure { job: id.0, now }.one(on).await?;
    Ok(match row.read::<&str>("next")? {
        "search" => Next::Search,
        "completed" => Next::Completed,
        _ => Next::Wait,
    })
}

/// Takes the person out of erasures that were stopped.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn forget_stopped(on: &impl GenericClient, now: Timestamp) -> Result<(), StoreError> {
    ForgetStopped { now }.execute(on).await.map(drop)
}
