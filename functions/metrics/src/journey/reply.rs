//! A page as it is sent.

use jiff::Timestamp;
use penstock_store::journey::JourneyEvent;
use serde::Serialize;
use serde_json::value::RawValue;

/// The most bytes of a page's events in Lambda's reply. Lambda takes 6 MiB, and the reply holds
/// this JSON as a string once more. One event that alone exceeds this still fits, because its body
/// had at most 1 MiB.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Journey"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct JourneyReply {
    user_id: String,
    /// The number of events on this page.
    count: usize,
    events: Vec<EventReply>,
    from: Timestamp,
    to: Timestamp,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JourneyEvent"))]
#[serde(rename_all = "camelCase")]
struct EventReply {
    event_id: String,
    user_id: String,
    r#type: String,
    session_id: Option<String>,
    occurred_at: Timestamp,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew: Option<String>,
    #[cfg_attr(feature = "contract", schemars(schema_with = "penstock_edge::contract::any_json"))]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "contract", schemars(schema_with = "penstock_edge::contract::any_json"))]
    metadata: Option<Box<RawValue>>,
}

impl JourneyReply {
    pub(super) fn new(
        user_id: &str,
        events: Vec<JourneyEvent>,
        (from, to): (Timestamp, Timestamp),
        next_cursor: Option<String>,
    ) -> Self {
        let events: Vec<_> =
            events.into_iter().map(|event| EventReply::of(user_id, event)).collect();
        let count = events.len();
        Self { user_id: user_id.to_owned(), count, events, from, to, next_cursor }
    }
}

impl EventReply {
    fn of(user_id: &str, event: JourneyEvent) -> Self {
        Self {
            event_id: event.event_id,
            user_id: user_id.to_owned(),
            r#type: event.r#type,
            session_id: event.session_id,
            occurred_at: event.occurred_at,
            received_at: event.received_at,
            clock_skew: event.clock_skew,
            payload: event.payload.and_then(as_it_came),
            metadata: event.metadata.and_then(as_it_came),
        }
    }
}

/// Passes JSON on without reading it. Text that is no JSON becomes a string; `ingest` never takes
/// such an event.
fn as_it_came(text: String) -> Option<Box<RawValue>> {
    let quoted = |text: &str| serde_json::value::to_raw_value(text).ok();
    RawValue::from_string(text.clone()).ok().or_else(|| quoted(&text))
}

/// How many of `events` may go in one reply: as many as have [`MOST_BYTES`], but at least one.
pub(super) fn fitting(user_id: &str, events: &[JourneyEvent]) -> usize {
    let mut total = 0;
    let fits = |event: &&JourneyEvent| {
        total += weight(user_id, event);
        total <= MOST_BYTES
    };
    events.iter().take_while(fits).count().max(1)
}

/// The most bytes that an event has in the reply.
fn weight(user_id: &str, event: &JourneyEvent) -> usize {
    // A control character becomes `\\u0001`.
    let names = event.event_id.len()
        + user_id.len()
        + event.r#type.len()
        + event.session_id.as_ref().map_or(0, String::len);
    let json = [&event.payload, &event.metadata]
        .into_iter()
        .flatten()
        .map(|text| quoted_len(text))
        .sum::<usize>();
    // Names of fields, times, punctuation.
    400 + 7 * names + json
}

/// Bytes of JSON within a string of JSON.
fn quoted_len(json: &str) -> usize {
    json.len()
        + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, payload: &str) -> JourneyEvent {
        JourneyEvent {
            event_id: id.to_owned(),
            sender: String::new(),
            r#type: "\u{1}".repeat(255),
            session_id: Some("\u{e4}\"\\".repeat(85)),
            occurred_at: Timestamp::from_microsecond(-62_167_219_199_999_999).unwrap(),
            received_at: Timestamp::from_microsecond(1_767_225_600_123_456).unwrap(),
            clock_skew: Some("future".to_owned()),
            payload: Some(payload.to_owned()),
            metadata: Some("\"\\u0000\"".to_owned()),
        }
    }

    #[test]
    fn an_event_is_not_longer_than_it_was_taken_for() {
        for payload in ["null", "[\"\\\"\", \n\t1e400]", "{\"\u{1f642}\":\"\u{7f}\"}"] {
            let event = event("\u{1f}", payload);
            let user = "\u{1}\"\u{e4}";
            let (weight, reply) = (weight(user, &event), EventReply::of(user, event));
            let twice = serde_json::to_string(&serde_json::to_string(&reply).unwrap()).unwrap();
            assert!(twice.len() <= weight, "{} of {weight}: {twice}", twice.len());
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_long_and_has_at_least_one_event() {
        let huge = format!("[{}1]", "\"\\\\\",".repeat(MOST_BYTES / 8));
        assert_eq!(fitting("u", &[event("a", &huge), event("b", "1")]), 1);
        let half = format!("\"{}\"", "x".repeat(MOST_BYTES / 2 - 20_000));
        assert_eq!(
            fitting(
                "u",
                &[event("a", &half), event("b", &half), event("c", "1"), event("d", &half)]
            ),
            3
        );
    }
}
