//! The `dead_letters` table: rows and messages that an operator has to look at.
//! [`crate::outbox::bury`] writes the letters of outbox rows; this module writes those of queue
//! messages without a row. It lists the objects whose newest version is a dead letter.

pub mod lately;

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::earlier;
use penstock_domain::disposition::Reason;
use penstock_domain::ids::{DeadLetterId, OutboxId};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};

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
        since: Timestamp,
        most_bodies: i64,
    }
    dead_letters.count_new: CountNew { from: Timestamp, until: Timestamp }
    dead_letters.unreadable: Unreadable<'a> {
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        limit: i64,
    }
}

/// Returns how many dead letters were written from `from` until before `until`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count_new(
    on: &impl GenericClient,
    from: Timestamp,
    until: Timestamp,
) -> Result<i64, StoreError> {
    CountNew { from, until }.one(on).await?.read("letters")
}

/// An object whose newest version cannot be read. It counts as nothing until one can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableObject {
    /// The name of the vendor.
    pub vendor: String,
    /// The name of the connection that it came by.
    pub source: String,
    /// The kind of object in the vendor's word.
    pub entity: String,
    /// The vendor's id of the object.
    pub external_id: String,
    /// The row of that version. It is replayed once its reason is mended.
    pub outbox_id: OutboxId,
    pub dead_letter_id: DeadLetterId,
    /// The class of the reason's kind.
    pub error_class: String,
    /// The reason's kind, its field and the reason, as the dead letter states them.
    pub error_kind: String,
    pub error_field: Option<String>,
    pub error: String,
    /// When the version became a dead letter.
    pub since: Timestamp,
}

/// Returns the objects of these connections whose newest version cannot be read, the latest first,
/// at most `limit`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unreadable(
    on: &impl GenericClient,
    chosen: Chosen<'_>,
    limit: i64,
) -> Result<Vec<UnreadableObject>, StoreError> {
    let Chosen { vendor, connection } = chosen;
    let rows = Unreadable { vendor, connection, limit }.rows(on).await?;
    let object = |row: &Row| {
        Ok(UnreadableObject {
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
            outbox_id: OutboxId(row.read("outbox_id")?),
            dead_letter_id: DeadLetterId(row.read("id")?),
            error_class: row.read("error_class")?,
            error_kind: row.read("error_kind")?,
            error_field: row.read("error_field")?,
            error: row.read("error")?,
            since: row.read("created_at")?,
        })
    };
    rows.iter().map(object).collect()
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
    /// Whether a function of ours has sealed it: then a sender was told that it is taken, and its
    /// body is kept whatever came before.
    pub sealed: bool,
}

/// The most letters of messages that keep their bodies in a day. A message is at most 256 KiB, so
/// they are 50 MiB at most.
pub const MOST_BODIES_A_DAY: i64 = 200;

const DAY: Duration = Duration::from_secs(86_400);

/// Writes the dead letter of a message. After [`MOST_BODIES_A_DAY`] it has no body, unless the
/// message was sealed.
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
        since: earlier(now, DAY),
        most_bodies: if message.sealed { i64::MAX } else { MOST_BODIES_A_DAY },
    };
    insert.execute(on).await.map(drop)
}
