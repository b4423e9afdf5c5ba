//! The `dead_letters` table: what a person has to look at. Letters of outbox rows are written by
//! [`crate::outbox::bury`]; here are those of queue messages that no row stands behind.

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
    /// SQS' id of it: a message delivered twice makes one letter.
    pub message_id: &'a str,
    /// Its body.
    pub body: &'a str,
    /// The vendor it was about, if it says.
    pub source: Option<&'a str>,
    /// The entity it was about, if it says.
    pub entity: Option<&'a str>,
    /// How often it was received.
    pub receives: i32,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Writes the dead letter of a message.
///
/// # Errors
/// Whatever Postgres answers.
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
