//! Stripe's lists: what to ask for, and what makes a reply one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::EVENT_TYPES;
use super::item::Head;
use crate::fetch_request::Mode;
use crate::paging::{PageError, Paging, Position, Request, parse_body};

/// A list reply (docs.stripe.com/api/pagination); its objects stay as the bytes that came.
#[derive(Debug, Deserialize)]
pub(super) struct List<'a> {
    #[serde(borrow)]
    pub data: Vec<&'a RawValue>,
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
struct ErrorReply {
    error: ErrorObject,
}

#[derive(Debug, Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

/// The path of an entity's list.
pub(super) fn path(entity: &str) -> String {
    format!("/v1/{entity}s")
}

/// The request for the page at `position`, newest first.
pub(super) fn request(entity: &str, mode: Mode, position: &Position, paging: &Paging) -> Request {
    let limit = if position.from.is_none() { 1 } else { paging.page_size };
    let mut query = vec![("limit", limit.to_string())];
    if let Some(from) = position.from {
        query.push(("created[gte]", from.as_second().to_string()));
    }
    query.push(("created[lt]", position.to.as_second().to_string()));
    if mode == Mode::Incremental {
        query.extend(EVENT_TYPES.map(|t| ("types[]", t.to_owned())));
    }
    if let Some(token) = &position.token {
        query.push(("starting_after", token.clone()));
    }
    Request::get(path(entity), query)
}

/// The vendor's error object in a few words: its type, code and message.
pub(super) fn error_object(body: &[u8]) -> Option<String> {
    let ErrorReply { error } = serde_json::from_slice(body).ok()?;
    let words = [error.kind, error.code, error.message];
    Some(
        words
            .into_iter()
            .flatten()
            .map(|w| w.chars().take(200).collect::<String>())
            .collect::<Vec<_>>()
            .join(": "),
    )
}

/// # Errors
/// [`PageError::ErrorInside`] where a reply of status 200 holds an error.
pub(super) fn no_error_inside(body: &[u8]) -> Result<(), PageError> {
    error_object(body).map_or(Ok(()), |words| Err(PageError::ErrorInside(words)))
}

impl<'a> List<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PageError> {
        match parse_body(body) {
            Ok(list) => Ok(list),
            Err(e) => no_error_inside(body).and(Err(e)),
        }
    }

    /// The id to page on from; `None` where the list is empty.
    pub(super) fn last_id(&self, position: &Position) -> Result<Option<String>, PageError> {
        let Some(last) = self.data.last() else {
            return if self.has_more {
                Err(PageError::Loop("has_more is true and data is empty"))
            } else {
                Ok(None)
            };
        };
        let id = Head::of(last.get()).id;
        if self.has_more && id.is_none() {
            return Err(PageError::Loop("the last object has no id to go on from"));
        }
        if id.is_some() && id == position.token {
            return Err(PageError::Loop("the page ends where it began"));
        }
        Ok(Some(id.unwrap_or_default()))
    }

    pub(super) fn first_created(&self) -> Option<Timestamp> {
        Head::of(self.data.first()?.get()).created
    }
}
