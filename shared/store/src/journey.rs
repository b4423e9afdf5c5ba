//! Reads one user's events.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    events.journey: Journey<'a> {
        user_id: &'a str,
        from: Timestamp,
        before_time: Timestamp,
        before_id: &'a str,
        before_sender: &'a str,
        limit: i64,
        bytes: i64,
    }
}

/// The bounds of a page of one user's events.
#[derive(Debug, Clone, Copy)]
pub struct JourneyPage<'a> {
    /// The user.
    pub user_id: &'a str,
    /// Events that occurred before this time are left out.
    pub from: Timestamp,
    /// Only events before this time, id and sender. With an empty id: events that occurred before
    /// this time.
    pub before: (Timestamp, &'a str, &'a str),
    /// The most events on the page.
    pub limit: i64,
    /// The most bytes of payload and metadata before the last event. The first event always comes.
    pub bytes: i64,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyEvent {
    /// The sender's id of the event, or ours.
    pub event_id: String,
    /// The sender's name; empty for an event that a release before 0.2 has stored.
    pub sender: String,
    /// The type of the event.
    pub r#type: String,
    /// The user's session.
    pub session_id: Option<String>,
    /// When it happened, according to its sender.
    pub occurred_at: Timestamp,
    /// When it was received.
    pub received_at: Timestamp,
    /// `future` or `past` if the two times are too far apart.
    pub clock_skew: Option<String>,
    /// JSON as it came.
    pub payload: Option<String>,
    /// JSON as it came.
    pub metadata: Option<String>,
}

/// Returns events, newest first by time, id and sender, and how many there are within the page's
/// limit. Fewer events come if they have too many bytes.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(
    on: &impl GenericClient,
    page: JourneyPage<'_>,
) -> Result<(Vec<JourneyEvent>, usize), StoreError> {
    let JourneyPage { user_id, from, before, limit, bytes } = page;
    let (before_time, before_id, before_sender) = before;
    let journey = Journey { user_id, from, before_time, before_id, before_sender, limit, bytes };
    let rows = journey.rows(on).await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.read("found"))?;
    let events = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok((events, usize::try_from(found).unwrap_or(usize::MAX)))
}

fn event(row: &Row) -> Result<JourneyEvent, StoreError> {
    Ok(JourneyEvent {
        event_id: row.read("event_id")?,
        sender: row.read("sender")?,
        r#type: row.read("type")?,
        session_id: row.read("session_id")?,
        occurred_at: row.read("occurred_at")?,
        received_at: row.read("received_at")?,
        clock_skew: row.read("clock_skew")?,
        payload: row.read("payload")?,
        metadata: row.read("metadata")?,
    })
}
