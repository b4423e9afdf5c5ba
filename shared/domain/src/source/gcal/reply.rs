//! Google's replies: a page of a list, an error.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::place;
use crate::paging::{PageError, parse_body};

/// `calendar#events`; its events stay as the bytes that came.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    next_page_token: Option<String>,
    next_sync_token: Option<String>,
    updated: Option<String>,
}

/// A page of events: there is more, or this is the token to go on with another day.
#[derive(Debug)]
pub(super) struct Events<'a> {
    pub items: Vec<&'a RawValue>,
    pub then: Then,
    /// When the calendar was last changed.
    pub updated: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    Page(String),
    Sync(String),
}

impl<'a> Events<'a> {
    /// Reads a reply to the request that had `page_token`.
    pub(super) fn parse(body: &'a [u8], page_token: Option<&str>) -> Result<Self, PageError> {
        let malformed = |reason: String| PageError::Malformed { bytes: body.len(), reason };
        let inside = || error(body).map(|e| PageError::ErrorInside(e.words()));
        let wire: Wire<'a> = serde_json::from_slice(body)
            .map_err(|e| inside().unwrap_or_else(|| malformed(place(&e))))?;
        if wire.kind.as_deref() != Some("calendar#events") {
            return Err(inside().unwrap_or_else(|| malformed("it is no list of events".to_owned())));
        }
        let then = match (wire.next_page_token, wire.next_sync_token) {
            (Some(page), None) if Some(page.as_str()) == page_token => {
                return Err(PageError::Loop("the next page is this page"));
            }
            (Some(page), None) if !page.is_empty() => Then::Page(page),
            (None, Some(sync)) if !sync.is_empty() => Then::Sync(sync),
            // A page may be empty while there are more; but one of the two always says how it goes
            // on.
            _ => {
                return Err(malformed(
                    "it names neither a next page nor a sync token, or both".to_owned(),
                ));
            }
        };
        let updated = wire.updated.and_then(|text| text.parse().ok());
        Ok(Self { items: wire.items.unwrap_or_default(), then, updated })
    }
}

#[derive(Debug, Deserialize)]
struct ErrorReply {
    error: ErrorObject,
}

/// Google's error object (developers.google.com/workspace/calendar/api/guides/errors).
#[derive(Debug, Deserialize)]
pub(super) struct ErrorObject {
    message: Option<String>,
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Debug, Deserialize)]
struct ErrorItem {
    reason: Option<String>,
    location: Option<String>,
}

/// Whether a reply is one event; a 200 may have an error inside.
pub(super) fn event(body: &[u8]) -> Result<(), PageError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        kind: Option<Cow<'a, str>>,
    }
    if let Some(error) = error(body) {
        return Err(PageError::ErrorInside(error.words()));
    }
    let malformed = |reason: String| PageError::Malformed { bytes: body.len(), reason };
    let event: Event<'_> = parse_body(body)?;
    if event.kind.as_deref() == Some("calendar#event") {
        Ok(())
    } else {
        Err(malformed("it is no event".to_owned()))
    }
}

/// The error object in a body, if that is what it is.
pub(super) fn error(body: &[u8]) -> Option<ErrorObject> {
    serde_json::from_slice::<ErrorReply>(body).ok().map(|reply| reply.error)
}

impl ErrorObject {
    /// Whether `reason` is one of its reasons.
    pub(super) fn says(&self, reason: &str) -> bool {
        self.errors.iter().any(|item| item.reason.as_deref() == Some(reason))
    }

    /// Whether the token that was sent is what it does not like: a page of a list that was left for
    /// too long.
    pub(super) fn is_about_a_token(&self) -> bool {
        let tokens = ["pageToken", "syncToken"];
        self.errors
            .iter()
            .any(|item| item.location.as_deref().is_some_and(|at| tokens.contains(&at)))
    }

    /// Its first reason and its message, short.
    pub(super) fn words(&self) -> String {
        let reason = self.errors.iter().find_map(|item| item.reason.as_deref());
        let words = [reason, self.message.as_deref()].into_iter().flatten();
        words.map(|w| w.chars().take(200).collect::<String>()).collect::<Vec<_>>().join(": ")
    }
}

/// Rates are by the minute, and Google asks for growing pauses; it sends no `Retry-After`.
pub(super) const RATE_PAUSE: Duration = Duration::from_secs(10);

/// Limits that pass within minutes.
const RATES: [&str; 4] =
    ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "concurrentLimitExceeded"];

/// Limits of a day.
const DAILY: [&str; 2] = ["dailyLimitExceeded", "dailyLimitExceededUnreg"];

impl ErrorObject {
    pub(super) fn is_rate(&self) -> bool {
        RATES.iter().any(|reason| self.says(reason))
    }

    pub(super) fn is_daily(&self) -> bool {
        DAILY.iter().any(|reason| self.says(reason))
    }
}
