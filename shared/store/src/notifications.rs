//! The `notifications` table: messages to the clients of transactions. Each is made by the
//! statement that ends its transaction; `delivered_at` says that it went out.

use jiff::Timestamp;
use penstock_domain::transaction::notification::TELLING;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};
use crate::transactions::MESSAGE_GRACE;

statements! {
    notifications.claim: Claim { id: Uuid, until: Timestamp, now: Timestamp }
    notifications.settle: Settle<'a> {
        id: Uuid,
        attempts: i32,
        is_delivered: bool,
        is_dead: bool,
        next_action_at: Option<Timestamp>,
        message_due_at: Option<Timestamp>,
        error: Option<&'a str>,
        now: Timestamp,
    }
    notifications.due: Due { next_due_at: Timestamp, now: Timestamp, limit: i64 }
    notifications.of: Of { id: Uuid }
    notifications.replay: Replay {
        id: Uuid,
        expires_at: Timestamp,
        message_due_at: Timestamp,
        now: Timestamp,
    }
}

/// An attempt to tell a client, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The message's id.
    pub id: Uuid,
    /// The transaction.
    pub transaction: Uuid,
    /// The bytes that are sent.
    pub body: String,
    /// The attempts, this one included.
    pub attempts: u32,
    /// The end of its attempts.
    pub expires_at: Timestamp,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The client has heard.
    Delivered,
    /// There is another attempt.
    Again {
        /// The time of it.
        at: Timestamp,
        /// Why this one failed.
        error: &'a str,
    },
    /// There is none, but by a person.
    Dead {
        /// Why this one failed.
        error: &'a str,
    },
}

/// A message as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id, which the client reads as `webhook-id`.
    pub id: Uuid,
    /// The attempts so far.
    pub attempts: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The time of the next attempt.
    pub next_action_at: Option<Timestamp>,
    /// When the client took it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub dead_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// Claims the next attempt until `until`. Returns `None` if none is due.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    on: &impl GenericClient,
    id: Uuid,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    let Some(row) = (Claim { id, until, now }).optional(on).await? else { return Ok(None) };
    Ok(Some(Claimed {
        id: row.read("id")?,
        transaction: row.read("transaction_id")?,
        body: row.read("body")?,
        attempts: u32::try_from(row.read::<i32>("attempts")?).unwrap_or(u32::MAX),
        expires_at: row.read("expires_at")?,
    }))
}

/// Keeps the outcome of an attempt. Returns false if another attempt was claimed since.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(
    on: &impl GenericClient,
    of: &Claimed,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (next, error) = match outcome {
        Outcome::Delivered => (None, None),
        Outcome::Again { at, error } => (Some(at), Some(error)),
        Outcome::Dead { error } => (None, Some(error)),
    };
    let settle = Settle {
        id: of.id,
        attempts: i32::try_from(of.attempts).unwrap_or(i32::MAX),
        is_delivered: outcome == Outcome::Delivered,
        is_dead: matches!(outcome, Outcome::Dead { .. }),
        next_action_at: next,
        message_due_at: next.map(|at| at + MESSAGE_GRACE),
        error,
        now,
    };
    Ok(settle.execute(on).await? == 1)
}

/// Returns messages whose attempts are overdue, and gives them time until `next_due_at`.
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

/// Returns the messages about a transaction, oldest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of(
    on: &impl GenericClient,
    transaction: Uuid,
) -> Result<Vec<Notification>, StoreError> {
    let rows = Of { id: transaction }.rows(on).await?;
    let notification = |row: &crate::Row| {
        Ok(Notification {
            id: row.read("id")?,
            attempts: row.read("attempts")?,
            created_at: row.read("created_at")?,
            next_action_at: row.read("next_action_at")?,
            delivered_at: row.read("delivered_at")?,
            dead_at: row.read("dead_at")?,
            last_error: row.read("last_error")?,
        })
    };
    rows.iter().map(notification).collect()
}

/// Has the dead messages about a transaction sent again, and returns their ids.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn replay(
    on: &impl GenericClient,
    transaction: Uuid,
    now: Timestamp,
) -> Result<Vec<Uuid>, StoreError> {
    let (expires_at, message_due_at) = (now + TELLING, now + MESSAGE_GRACE);
    let rows = Replay { id: transaction, expires_at, message_due_at, now }.rows(on).await?;
    rows.iter().map(|row| row.read("id")).collect()
}
