//! HubSpot's lists, searches and errors: what to ask for, and what makes a reply one
//! (developers.hubspot.com/docs/api/crm/search, …/docs/api/usage-details).

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::object::Object;
use crate::clock::later;
use crate::paging::{PageError, parse_body};

/// Objects a page of a list at most; a search gives 200.
pub(super) const LIST_LIMIT: u32 = 100;

/// A page of a list or of a search; its objects stay as the bytes that came.
#[derive(Debug, Deserialize)]
pub(super) struct List<'a> {
    #[serde(borrow)]
    pub results: Vec<&'a RawValue>,
    #[serde(borrow)]
    paging: Option<PagingObject<'a>>,
}

#[derive(Debug, Deserialize)]
struct PagingObject<'a> {
    #[serde(borrow)]
    next: Option<NextObject<'a>>,
}

#[derive(Debug, Deserialize)]
struct NextObject<'a> {
    #[serde(borrow)]
    after: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorReply<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    policy_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// HubSpot's error in a few words; `None` where the body is none.
pub(super) fn error_words(body: &[u8]) -> Option<String> {
    let error = error(body)?;
    let words = [error.category.or(error.error_type), error.policy_name, error.message];
    Some(
        words
            .into_iter()
            .flatten()
            .map(|w| w.chars().take(200).collect::<String>())
            .collect::<Vec<_>>()
            .join(": "),
    )
}

/// Which limit a 429 speaks of, in upper case.
pub(super) fn policy(body: &[u8]) -> Option<String> {
    Some(error(body)?.policy_name?.to_uppercase())
}

fn error(body: &[u8]) -> Option<ErrorReply<'_>> {
    let error: ErrorReply<'_> = serde_json::from_slice(body).ok()?;
    (error.status.as_deref() == Some("error")
        || error.category.is_some()
        || error.error_type.is_some())
    .then_some(error)
}

/// # Errors
/// [`PageError::ErrorInside`] if a reply of status 200 holds an error.
pub(super) fn no_error_inside(body: &[u8]) -> Result<(), PageError> {
    error_words(body).map_or(Ok(()), |words| Err(PageError::ErrorInside(words)))
}

impl<'a> List<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PageError> {
        match parse_body::<Self>(body) {
            Ok(list) if list.results.is_empty() && list.after().is_some() => {
                Err(PageError::Loop("paging.next is there and results is empty"))
            }
            Ok(list) => Ok(list),
            Err(e) => no_error_inside(body).and(Err(e)),
        }
    }

    /// The `after` of the next page; `None` on the last page.
    pub(super) fn after(&self) -> Option<&str> {
        self.paging.as_ref()?.next.as_ref().map(|next| next.after.as_ref())
    }

    /// The latest modified time on the page before `to`: a later one has changed since the search
    /// found it, so the search cannot go on from its time.
    pub(super) fn last_modified(&self, to: Timestamp) -> Option<Timestamp> {
        self.objects().filter_map(|object| object.modified_at()).filter(|at| *at < to).max()
    }

    /// The largest id on the page, by number.
    pub(super) fn last_id(&self) -> Option<u64> {
        self.objects().filter_map(|object| object.id()?.parse().ok()).max()
    }

    fn objects(&self) -> impl Iterator<Item = Object<'a>> {
        self.results.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok())
    }
}

/// The position of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Objects modified from this time on, and before `to`.
    From(Timestamp),
    /// Objects modified at this very time whose id is larger.
    Within(Timestamp, u64),
}

/// The body of a search: everything that was modified in the reach, in its order, one page. Never
/// pages by `after`: that ends with a 400 at 10,000 results, and skips what moves while it is paged
/// (traps 10, 25). HubSpot sorts by one property only, so ties of the modified time come in any
/// order.
pub(super) fn search(
    property: &str,
    properties: &[&str],
    reach: Reach,
    to: Timestamp,
    limit: u32,
) -> String {
    let filter = |property: &str, operator: &str, value: String| json!({"propertyName": property, "operator": operator, "value": value});
    let at = |time: Timestamp| time.as_millisecond().to_string();
    let (filters, sort) = match reach {
        Reach::From(from) => {
            (vec![filter(property, "GTE", at(from)), filter(property, "LT", at(to))], property)
        }
        Reach::Within(stamp, id) => (
            vec![
                filter(property, "GTE", at(stamp)),
                filter(property, "LTE", at(stamp)),
                filter("hs_object_id", "GT", id.to_string()),
            ],
            "hs_object_id",
        ),
    };
    json!({
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": properties,
        "limit": limit,
    })
    .to_string()
}

/// The next time that a stamp of HubSpot can have: they are whole milliseconds.
pub(super) fn after_stamp(stamp: Timestamp) -> Timestamp {
    later(stamp, Duration::from_millis(1))
}
