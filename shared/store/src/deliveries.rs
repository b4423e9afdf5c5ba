//! What was pushed, into the outbox: one row, and where it only names an object, the wish to read it. Both in
//! one statement, by whoever brings it: the request itself, or a message that went round a database that was away.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Delivery;
use postgres_types::Type;
use tokio_postgres::Client;

use crate::outbox::Arrival;
use crate::sql::Param;
use crate::{Database, Sql, StoreError, refetch};

/// The types of a row's columns; those of the wish to read an object stand behind.
const TYPES: [Type; 15] = [
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
];

static TAKE: Sql = Sql {
    name: "deliveries.take",
    text: include_str!("../sql/deliveries/take.sql"),
    types: TYPES.split_at(12).0,
};

/// Apart, since most deliveries name nothing, and Postgres would plan for the wish each time.
static TAKE_AND_LOOK: Sql = Sql {
    name: "deliveries.take_and_look",
    text: include_str!("../sql/deliveries/take_and_look.sql"),
    types: &TYPES,
};

pub(crate) static STATEMENTS: &[&Sql] = &[&TAKE, &TAKE_AND_LOOK];

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
    let Some(item) = &delivery.item else {
        return look_only(database, arrival, delivery, now).await;
    };
    let (row, run) = (OutboxId::new(arrival.received_at).0, arrival.run.map(|run| run.0));
    let columns: [Param<'_>; 12] = [
        &row,
        &arrival.source,
        &item.entity,
        &item.external_id,
        &item.version_key,
        &item.version_at,
        &item.api_version,
        &item.payload,
        &arrival.content_type,
        &run,
        &arrival.ticket_due_at,
        &arrival.received_at,
    ];
    let connection = database.connection().await?;
    let client: &Client = &connection;
    let row = match delivery.looks.first() {
        None => TAKE.optional(client, &columns).await?,
        Some((kind, id)) => {
            let wish: [Param<'_>; 3] = [kind, id, &now];
            TAKE_AND_LOOK.optional(client, &[columns.as_slice(), &wish].concat()).await?
        }
    };
    row.map(|row| row.read("id").map(OutboxId)).transpose()
}

/// Nothing but objects to read: each is wanted again from now on, even if it is being read just now.
async fn look_only(
    database: &Database,
    arrival: Arrival<'_>,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Option<OutboxId>, StoreError> {
    let (kinds, ids): (Vec<String>, Vec<String>) = delivery.looks.iter().cloned().unzip();
    if ids.is_empty() {
        return Ok(None);
    }
    let sources = vec![arrival.source.to_owned(); ids.len()];
    let connection = database.connection().await?;
    let client: &Client = &connection;
    let columns: [Param<'_>; 5] = [&sources, &kinds, &ids, &now, &arrival.ticket_due_at];
    refetch::REQUEST.execute(client, &columns).await?;
    Ok(None)
}
