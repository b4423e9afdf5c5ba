//! The `payments` table: one row a money object, in the version that stands.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::payment::{Payment, Stamp};
use postgres_types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::{Sql, StoreError};

static UPSERT: Sql = Sql {
    name: "payments.upsert",
    text: include_str!("../sql/payments/upsert.sql"),
    types: &[
        Type::TEXT,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
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
        Type::UUID_ARRAY,
        Type::BOOL,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&UPSERT];

/// An object of which two versions carry the same time-stamp.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    /// Charge, refund, dispute …
    pub kind: String,
    /// The vendor's id.
    pub external_id: String,
}

/// Upserts at most one version a key, gated on version; the answer is the ties with versions that
/// are not in `batch`, where `find_ties` asks for them.
///
/// One statement whatever the number of rows. A key must not occur twice (trap 17): collapse first.
///
/// # Errors
/// Dead by [`StoreError::disposition`] where a value is refused: bisect. Anything else may succeed later.
pub async fn upsert(
    tx: &Transaction<'_>,
    source: &str,
    payments: &[(&Payment, OutboxId)],
    batch: &[OutboxId],
    find_ties: bool,
    now: Timestamp,
) -> Result<Vec<Tie>, StoreError> {
    let column = |f: fn(&Payment) -> &str| payments.iter().map(|(p, _)| f(p)).collect::<Vec<_>>();
    let amounts: Vec<i64> = payments.iter().map(|(p, _)| p.amount).collect();
    let occurred: Vec<Timestamp> = payments.iter().map(|(p, _)| p.occurred_at).collect();
    let versions: Vec<Timestamp> = payments.iter().map(|(p, _)| p.version_at).collect();
    let native: Vec<bool> = payments.iter().map(|(p, _)| p.stamp == Stamp::Native).collect();
    let ranks: Vec<i16> = payments.iter().map(|(p, _)| p.status.rank()).collect();
    let hashes: Vec<i64> = payments.iter().map(|(p, _)| p.content_hash).collect();
    let rows: Vec<Uuid> = payments.iter().map(|(_, id)| id.0).collect();
    // `substring` counts from 1.
    let from: Vec<i32> = payments.iter().map(|(p, _)| position(p.raw.start) + 1).collect();
    let length: Vec<i32> = payments.iter().map(|(p, _)| position(p.raw.len())).collect();
    let batch: Vec<Uuid> = batch.iter().map(|id| id.0).collect();
    let ties = UPSERT
        .rows(
            tx,
            &[
                &source,
                &column(|p| p.kind.as_str()),
                &column(|p| &p.external_id),
                &amounts,
                &column(|p| p.currency.as_str()),
                &column(|p| p.status.as_str()),
                &column(|p| &p.raw_status),
                &occurred,
                &versions,
                &native,
                &ranks,
                &hashes,
                &rows,
                &from,
                &length,
                &now,
                &batch,
                &find_ties,
            ],
        )
        .await?;
    Ok(ties.iter().map(|r| Tie { kind: r.get(0), external_id: r.get(1) }).collect())
}

/// A place in a payload; none is larger than a bytea can be, which is 1 GiB.
fn position(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
