//! What was pushed, into the outbox: one row, and where it only names an object, the wish to read it. Both in
//! one statement, by whoever brings it: the request itself, or a message that went round a database that was away.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Delivery;
use postgres_types::Type;

use crate::outbox::Arrival;
use crate::{Database, Sql, StoreError};

static TAKE: Sql = Sql {
    name: "deliveries.take",
    text: include_str!("../sql/deliveries/take.sql"),
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::BYTEA,
        Type::TEXT,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&TAKE];

/// Commits a delivery; the answer is its row, or `None` where this version is known already.
///
/// `relay` takes its messages for lost from `arrival.ticket_due_at` on. Where one is known already, the wish to
/// read its object was committed with it, and is not made again.
///
/// # Errors
/// Whatever Postgres answers. Where the connection broke nobody knows whether it was committed; doing it again does
/// no harm.
pub async fn take(
    database: &Database,
    arrival: Arrival<'_>,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Option<OutboxId>, StoreError> {
    let item = &delivery.item;
    let (kind, id) = delivery.look.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str())).unzip();
    let connection = database.connection().await?;
    let client: &tokio_postgres::Client = &connection;
    let row = TAKE
        .optional(
            client,
            &[
                &OutboxId::new(arrival.received_at).0,
                &arrival.source,
                &item.entity,
                &item.external_id,
                &item.version_key,
                &item.version_at,
                &item.api_version,
                &item.payload,
                &arrival.content_type,
                &arrival.run.map(|run| run.0),
                &arrival.ticket_due_at,
                &arrival.received_at,
                &kind,
                &id,
                &now,
            ],
        )
        .await?;
    Ok(row.map(|row| OutboxId(row.get(0))))
}
