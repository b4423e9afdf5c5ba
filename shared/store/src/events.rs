//! The `events` table: product events, one row an id.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Event, FAR_FUTURE, FAR_PAST};
use postgres_types::Type;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::{Sql, StoreError};

static INSERT: Sql = Sql {
    name: "events.insert",
    text: include_str!("../sql/events/insert.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::FLOAT8,
        Type::FLOAT8,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&INSERT];

/// An event with the row it came in.
#[derive(Debug)]
pub struct Taken<'a> {
    /// The row.
    pub row: OutboxId,
    /// The id that it was taken under: its sender's, or ours.
    pub event_id: &'a str,
    /// What it says.
    pub event: Event<'a>,
}

/// Writes events; of an id that is there already the first stays. One whose time is further from its receipt than
/// [`FAR_FUTURE`] or [`FAR_PAST`] is flagged.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn insert(on: &impl GenericClient, events: &[Taken<'_>]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Uuid> = events.iter().map(|taken| taken.row.0).collect();
    let ids: Vec<&str> = events.iter().map(|taken| taken.event_id).collect();
    let users: Vec<Option<&str>> =
        events.iter().map(|taken| taken.event.user_id.as_deref()).collect();
    let sessions: Vec<Option<&str>> =
        events.iter().map(|taken| taken.event.session_id.as_deref()).collect();
    let types: Vec<&str> = events.iter().map(|taken| taken.event.r#type.as_str()).collect();
    let payloads: Vec<Option<&str>> = events.iter().map(|taken| taken.event.payload).collect();
    let metadata: Vec<Option<&str>> = events.iter().map(|taken| taken.event.metadata).collect();
    let times: Vec<Option<Timestamp>> =
        events.iter().map(|taken| taken.event.occurred_at).collect();
    let (future, past) = (FAR_FUTURE.as_secs_f64(), FAR_PAST.as_secs_f64());
    INSERT
        .execute(
            on,
            &[&rows, &ids, &users, &sessions, &types, &payloads, &metadata, &times, &future, &past],
        )
        .await
        .map(drop)
}
