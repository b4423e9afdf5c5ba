//! Product events, in both shapes that senders use, one or an array of them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::body::NotText;
use super::fields::{Fault, Fields};
use crate::json::{DEEPEST, Object, place, too_deep};

/// The most events in one request.
pub const MOST_EVENTS: usize = 1_000;

/// An event later than this after its receipt is flagged. Queries that name no time end there.
pub const FAR_FUTURE: Duration = Duration::from_secs(86_400);

/// An event earlier than this before its receipt is flagged. Queries that name no time begin there.
pub const FAR_PAST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The reason why a body holds no events, not even bad ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEvents {
    /// The body is no text: it cannot be inflated, or is not UTF-8.
    #[error(transparent)]
    NotText(#[from] NotText),
    /// The body is nested too deep at that byte.
    #[error("The body is nested more than {DEEPEST} deep at byte {0}.")]
    TooDeep(usize),
    /// The body is not JSON at that place.
    #[error("The body is not an event or an array of events: {0}.")]
    NotJson(String),
    #[error("The array of events is empty.")]
    Empty,
    /// The array holds more than [`MOST_EVENTS`].
    #[error("The array holds {0} events, more than {MOST_EVENTS}.")]
    TooMany(usize),
}

/// The events of one request, each good or with its faults.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Whether one event came alone, not as an array.
    pub single: bool,
    /// In the order of the body.
    pub events: Vec<Result<NewEvent<'a>, Vec<Fault>>>,
}

/// A good event with its text as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent<'a> {
    /// The sender's id of the event, if it gave one.
    pub event_id: Option<String>,
    /// The time of the event by its sender's word.
    pub occurred_at: Option<Timestamp>,
    /// Whether it has an `eventType`.
    pub is_typed: bool,
    /// The event's JSON, byte for byte.
    pub text: &'a str,
}

impl NewEvent<'_> {
    /// Returns the SHA-256 of the text, which tells another event under the same id.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.text).into()
    }
}

impl<'a> Batch<'a> {
    /// Returns whether one event came alone in the shape of older senders, that with `eventType`.
    #[must_use]
    pub fn is_older(&self) -> bool {
        let is_typed = |event: &Result<NewEvent<'_>, _>| event.as_ref().is_ok_and(|it| it.is_typed);
        self.single && self.events.iter().all(is_typed)
    }

    /// Reads the text of a request.
    ///
    /// # Errors
    /// [`NotEvents`] if it has to be refused as a whole.
    pub fn read(text: &'a str) -> Result<Self, NotEvents> {
        if let Some(offset) = too_deep(text) {
            return Err(NotEvents::TooDeep(offset));
        }
        let not_json = |e: serde_json::Error| NotEvents::NotJson(place(&e));
        let single = !text.trim_start().starts_with('[');
        let items: Vec<&RawValue> = if single {
            vec![serde_json::from_str(text).map_err(not_json)?]
        } else {
            serde_json::from_str(text).map_err(not_json)?
        };
        match items.len() {
            0 => return Err(NotEvents::Empty),
            n if n > MOST_EVENTS => return Err(NotEvents::TooMany(n)),
            _ => {}
        }
        let read = |(index, item): (usize, &&'a RawValue)| {
            let at = if single { "#".to_owned() } else { format!("#/{index}") };
            let event = Event::read(item.get(), &at)?;
            Ok(NewEvent {
                event_id: event.event_id,
                occurred_at: event.occurred_at,
                is_typed: event.is_typed,
                text: item.get(),
            })
        };
        Ok(Self { single, events: items.iter().enumerate().map(read).collect() })
    }
}

/// An event under an id that its sender had used before, for one that says something else. It is
/// kept as it came, and its row has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictingEvent;

/// An event with its fields. Fields that may be any JSON keep their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Whether it has an `eventType`.
    pub is_typed: bool,
    /// The sender's id of the event, if it gave one.
    pub event_id: Option<String>,
    /// The user, if the event has one.
    pub user_id: Option<String>,
    /// The user's session, if the event has one.
    pub session_id: Option<String>,
    /// The type in the sender's word, such as `order.paid`.
    pub r#type: String,
    /// The JSON text of `payload`.
    pub payload: Option<&'a str>,
    /// The JSON text of `metadata`.
    pub metadata: Option<&'a str>,
    /// The time of the event by its sender's word.
    pub occurred_at: Option<Timestamp>,
}

impl<'a> Event<'a> {
    /// Reads one event at the pointer `at`, in either shape: `{userId, sessionId, type, payload?,
    /// occurredAt?, eventId?}` or `{eventType, payload, metadata?, eventId?}`. In the second, user,
    /// session and time may be beside these fields or in `metadata`, and ids may be numbers.
    /// Unknown fields are kept in the text and otherwise ignored, `type` beside `eventType` too.
    ///
    /// # Errors
    /// All faults of the event.
    pub fn read(text: &'a str, at: &str) -> Result<Self, Vec<Fault>> {
        let object = serde_json::from_str::<Object<'a>>(text);
        let object = object.map_err(|_| {
            vec![Fault { pointer: at.to_owned(), detail: "must be an object".to_owned() }]
        })?;
        let mut fields = Fields::of(object, at);
        let event = if fields.has("eventType") {
            Self::typed(&mut fields, at)
        } else {
            Self::of_user(&mut fields)
        };
        if fields.faults.is_empty() { Ok(event) } else { Err(fields.faults) }
    }

    fn of_user(fields: &mut Fields<'a>) -> Self {
        Self {
            is_typed: false,
            event_id: fields.text("eventId"),
            user_id: Some(fields.required_text("userId")),
            session_id: Some(fields.required_text("sessionId")),
            r#type: fields.required_text("type"),
            payload: fields.raw("payload").map(RawValue::get),
            metadata: fields.raw("metadata").map(RawValue::get),
            occurred_at: fields.time("occurredAt"),
        }
    }

    /// Reads the shape of older senders. `metadata` is theirs: what it holds of ours is taken where
    /// it can be, and is no fault otherwise.
    fn typed(fields: &mut Fields<'a>, at: &str) -> Self {
        if !fields.has("payload") {
            fields.fault("payload", "is required beside eventType");
        }
        let metadata = fields.raw("metadata");
        let mut event = Self {
            is_typed: true,
            event_id: fields.id("eventId"),
            user_id: fields.id("userId"),
            session_id: fields.id("sessionId"),
            r#type: fields.required_text("eventType"),
            payload: fields.raw("payload").map(RawValue::get),
            metadata: metadata.map(RawValue::get),
            occurred_at: fields.time("occurredAt"),
        };
        let Some(metadata) = metadata else { return event };
        match serde_json::from_str::<Object<'a>>(metadata.get()) {
            Ok(object) => {
                let mut about = Fields::of(object, at);
                event.user_id = event.user_id.or_else(|| about.id("userId"));
                event.session_id = event.session_id.or_else(|| about.id("sessionId"));
                event.occurred_at = event.occurred_at.or_else(|| about.time("occurredAt"));
            }
            Err(_) => fields.fault("metadata", "must be an object"),
        }
        event
    }
}
