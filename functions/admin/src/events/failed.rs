//! `GET /admin/events/failed`: what has failed, the newest first.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure as Refusal, Query, Reply, StatusCode};
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

/// The last failure of a page: the next one begins behind it, whatever fails meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub at: Timestamp,
    pub id: Uuid,
}

impl Cursor {
    /// Microseconds, as Postgres keeps them, and the id, both in hexadecimal.
    pub(crate) fn text(self) -> String {
        format!("{:016x}{}", self.at.as_microsecond(), self.id.simple())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (micros, id) = text.split_at_checked(16)?;
        let micros = u64::from_str_radix(micros, 16).ok()?.cast_signed();
        let id = if id.len() == 32 { Uuid::try_parse(id).ok()? } else { return None };
        Some(Self { at: Timestamp::from_microsecond(micros).ok()?, id })
    }

    pub(crate) fn take(query: &mut Query) -> Option<Self> {
        query.take_as("cursor", |text| Self::parse(text).ok_or("must be a nextCursor".to_owned()))
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
    let cursor = Cursor::take(&mut query);
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
    let asked_for = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= asked_for;
    found.truncate(asked_for);
    let last = found.last().filter(|_| !is_last);
    let next_cursor = last.map(|last| Cursor { at: last.failed_at, id: last.id }.text());
    let events = found.into_iter().map(FailedEvent::from).collect();
    Reply::json(StatusCode::OK, &FailedReply { events, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_own_text_and_nothing_else_is_one() {
        let at = Timestamp::from_microsecond(1_767_225_600_123_456).unwrap();
        let cursor = Cursor { at, id: Uuid::from_u128(7) };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for bad in ["", "x", "é", &"0".repeat(47), &"f".repeat(49)] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
