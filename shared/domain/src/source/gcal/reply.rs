//! Google's replies: a page of a list, one event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::inside;
use crate::json::place;
use crate::paging::{PageError, parse_body};

/// `calendar#events`; its events stay as the bytes that came.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventList<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    next_page_token: Option<String>,
    next_sync_token: Option<String>,
}

/// A page of events, and what follows it.
#[derive(Debug)]
pub(super) struct Events<'a> {
    pub items: Vec<&'a RawValue>,
    pub then: Then,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// There is more, under this token.
    Page(String),
    /// That was all; another day goes on with this token.
    Sync(String),
    /// The page names neither.
    Nothing,
}

impl<'a> Events<'a> {
    /// Reads a reply to the request that had `page_token`.
    pub(super) fn parse(body: &'a [u8], page_token: Option<&str>) -> Result<Self, PageError> {
        let malformed = |reason: String| PageError::Malformed { bytes: body.len(), reason };
        let list: EventList<'a> = serde_json::from_slice(body)
            .map_err(|e| inside(body).unwrap_or_else(|| malformed(place(&e))))?;
        if list.kind.as_deref() != Some("calendar#events") {
            return Err(
                inside(body).unwrap_or_else(|| malformed("it is no list of events".to_owned()))
            );
        }
        let given = |token: Option<String>| token.filter(|token| !token.is_empty());
        let then = match (given(list.next_page_token), given(list.next_sync_token)) {
            (Some(page), None) if Some(page.as_str()) == page_token => {
                return Err(PageError::Loop("the next page is this page"));
            }
            (Some(page), None) => Then::Page(page),
            (None, Some(sync)) => Then::Sync(sync),
            (None, None) => Then::Nothing,
            (Some(_), Some(_)) => {
                return Err(malformed("it names both a next page and a sync token".to_owned()));
            }
        };
        Ok(Self { items: list.items.unwrap_or_default(), then })
    }
}

/// Whether a reply is one event; a 200 may have an error inside.
pub(super) fn event(body: &[u8]) -> Result<(), PageError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        kind: Option<Cow<'a, str>>,
    }
    if let Some(error) = inside(body) {
        return Err(error);
    }
    let malformed = |reason: String| PageError::Malformed { bytes: body.len(), reason };
    let event: Event<'_> = parse_body(body)?;
    if event.kind.as_deref() == Some("calendar#event") {
        Ok(())
    } else {
        Err(malformed("it is no event".to_owned()))
    }
}
