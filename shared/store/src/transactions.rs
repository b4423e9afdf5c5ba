//! The `transactions` table: transactions that a third party decides. Each has one next step, and
//! whoever changes one names the revision that it has read
//! (docs/adr/0063-transactions-in-postgres.md).

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::ids::NotificationId;
use penstock_domain::transaction::notification::{self, TELLING, Telling};
use penstock_domain::transaction::{Failure, Knowledge, Standing, State, Transaction};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

mod apply;
pub mod by_state;
mod read;
mod spilled;
pub mod undecided;

pub use apply::{Applied, Happening, Next, apply};
pub use read::{Attempt, Change, Conflict, History, Listed, Page, history, page};
pub use spilled::{BroughtIn, bring_in};

/// The statements of this module.
pub(crate) use read::STATEMENTS as READ_STATEMENTS;

statements! {
    transactions.insert: Insert<'a> {
        id: Uuid,
        sender: &'a str,
        body: &'a [u8],
        body_sha256: &'a [u8],
        deadline: Timestamp,
        now: Timestamp,
        message_due_at: Timestamp,
    }
    transactions.same: Same<'a> { id: Uuid, body_sha256: &'a [u8] }
    transactions.find: Find { id: Uuid }
    transactions.claim: Claim { id: Uuid, until: Timestamp, now: Timestamp }
    transactions.advance: Advance<'a> {
        id: Uuid,
        revision: i64,
        status: &'a str,
        failure: Option<&'a str>,
        knowledge: &'a str,
        attempt: i32,
        submissions: i32,
        first_begun_at: Option<Timestamp>,
        last_begun_at: Option<Timestamp>,
        deadline: Timestamp,
        polls: i32,
        reason: Option<&'a str>,
        next_action_at: Option<Timestamp>,
        message_due_at: Option<Timestamp>,
        now: Timestamp,
        is_final: bool,
        is_changed: bool,
        is_begun: bool,
        cause: &'a str,
        ended_attempt: Option<i32>,
        outcome: Option<&'a str>,
        notification: Option<Uuid>,
        notification_body: Option<&'a str>,
        notification_due_at: Timestamp,
        notification_expires_at: Timestamp,
    }
    transactions.due: Due { next_due_at: Timestamp, now: Timestamp, limit: i64 }
    transaction_conflicts.note: NoteConflict<'a> {
        id: Uuid,
        said: &'a str,
        cause: &'a str,
        status: &'a str,
        now: Timestamp,
    }
}

/// From this long after a step is due, its message counts as lost, and `relay` sends another.
pub const MESSAGE_GRACE: Duration = Duration::from_secs(60);

/// A transaction that comes in.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Its client's id.
    pub id: Uuid,
    /// The name of the client's API key.
    pub sender: &'a str,
    /// The body as it came.
    pub body: &'a [u8],
    /// The SHA-256 of the body.
    pub body_sha256: &'a [u8],
    /// The instant at which it is given up.
    pub deadline: Timestamp,
}

/// The outcome of taking a transaction in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It is stored.
    New,
    /// The same was there already, and stands like this.
    Known(State),
    /// Another body was there under the id. That one stays.
    Conflict,
}

/// A transaction as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its client's id.
    pub id: Uuid,
    /// The name of the client's API key.
    pub sender: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// Its fate so far.
    pub fate: Transaction,
    /// The questions since the last submission.
    pub polls: u32,
    /// The last word about it.
    pub reason: Option<String>,
    /// Counts its changes.
    pub revision: i64,
    /// The time of its next step; `None` if nothing happens by itself.
    pub next_action_at: Option<Timestamp>,
    /// When it came in.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The cause of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A submission, or the reply to one.
    Submission,
    /// The reply to a question.
    Question,
    /// A call-back.
    CallBack,
    /// Its time is over.
    Time,
    /// A person.
    Operator,
}

impl Cause {
    /// Returns the word in `transaction_changes.cause`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Question => "question",
            Self::CallBack => "call_back",
            Self::Time => "time",
            Self::Operator => "operator",
        }
    }
}

/// A change that is to be applied to a transaction as it was read.
#[derive(Debug, Clone)]
pub struct Move<'a> {
    /// Its fate afterwards.
    pub fate: Transaction,
    /// The questions since the last submission, afterwards.
    pub polls: u32,
    /// The last word about it.
    pub reason: Option<&'a str>,
    /// The cause.
    pub cause: Cause,
    /// The time of the next step; `None` if nothing happens by itself.
    pub next_action_at: Option<Timestamp>,
    /// Whether a submission begins.
    pub begins: bool,
    /// The submission that ends, with the outcome.
    pub ends: Option<(u32, &'a str)>,
    /// When the client is told.
    pub telling: Telling,
}

/// A change that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The revision afterwards.
    pub revision: i64,
    /// The message to the client, if there is one.
    pub notification: Option<Uuid>,
}

/// Stores a transaction, once. From `message_due_at` on its message counts as lost.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. After a broken connection it is not known whether
/// it was committed; storing it again does no harm.
pub async fn take_in(
    on: &impl GenericClient,
    new: &New<'_>,
    message_due_at: Timestamp,
    now: Timestamp,
) -> Result<TakenIn, StoreError> {
    let New { id, sender, body, body_sha256, deadline } = *new;
    let insert = Insert { id, sender, body, body_sha256, deadline, now, message_due_at };
    loop {
        if insert.optional(on).await?.is_some() {
            return Ok(TakenIn::New);
        }
        // There is none if it was purged between the two statements.
        if let Some(row) = (Same { id, body_sha256 }).optional(on).await? {
            let is_same: bool = row.read("is_same")?;
            return Ok(if is_same { TakenIn::Known(state(&row)?) } else { TakenIn::Conflict });
        }
    }
}

/// Returns a transaction as it stands.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know a word of the row.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<Stored>, StoreError> {
    Find { id }.optional(on).await?.map(|row| stored(&row)).transpose()
}

/// Claims the next step of a transaction until `until`. Returns `None` if no step is due: it is
/// done, or somebody else does it.
///
/// # Errors
/// As [`find`].
pub async fn claim(
    on: &impl GenericClient,
    id: Uuid,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Stored>, StoreError> {
    Claim { id, until, now }.optional(on).await?.map(|row| stored(&row)).transpose()
}

/// Applies a change to a transaction if it is as it was read, in one statement with its history
/// and the message to its client. Returns `None` if somebody was faster.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn advance(
    on: &impl GenericClient,
    from: &Stored,
    to: &Move<'_>,
    now: Timestamp,
) -> Result<Option<Moved>, StoreError> {
    let fate = &to.fate;
    let is_changed = fate.state != from.fate.state;
    let reason = to.reason;
    let tells = is_changed && to.telling.tells(fate.state);
    let body = tells.then(|| notification::body(from.id, fate.state, reason, now));
    let notification = tells.then(|| NotificationId::new(now).0);
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let advance = Advance {
        id: from.id,
        revision: from.revision,
        status: fate.state.as_str(),
        failure: fate.failure.map(Failure::as_str),
        knowledge: fate.knowledge.as_str(),
        attempt: number(fate.attempt),
        submissions: number(fate.submissions),
        first_begun_at: fate.first_begun_at,
        last_begun_at: fate.last_begun_at,
        deadline: fate.deadline,
        polls: number(to.polls),
        reason,
        next_action_at: to.next_action_at,
        message_due_at: to.next_action_at.map(|at| at + MESSAGE_GRACE),
        now,
        is_final: fate.state.is_final(),
        is_changed,
        is_begun: to.begins,
        cause: to.cause.as_str(),
        ended_attempt: to.ends.map(|(attempt, _)| number(attempt)),
        outcome: to.ends.map(|(_, outcome)| outcome),
        notification,
        notification_body: body.as_deref(),
        notification_due_at: now + MESSAGE_GRACE,
        notification_expires_at: now + TELLING,
    };
    let Some(row) = advance.optional(on).await? else { return Ok(None) };
    Ok(Some(Moved { revision: row.read("revision")?, notification }))
}

/// Keeps a word of the third party against a final state.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_conflict(
    on: &impl GenericClient,
    of: &Stored,
    said: Standing,
    cause: Cause,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (said, status) = (said.as_str(), of.fate.state.as_str());
    NoteConflict { id: of.id, said, cause: cause.as_str(), status, now }.execute(on).await.map(drop)
}

/// Returns transactions whose messages count as lost, and gives them time until `next_due_at`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn due(
    on: &impl GenericClient,
    now: Timestamp,
    next_due_at: Timestamp,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let rows = Due { next_due_at, now, limit }.rows(on).await?;
    rows.iter().map(|row| row.read("id")).collect()
}

fn state(row: &Row) -> Result<State, StoreError> {
    let word: &str = row.read("status")?;
    State::parse(word).ok_or_else(|| StoreError::Unreadable { column: "transactions.status" })
}

fn failure(row: &Row) -> Result<Option<Failure>, StoreError> {
    let Some(word) = row.read::<Option<&str>>("failure")? else { return Ok(None) };
    let failure = Failure::parse(word);
    failure.map(Some).ok_or_else(|| StoreError::Unreadable { column: "transactions.failure" })
}

fn stored(row: &Row) -> Result<Stored, StoreError> {
    let number = |column| Ok::<_, StoreError>(u32::try_from(row.read::<i32>(column)?).unwrap_or(0));
    let word: &str = row.read("knowledge")?;
    let knowledge = Knowledge::parse(word)
        .ok_or_else(|| StoreError::Unreadable { column: "transactions.knowledge" })?;
    Ok(Stored {
        id: row.read("id")?,
        sender: row.read("sender")?,
        body: row.read("body")?,
        fate: Transaction {
            state: state(row)?,
            failure: failure(row)?,
            knowledge,
            attempt: number("attempt")?,
            submissions: number("submissions")?,
            first_begun_at: row.read("first_begun_at")?,
            last_begun_at: row.read("last_begun_at")?,
            deadline: row.read("deadline")?,
        },
        polls: number("polls")?,
        reason: row.read("reason")?,
        revision: row.read("revision")?,
        next_action_at: row.read("next_action_at")?,
        received_at: row.read("received_at")?,
        updated_at: row.read("updated_at")?,
        ended_at: row.read("ended_at")?,
    })
}
