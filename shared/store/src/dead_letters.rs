//! The `dead_letters` table: what a person has to look at. Letters of outbox rows are written by
//! [`crate::outbox::bury`]; here are those of queue messages that no row stands behind.

use jiff::Timestamp;
use penstock_domain::disposition::Reason;
use penstock_domain::ids::DeadLetterId;
use postgres_types::Type;
use tokio_postgres::GenericClient;

use crate::{Sql, StoreError};

static WRITE: Sql = Sql {
    name: "dead_letters.write",
    text: "insert into dead_letters (id, source, entity, payload, error, error_kind, attempts, message_id, created_at) \
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
           on conflict (message_id) where message_id is not null do nothing",
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::TEXT,
        Type::TEXT,
        Type::INT4,
        Type::TEXT,
        Type::TIMESTAMPTZ,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&WRITE];

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
    let error = message.reason.detail.replace('\0', "\u{2400}");
    let kind = message.reason.kind.as_str();
    let body = message.body.as_bytes();
    WRITE
        .execute(
            on,
            &[
                &DeadLetterId::new(now).0,
                &message.source,
                &message.entity,
                &body,
                &error,
                &kind,
                &message.receives,
                &message.message_id,
                &now,
            ],
        )
        .await
        .map(drop)
}
