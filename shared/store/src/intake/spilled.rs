//! A request that was accepted while Postgres was away, on its way from the queue `spill` into the
//! outbox.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Intake, NotEvents, Proof, Reading};

use super::{Answer, store};
use crate::api_keys::{self, Standing};
use crate::{Database, StoreError};

/// The outcome of bringing a spilled request in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroughtIn {
    /// The request is stored, and these rows are new.
    Stored(Vec<OutboxId>),
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
    if intake.sender.proof != Proof::LookedUp {
        let connection = database.connection().await?;
        match api_keys::standing(&**connection, &intake.sender.id).await? {
            Standing::MaySend => {}
            Standing::Unknown if intake.sender.proof == Proof::None => {
                return Ok(BroughtIn::Stranger);
            }
            Standing::MayNot | Standing::Unknown => return Ok(BroughtIn::Unauthorized),
        }
    }
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
    let lost = stored.answer == Answer::Conflict && matches!(reading, Reading::Events(_));
    Ok(if lost { BroughtIn::Conflict } else { BroughtIn::Stored(stored.rows) })
}
