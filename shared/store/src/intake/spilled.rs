//! A request that was accepted while Postgres was away, on its way from the queue `spill` into the
//! outbox.

use jiff::Timestamp;
use penstock_domain::intake::{Intake, NotEvents, Proof, Reading, Sender};

use super::{Answer, Stored, store};
use crate::api_keys::{self, Standing};
use crate::{Database, StoreError};

/// The outcome of bringing a spilled request in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroughtIn {
    /// The request is stored.
    Stored(Stored),
    /// Its API key could not be looked up when it came. It is one of ours, and was revoked, may not
    /// send this, or is no longer known: a database that was restored has lost it.
    Unauthorized,
    /// Its API key could not be looked up when it came, and is none of ours.
    Stranger,
    /// Events under an Idempotency-Key that came with another body before. They are not stored; a
    /// lead would be.
    Conflict,
    /// Its body holds no events: `ingest` did not write this message.
    Unreadable(NotEvents),
}

/// Returns the name of a sender whose key was not looked up when the request came, or why the
/// request is not stored. A message of a release before 0.2 names no sender: its key may have been
/// looked up and be gone since.
async fn find_sender(
    database: &Database,
    sender: &Sender,
) -> Result<Result<String, BroughtIn>, StoreError> {
    let connection = database.connection().await?;
    let standing = api_keys::standing(&**connection, &sender.id).await?;
    Ok(match (standing, sender.proof) {
        (Standing::MaySend(name), _) | (Standing::MayNot(name), Proof::LookedUp) => Ok(name),
        (Standing::Unknown, Proof::LookedUp) => Ok(sender.namespace()),
        (Standing::Unknown, Proof::None) => Err(BroughtIn::Stranger),
        (Standing::MayNot(_), _) | (Standing::Unknown, Proof::Marked) => {
            Err(BroughtIn::Unauthorized)
        }
    })
}

/// Stores a spilled request as it would have been stored when it came: once, in any order with
/// others.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn bring_in(
    database: &Database,
    intake: &Intake,
    ticket_due_at: Timestamp,
    now: Timestamp,
) -> Result<BroughtIn, StoreError> {
    let named;
    let intake = match &intake.sender.name {
        Some(_) if intake.sender.proof == Proof::LookedUp => intake,
        _ => match find_sender(database, &intake.sender).await? {
            Ok(name) => {
                named = intake.clone().sent_by(name);
                &named
            }
            Err(refused) => return Ok(refused),
        },
    };
    let text = match intake.event_text() {
        Ok(text) => text,
        Err(error) => return Ok(BroughtIn::Unreadable(error)),
    };
    let reading = match intake.read(&text) {
        Ok(reading) => reading,
        Err(error) => return Ok(BroughtIn::Unreadable(error)),
    };
    let stored = store(database, intake, &reading, ticket_due_at, now).await?;
    // The sender of these events read 202 and has let go of them: they must not be dropped
    // silently.
    let conflicts = matches!(stored.answer, Answer::Conflict { .. });
    let lost = conflicts && matches!(reading, Reading::Events(_));
    Ok(if lost { BroughtIn::Conflict } else { BroughtIn::Stored(stored) })
}
