//! The `contacts` table: one row a person, in the version that stands.

use jiff::Timestamp;
use penstock_domain::contact::Contact;
use penstock_domain::ids::OutboxId;
use penstock_domain::payment::Stamp;
use postgres_types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::payments::position;
use crate::{Sql, StoreError};

static UPSERT: Sql = Sql {
    name: "contacts.upsert",
    text: include_str!("../sql/contacts/upsert.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::INT4_ARRAY,
        Type::INT4_ARRAY,
        Type::TIMESTAMPTZ,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&UPSERT];

/// One version of one contact, and the row that brought it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The contact.
    pub contact: &'a Contact,
    /// The row of the outbox.
    pub row: OutboxId,
}

/// Upserts at most one version a key, gated on version; one statement whatever their number and sources.
///
/// # Errors
/// Dead by [`StoreError::disposition`] where a value is refused: bisect. Anything else may succeed later.
pub async fn upsert(
    tx: &Transaction<'_>,
    versions: &[Version<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let texts = |f: fn(&Contact) -> &Option<String>| {
        versions.iter().map(|v| f(v.contact).as_deref()).collect::<Vec<_>>()
    };
    let sources: Vec<&str> = versions.iter().map(|v| v.source).collect();
    let ids: Vec<&str> = versions.iter().map(|v| v.contact.external_id.as_str()).collect();
    let deleted: Vec<Option<Timestamp>> = versions.iter().map(|v| v.contact.deleted_at).collect();
    let stamps: Vec<Timestamp> = versions.iter().map(|v| v.contact.version_at).collect();
    let native: Vec<bool> = versions.iter().map(|v| v.contact.stamp == Stamp::Native).collect();
    let ranks: Vec<i16> = versions.iter().map(|v| v.contact.rank()).collect();
    let hashes: Vec<i64> = versions.iter().map(|v| v.contact.content_hash).collect();
    let rows: Vec<Uuid> = versions.iter().map(|v| v.row.0).collect();
    // `substring` counts from 1.
    let from: Vec<i32> = versions.iter().map(|v| position(v.contact.raw.start) + 1).collect();
    let length: Vec<i32> = versions.iter().map(|v| position(v.contact.raw.len())).collect();
    UPSERT
        .execute(
            tx,
            &[
                &sources,
                &ids,
                &texts(|c| &c.email),
                &texts(|c| &c.phone),
                &texts(|c| &c.first_name),
                &texts(|c| &c.last_name),
                &texts(|c| &c.merged_into),
                &deleted,
                &stamps,
                &native,
                &ranks,
                &hashes,
                &rows,
                &from,
                &length,
                &now,
            ],
        )
        .await
        .map(drop)
}
