//! Google's errors: why a request was refused.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{scalar, words};
use crate::paging::PageError;

#[derive(Debug, Deserialize)]
struct ErrorReply<'a> {
    #[serde(borrow)]
    error: &'a RawValue,
    #[serde(borrow)]
    error_description: Option<&'a RawValue>,
}

/// Google's error object (developers.google.com/workspace/calendar/api/guides/errors), or that of
/// its newer services, which has `status` and `details` (google.aip.dev/193). Any field may be
/// missing or of another type.
#[derive(Debug, Default, Deserialize)]
struct RawError<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
    #[serde(borrow)]
    location: Option<&'a RawValue>,
}

/// An error of Google's.
#[derive(Debug)]
pub(super) struct ErrorObject<'a> {
    code: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    /// Those of `errors` and `details`, then `status`.
    reasons: Vec<Cow<'a, str>>,
    locations: Vec<Cow<'a, str>>,
}

/// Reads the error in a body; `None` where the body holds none.
pub(super) fn error(body: &[u8]) -> Option<ErrorObject<'_>> {
    let ErrorReply { error, error_description } = serde_json::from_slice(body).ok()?;
    if let Some(reason) = scalar(Some(error)) {
        let message = scalar(error_description);
        return Some(ErrorObject {
            code: None,
            message,
            reasons: vec![reason],
            locations: Vec::new(),
        });
    }
    let raw: RawError<'_> = serde_json::from_str(error.get()).ok()?;
    let items = || items(raw.errors).chain(items(raw.details));
    Some(ErrorObject {
        code: scalar(raw.code),
        message: scalar(raw.message),
        reasons: items().filter_map(|i| scalar(i.reason)).chain(scalar(raw.status)).collect(),
        locations: items().filter_map(|item| scalar(item.location)).collect(),
    })
}

/// Returns the error inside a reply of status 200, if there is one.
pub(super) fn inside(body: &[u8]) -> Option<PageError> {
    error(body).map(|error| PageError::ErrorInside(error.words().unwrap_or_default()))
}

/// Returns the readable elements of a list; it is empty if the value is no list.
fn items(list: Option<&RawValue>) -> impl Iterator<Item = RawItem<'_>> {
    let list: Vec<&RawValue> =
        list.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    list.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok())
}

/// Rates are by the minute, and Google asks for growing pauses; it sends no `Retry-After`.
pub(super) const RATE_PAUSE: Duration = Duration::from_secs(10);

/// Limits that pass within minutes.
const RATES: [&str; 6] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "concurrentLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
];

/// Limits of a day.
const DAILY: [&str; 2] = ["dailyLimitExceeded", "dailyLimitExceededUnreg"];

impl ErrorObject<'_> {
    fn says(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|own| reasons.contains(&own.as_ref()))
    }

    /// Whether it speaks of a limit that passes within minutes.
    pub(super) fn is_rate(&self) -> bool {
        self.says(&RATES)
    }

    /// Whether it speaks of a day's limit.
    pub(super) fn is_daily(&self) -> bool {
        self.says(&DAILY)
    }

    /// Whether Google has no such object, by its own word and not by a proxy's.
    pub(super) fn is_not_found(&self) -> bool {
        let by_code = self.reasons.is_empty() && self.code.as_deref() == Some("404");
        by_code || self.says(&["notFound", "NOT_FOUND"])
    }

    /// Whether the token that was sent is what it does not like: a page of a list that was left for
    /// too long. Without a location, its message has to say so.
    pub(super) fn is_about_a_token(&self) -> bool {
        if self.locations.is_empty() {
            let message = self.message.as_deref().unwrap_or_default().to_lowercase();
            return ["page token", "sync token", "pagetoken", "synctoken"]
                .iter()
                .any(|token| message.contains(token));
        }
        self.locations.iter().any(|at| ["pageToken", "syncToken"].contains(&at.as_ref()))
    }

    /// Its first reason and its message, short; `None` where it has neither.
    pub(super) fn words(&self) -> Option<String> {
        words([self.reasons.first().cloned(), self.message.clone()])
    }
}
