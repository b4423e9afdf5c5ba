//! The `dead_letters` table: rows and messages that an operator has to look at.
//! [`crate::outbox::bury`] writes the letters of outbox rows; this module writes those of queue
//! messages without a row.

use jiff::Timestamp;
use penstock_domain::disposition::Reason;
use penstock_domain::ids::DeadLetterId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    dead_letters.insert: Insert<'a> {
        id: Uuid,
        source: Option<&'a str>,
        entity: Option<&'a str>,
        payload: &'a [u8],
        error: &'a str,
        error_kind: &'a str,
        attempts: i32,
        message_id: &'a str,
        now: Timestamp,
    }
}

/// A queue message that failed for good.
#[derive(Debug, Clone)]
pub struct Undeliverable<'a> {
    /// The id that SQS gave the message: one that is delivered twice makes one letter.
    pub message_id: &'a str,
    /// The body of the message, as text.
    pub body: &'a str,
    /// The source that the message names, if it names one.
    pub source: Option<&'a str>,
    /// The entity that the message names, if it names one.
    pub entity: Option<&'a str>,
    /// The number of times that it was received.
    pub receives: i32,
    /// The reason that the letter states.
    pub reason: Reason,
}

/// Writes the dead letter of a message.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn write(
    on: &impl GenericClient,
    message: &Undeliverable<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let insert = Insert {
        id: DeadLetterId::new(now).0,
        source: message.source,
        entity: message.entity,
        payload: message.body.as_bytes(),
        error: &message.reason.detail.replace('\0', "\u{2400}"),
        error_kind: message.reason.kind.as_str(),
        attempts: message.receives,
        message_id: message.message_id,
        now,
    };
    insert.execute(on).await.map(drop)
}
