//! The `payments` table: one row a money object, in the version that stands.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::payment::{Payment, Stamp};
use postgres_types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::{Row, Sql, StoreError};

static UPSERT: Sql = Sql {
    name: "payments.upsert",
    text: include_str!("../sql/payments/upsert.sql"),
    types: &[
        Type::TEXT_ARRAY,
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
    /// The vendor.
    pub source: String,
    /// Charge, refund, dispute …
    pub kind: String,
    /// The vendor's id.
    pub external_id: String,
}

/// One version of one object, and the row that brought it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The object.
    pub payment: &'a Payment,
    /// The row of the outbox.
    pub row: OutboxId,
}

/// Upserts at most one version a key, gated on version; the answer is the ties with versions that
/// are not in `batch`, where `find_ties` asks for them.
///
/// One statement whatever the number of rows and of their sources: all writers lock in one order. A key must not occur twice (trap 17): collapse first.
///
/// # Errors
/// Dead by [`StoreError::disposition`] where a value is refused: bisect. Anything else may succeed later.
pub async fn upsert(
    tx: &Transaction<'_>,
    payments: &[Version<'_>],
    batch: &[OutboxId],
    find_ties: bool,
    now: Timestamp,
) -> Result<Vec<Tie>, StoreError> {
    if payments.is_empty() {
        return Ok(Vec::new());
    }
    let column =
        |f: fn(&Payment) -> &str| payments.iter().map(|v| f(v.payment)).collect::<Vec<_>>();
    let times =
        |f: fn(&Payment) -> Timestamp| payments.iter().map(|v| f(v.payment)).collect::<Vec<_>>();
    let numbers =
        |f: fn(&Payment) -> i64| payments.iter().map(|v| f(v.payment)).collect::<Vec<_>>();
    let sources: Vec<&str> = payments.iter().map(|v| v.source).collect();
    let native: Vec<bool> = payments.iter().map(|v| v.payment.stamp == Stamp::Native).collect();
    let ranks: Vec<i16> = payments.iter().map(|v| v.payment.status.rank()).collect();
    let rows: Vec<Uuid> = payments.iter().map(|v| v.row.0).collect();
    // `substring` counts from 1.
    let from: Vec<i32> = payments.iter().map(|v| position(v.payment.raw.start) + 1).collect();
    let length: Vec<i32> = payments.iter().map(|v| position(v.payment.raw.len())).collect();
    let batch: Vec<Uuid> = batch.iter().map(|id| id.0).collect();
    let ties = UPSERT
        .rows(
            tx,
            &[
                &sources,
                &column(|p| p.kind.as_str()),
                &column(|p| &p.external_id),
                &numbers(|p| p.amount),
                &column(|p| p.currency.as_str()),
                &column(|p| p.status.as_str()),
                &column(|p| &p.raw_status),
                &times(|p| p.occurred_at),
                &times(|p| p.version_at),
                &native,
                &ranks,
                &numbers(|p| p.content_hash),
                &rows,
                &from,
                &length,
                &now,
                &batch,
                &find_ties,
            ],
        )
        .await?;
    let tie = |row: &Row| {
        Ok(Tie {
            source: row.read("source")?,
            kind: row.read("kind")?,
            external_id: row.read("external_id")?,
        })
    };
    ties.iter().map(tie).collect()
}

/// A place in a payload; none is larger than a bytea can be, which is 1 GiB.
pub(crate) fn position(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
