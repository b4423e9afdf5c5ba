//! Transactions as they are shown.

use jiff::Timestamp;
use penstock_domain::transaction::{Failure, State};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::{Stored, failure, find, state};
use crate::StoreError;
use crate::notifications::{self, Notification};
use crate::sql::{Statement, statements};

statements! {
    transactions.page: PageOf<'a> {
        status: Option<&'a str>,
        before: Option<Timestamp>,
        before_id: Option<Uuid>,
        limit: i64,
    }
    transaction_changes.of: ChangesOf { id: Uuid }
    transaction_attempts.of: AttemptsOf { id: Uuid }
    transaction_conflicts.of: ConflictsOf { id: Uuid }
}

/// Which transactions a page shows.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only those in this state.
    pub status: Option<State>,
    /// Only those after this one, in the order of the pages.
    pub before: Option<(Timestamp, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

/// A transaction in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its client's id.
    pub id: Uuid,
    /// Its state.
    pub state: State,
    /// Why it is failed, if it is.
    pub failure: Option<Failure>,
    /// The last word about it.
    pub reason: Option<String>,
    /// When it came in.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A change of a transaction's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The state afterwards.
    pub status: String,
    /// The cause, as [`super::Cause::as_str`] has it.
    pub cause: String,
    /// The last word about it.
    pub reason: Option<String>,
    /// When it changed.
    pub changed_at: Timestamp,
}

/// A submission to the third party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub attempt: i32,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended; `None` if it is under way, or was cut off.
    pub ended_at: Option<Timestamp>,
    /// The outcome; `None` as long as it has no end.
    pub outcome: Option<String>,
}

/// A word of the third party against a final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its word.
    pub said: String,
    /// How it came: see [`super::Cause::as_str`].
    pub cause: String,
    /// The state that it contradicts.
    pub status: String,
    /// How often it came.
    pub times: i32,
    /// When it first came.
    pub first_at: Timestamp,
    /// When it last came.
    pub last_at: Timestamp,
}

/// All that is known of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The transaction.
    pub of: Stored,
    /// The changes of its state, oldest first.
    pub changes: Vec<Change>,
    /// Its submissions, oldest first.
    pub attempts: Vec<Attempt>,
    /// The words against its final state.
    pub conflicts: Vec<Conflict>,
    /// The messages to its client, oldest first.
    pub notifications: Vec<Notification>,
}

/// Returns a page of transactions, newest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know a word of a row.
pub async fn page(on: &impl GenericClient, page: Page) -> Result<Vec<Listed>, StoreError> {
    let (before, before_id) = page.before.unzip();
    let status = page.status.map(State::as_str);
    let rows = PageOf { status, before, before_id, limit: page.limit }.rows(on).await?;
    let listed = |row: &crate::Row| {
        Ok(Listed {
            id: row.read("id")?,
            state: state(row)?,
            failure: failure(row)?,
            reason: row.read("reason")?,
            received_at: row.read("received_at")?,
            updated_at: row.read("updated_at")?,
            ended_at: row.read("ended_at")?,
        })
    };
    rows.iter().map(listed).collect()
}

/// Returns all that is known of a transaction.
///
/// # Errors
/// As [`page`].
pub async fn history(on: &impl GenericClient, id: Uuid) -> Result<Option<History>, StoreError> {
    let Some(of) = find(on, id).await? else { return Ok(None) };
    let changes = ChangesOf { id }.rows(on).await?;
    let changes = changes.iter().map(|row| {
        Ok(Change {
            status: row.read("status")?,
            cause: row.read("cause")?,
            reason: row.read("reason")?,
            changed_at: row.read("changed_at")?,
        })
    });
    let attempts = AttemptsOf { id }.rows(on).await?;
    let attempts = attempts.iter().map(|row| {
        Ok(Attempt {
            attempt: row.read("attempt")?,
            begun_at: row.read("begun_at")?,
            ended_at: row.read("ended_at")?,
            outcome: row.read("outcome")?,
        })
    });
    let conflicts = ConflictsOf { id }.rows(on).await?;
    let conflicts = conflicts.iter().map(|row| {
        Ok(Conflict {
            said: row.read("said")?,
            cause: row.read("cause")?,
            status: row.read("status")?,
            times: row.read("times")?,
            first_at: row.read("first_at")?,
            last_at: row.read("last_at")?,
        })
    });
    Ok(Some(History {
        changes: changes.collect::<Result<_, StoreError>>()?,
        attempts: attempts.collect::<Result<_, StoreError>>()?,
        conflicts: conflicts.collect::<Result<_, StoreError>>()?,
        notifications: notifications::of(on, id).await?,
        of,
    }))
}
