//! A request that went round a database that was away, on its way back in.

use jiff::Timestamp;
use penstock_domain::access::{KeyHeader, Need};
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Intake, NotEvents, Reading};

use super::{Told, keep};
use crate::{Database, StoreError, api_keys};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroughtIn {
    /// It is kept; these rows are new.
    Kept(Vec<OutboxId>),
    /// Nobody could tell at the door whether its API key is good, and it is not.
    NotAdmitted,
    /// Events under an Idempotency-Key that had come with another body before: none is kept. (A lead would be.)
    Conflict,
    /// Its body holds no events; a message that the door did not write.
    Unreadable(NotEvents),
}

/// Keeps a spilled request as it would have been kept when it came, in any order with others, and once.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn bring_in(
    database: &Database,
    intake: &Intake,
    ticket_due_at: Timestamp,
    now: Timestamp,
) -> Result<BroughtIn, StoreError> {
    if !intake.sender.verified {
        let connection = database.connection().await?;
        let key = api_keys::find(&**connection, &intake.sender.scope).await?;
        let may_send = |scope| Need::Ingest.is_met_by(KeyHeader::ApiKey, scope);
        if !key.is_some_and(|key| may_send(key.scope)) {
            return Ok(BroughtIn::NotAdmitted);
        }
    }
    let reading = match intake.read() {
        Ok(reading) => reading,
        Err(error) => return Ok(BroughtIn::Unreadable(error)),
    };
    let kept = keep(database, intake, &reading, ticket_due_at, now).await?;
    // The sender of these events was told that they are taken, and still nobody else has them.
    let lost = kept.told == Told::Conflict && matches!(reading, Reading::Events(_));
    Ok(if lost { BroughtIn::Conflict } else { BroughtIn::Kept(kept.rows) })
}
