//! Stripe's lists: what to ask for, and what makes a reply one.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::EVENT_TYPES;
use super::item::Head;
use crate::fetch_request::Mode;
use crate::json::{scalar, words};
use crate::paging::{PageError, Paging, Position, Request, parse_body};

/// A list reply (docs.stripe.com/api/pagination); its objects stay as the bytes that came.
#[derive(Debug, Deserialize)]
pub(super) struct List<'a> {
    #[serde(borrow)]
    pub data: Vec<&'a RawValue>,
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
struct ErrorReply<'a> {
    #[serde(borrow)]
    error: &'a RawValue,
}

/// Stripe's error object, of which any field may be missing or of another type.
#[derive(Debug, Default, Deserialize)]
struct ErrorObject<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
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

/// The vendor's error in a few words: its type, code and message, or the text that it is.
pub(super) fn error_object(body: &[u8]) -> Option<String> {
    let ErrorReply { error } = serde_json::from_slice(body).ok()?;
    let object: ErrorObject<'_> = serde_json::from_str(error.get()).unwrap_or_default();
    let texts = [Some(error), object.kind, object.code, object.message];
    words(texts.map(scalar))
}

/// The vendor's code of the error in `body`, such as `resource_missing`.
pub(super) fn error_code(body: &[u8]) -> Option<String> {
    let ErrorReply { error } = serde_json::from_slice(body).ok()?;
    let object: ErrorObject<'_> = serde_json::from_str(error.get()).ok()?;
    scalar(object.code).map(Cow::into_owned)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_whatever_shape_it_comes() {
        for (body, words) in [
            (r#"{"error":{"type":"api_error","code":"c","message":"m"}}"#, Some("api_error: c: m")),
            (r#"{"error":{"type":null,"code":7,"message":["m"]}}"#, Some("7")),
            (r#"{"error":"over_capacity"}"#, Some("over_capacity")),
            (r#"{"error":{}}"#, None),
            (r#"{"error":null}"#, None),
            (r#"{"data":[]}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(error_object(body.as_bytes()).as_deref(), words, "{body}");
        }
    }
}
