//! `GET /admin/events/failed`: what has failed, the newest first.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Cursor, Failure as Refusal, Reply, StatusCode};
use penstock_store::failures::{self, Failure, From};
use serde::Serialize;
use uuid::Uuid;

use super::{Asked, causes};
use crate::Ports;

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 200;

/// The last page that has a number. Further ones have a cursor only, which costs the same anywhere.
pub(crate) const MOST_PAGES: i64 = 100;

/// A page of what has failed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailedEvents"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailedReply {
    events: Vec<FailedEvent>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

/// A row or a message that failed, with its newest error.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailedEvent"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailedEvent {
    /// The dead letter; of a row that is tried in vain, the row itself.
    id: Uuid,
    /// `dead`: nothing happens until it is replayed. `failing`: it is tried in vain. `replayed`: it
    /// waits for its next attempt. `message`: it never became a row.
    state: &'static str,
    /// The row of the outbox; null for a message.
    outbox_id: Option<Uuid>,
    /// The id that SQS gave the message.
    message_id: Option<String>,
    /// The run that fetched the row.
    run_id: Option<Uuid>,
    source: Option<String>,
    connection: Option<String>,
    /// The kind of object in the vendor's word.
    entity: Option<String>,
    /// The vendor's id of the object.
    external_id: Option<String>,
    /// `permanent`: a person has to act. `transient` and `dependency` pass by themselves.
    error_class: String,
    /// Groups reasons that are mended alike.
    error_kind: String,
    /// The field to blame, as a JSON pointer into the payload; null if it is none, or not known.
    error_field: Option<String>,
    /// The newest error.
    error: String,
    /// That error without its values: rows that have one cause have one reason.
    reason: String,
    attempts: i32,
    failed_at: Timestamp,
    replayed_at: Option<Timestamp>,
    /// How often it was replayed.
    replay_count: i32,
}

/// The state of a failure, in one word.
pub(crate) fn state(outbox_id: Option<Uuid>, status: Option<&str>, replayed: bool) -> &'static str {
    match (outbox_id, status) {
        (None, _) => "message",
        (Some(_), Some("pending")) if replayed => "replayed",
        (Some(_), Some("pending")) => "failing",
        (Some(_), _) => "dead",
    }
}

impl std::convert::From<Failure> for FailedEvent {
    fn from(failure: Failure) -> Self {
        let outbox_id = failure.outbox_id.map(|id| id.0);
        let state = state(outbox_id, failure.status.as_deref(), failure.replayed_at.is_some());
        Self {
            id: failure.id,
            state,
            outbox_id,
            message_id: failure.message_id,
            run_id: failure.run.map(|run| run.0),
            source: failure.vendor,
            connection: failure.source,
            entity: failure.entity,
            external_id: failure.external_id,
            error_class: failure.error_class,
            error_kind: failure.error_kind,
            error_field: failure.error_field,
            error: failure.error,
            reason: failure.reason,
            attempts: failure.attempts,
            failed_at: failure.failed_at,
            replayed_at: failure.replayed_at,
            replay_count: failure.replay_count,
        }
    }
}

/// `GET /admin/events/failed`: `limit` (1 to 200, default 50), `cursor` or `page` (1 to 100),
/// `group`, and the filter.
pub(crate) async fn list<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mut call: Call<'_, ApiKey>,
) -> Result<Reply, Refusal> {
    let mut query = std::mem::take(&mut call.query);
    let asked = Asked::take(&mut query);
    let group = query.take_as("group", |word| match word {
        "reason" => Ok(()),
        _ => Err("must be reason".to_owned()),
    });
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let page = query.take_number("page", 1, MOST_PAGES);
    let cursor = Cursor::take(&mut query, |_| true);
    if cursor.is_some() && page.is_some() {
        query.reject("page", "must be left out where there is a cursor");
    }
    if group.is_some() && (cursor.is_some() || page.is_some()) {
        query.reject("group", "has one page only");
    }
    query.finish()?;
    if group.is_some() {
        return causes::list(ports, &asked, limit).await;
    }
    let from = cursor.map_or_else(
        || From::Skipping((page.unwrap_or(1) - 1) * limit),
        |cursor| From::Behind(cursor.at, cursor.id),
    );
    let reading = async {
        let connection = ports.database.connection().await?;
        failures::list(&**connection, asked.filter(), from, limit + 1).await
    };
    let mut found = ports.database.in_time(reading).await?;
    let end_of = |failure: &Failure| Cursor { at: failure.failed_at, id: failure.id };
    let next_cursor = Cursor::cut(&mut found, limit, end_of);
    let events = found.into_iter().map(FailedEvent::from).collect();
    Reply::json(StatusCode::OK, &FailedReply { events, next_cursor })
}
