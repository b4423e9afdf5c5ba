//! HubSpot's replies: a page of a list or of a search, an error
//! (developers.hubspot.com/docs/api/crm/search, …/docs/api/usage-details).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Object;
use crate::json::{scalar as text, words};
use crate::paging::{PageError, parse_body};

/// Objects a page of a list at most; a search gives 200.
pub(super) const LIST_LIMIT: u32 = 100;

/// A page of a list or of a search; its objects stay as the bytes that came.
#[derive(Debug)]
pub(super) struct List<'a> {
    pub results: Vec<&'a RawValue>,
    /// The number of objects that a search matches; a list does not say it.
    pub total: Option<i64>,
    /// The cursor of the next page; `None` on the last one.
    pub after: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ListReply<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
    #[serde(borrow)]
    paging: Option<PagingObject<'a>>,
}

#[derive(Debug, Deserialize)]
struct PagingObject<'a> {
    #[serde(borrow)]
    next: Option<NextObject<'a>>,
}

/// Text in HubSpot's documentation; a number is read as its text.
#[derive(Debug, Deserialize)]
struct NextObject<'a> {
    #[serde(borrow)]
    after: Option<&'a RawValue>,
}

/// HubSpot's error, of which any field may be missing or of another type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorReply<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    category: Option<&'a RawValue>,
    #[serde(borrow)]
    error_type: Option<&'a RawValue>,
    #[serde(borrow)]
    policy_name: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
}

/// HubSpot's error in a few words; `None` where the body is none.
pub(super) fn error_words(body: &[u8]) -> Option<String> {
    let error = error(body)?;
    let kind = text(error.category).or_else(|| text(error.error_type));
    words([kind, text(error.policy_name), text(error.message)])
}

/// Returns which limit a 429 speaks of, in upper case: its `policyName`, or without one what its
/// message says.
pub(super) fn policy(body: &[u8]) -> Option<String> {
    let error = error(body)?;
    if let Some(name) = text(error.policy_name) {
        return Some(name.to_uppercase());
    }
    let message = text(error.message)?.to_uppercase();
    ["DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY"]
        .into_iter()
        .find(|policy| message.contains(policy))
        .map(str::to_owned)
}

fn error(body: &[u8]) -> Option<ErrorReply<'_>> {
    let error: ErrorReply<'_> = serde_json::from_slice(body).ok()?;
    let signs = [error.category, error.error_type, error.correlation_id];
    let is_error = text(error.status).as_deref() == Some("error")
        || signs.into_iter().any(|sign| text(sign).is_some());
    is_error.then_some(error)
}

/// # Errors
/// [`PageError::ErrorInside`] if a reply of status 200 holds an error.
pub(super) fn no_error_inside(body: &[u8]) -> Result<(), PageError> {
    error_words(body).map_or(Ok(()), |words| Err(PageError::ErrorInside(words)))
}

impl<'a> List<'a> {
    /// # Errors
    /// [`PageError::Malformed`] where it is no list, or promises a page and does not say which.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PageError> {
        let ListReply { results, total, paging } = match parse_body(body) {
            Ok(list) => list,
            Err(e) => return no_error_inside(body).and(Err(e)),
        };
        let after = match paging.and_then(|paging| paging.next) {
            Some(next) => Some(text(next.after).map(Cow::into_owned).ok_or_else(|| {
                let reason = "paging.next has no after".to_owned();
                PageError::Malformed { bytes: body.len(), reason }
            })?),
            None => None,
        };
        let total = text(total).and_then(|total| total.parse().ok());
        Ok(Self { results, total, after })
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = Object<'a>> {
        self.results.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok())
    }
}
