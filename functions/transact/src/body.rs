//! The bodies of requests, as far as they are read.

use std::borrow::Cow;

use penstock_domain::json::{DEEPEST, place, too_deep};
use penstock_edge::http::{FieldError, Problem};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The most characters of an operator's reason.
pub(crate) const LONGEST_WHY: usize = 500;

/// A transaction's body. Other fields are the third party's.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A 400 that names one field.
pub(crate) fn invalid(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError { pointer: pointer.to_owned(), detail: detail.into() }])
}

/// Returns the id of a transaction.
///
/// # Errors
/// 400 if the body is no JSON object, is nested too deep, or has no `id` that is a UUID in lower
/// case. A second `id` is refused: the third party could take the other one.
pub(crate) fn id_of(body: &[u8]) -> Result<Uuid, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("#", "must be UTF-8"))?;
    if let Some(offset) = too_deep(text) {
        let detail = format!("is nested more than {DEEPEST} deep at byte {offset}");
        return Err(invalid("#", detail));
    }
    if !text.trim_ascii_start().starts_with('{') {
        return Err(invalid("#", "must be a JSON object"));
    }
    let sent: Sent<'_> = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => invalid("#/id", "must be given once"),
        false => invalid("#", format!("must be a JSON object: {}", place(&error))),
    })?;
    let id = sent.id.and_then(|raw| serde_json::from_str::<Cow<'_, str>>(raw.get()).ok());
    // The third party is asked by the form in lower case, and may compare texts.
    let canonical = |text: Cow<'_, str>| {
        Uuid::try_parse(&text).ok().filter(|id| id.hyphenated().to_string() == text)
    };
    id.and_then(canonical).ok_or_else(|| {
        let example = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";
        invalid("#/id", format!("must be a UUID in lower case, such as {example}"))
    })
}

/// Returns the reason that an operator gives. The body may be empty.
///
/// # Errors
/// 400 if the body is no JSON object, or holds anything but a short `why`.
pub(crate) fn why_of(body: &[u8]) -> Result<Option<String>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| invalid("#", "must be a JSON object"))?;
    if let Some(name) = object.keys().find(|name| *name != "why") {
        let name = name.replace('~', "~0").replace('/', "~1");
        return Err(invalid(&format!("#/{name}"), "is no field; there is why"));
    }
    match object.into_iter().next() {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, Value::String(why)))
            if (1..=LONGEST_WHY).contains(&why.chars().count())
                && !why.contains(char::is_control) =>
        {
            Ok(Some(why))
        }
        Some(_) => Err(invalid(
            "#/why",
            format!("must be a text of 1 to {LONGEST_WHY} characters without control characters"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";

    fn pointer(refused: Result<impl std::fmt::Debug, Problem>) -> String {
        refused.unwrap_err().errors[0].pointer.clone()
    }

    #[test]
    fn the_id_is_read_and_all_else_is_left_alone() {
        let id: Uuid = ID.parse().unwrap();
        for body in [
            format!(r#"{{"id":"{ID}"}}"#),
            format!("\n {{ \"amount\": 1e400, \"id\" : \"{ID}\" }} "),
            format!(r#"{{"to":{{"id":7}},"text":"\ud800","\u0069d":"{ID}"}}"#),
        ] {
            assert_eq!(id_of(body.as_bytes()).unwrap(), id, "{body}");
        }
    }

    #[test]
    fn a_body_without_a_uuid_is_refused_by_the_field() {
        for body in [
            "{}".to_owned(),
            r#"{"id":null}"#.to_owned(),
            r#"{"id":7}"#.to_owned(),
            r#"{"id":"x"}"#.to_owned(),
            format!(r#"{{"id":"{}"}}"#, ID.replace('-', "")),
            format!(r#"{{"id":"{}"}}"#, ID.to_uppercase()),
            format!(r#"{{"id":["{ID}"]}}"#),
            format!(r#"{{"id":"{ID}","\u0069d":"{ID}"}}"#),
        ] {
            assert_eq!(pointer(id_of(body.as_bytes())), "#/id", "{body}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_as_a_whole() {
        let deep = |n: usize| format!(r#"{{"id":"{ID}","a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(id_of(deep(DEEPEST - 1).as_bytes()).is_ok());
        for body in [
            String::new(),
            "null".to_owned(),
            format!(r#"["{ID}"]"#),
            format!(r#"{{"id":"{ID}"}} {{}}"#),
            format!(r#"{{"id":"{ID}""#),
            deep(DEEPEST),
        ] {
            assert_eq!(pointer(id_of(body.as_bytes())), "#", "{body}");
        }
        assert_eq!(pointer(id_of(b"{\"id\":\"\xff\"}")), "#");
    }

    #[test]
    fn a_reason_is_a_short_text_or_none() {
        for (body, why) in [
            ("", None),
            (" {} ", None),
            (r#"{"why":null}"#, None),
            (r#"{"why":"The bank was down."}"#, Some("The bank was down.")),
        ] {
            assert_eq!(why_of(body.as_bytes()).unwrap().as_deref(), why, "{body}");
        }
        let long = format!(r#"{{"why":"{}"}}"#, "x".repeat(LONGEST_WHY + 1));
        for (body, at) in [
            ("[]", "#"),
            (r#"{"a/b":1}"#, "#/a~1b"),
            (r#"{"why":7}"#, "#/why"),
            (r#"{"why":"a\u0000b"}"#, "#/why"),
            (long.as_str(), "#/why"),
        ] {
            assert_eq!(pointer(why_of(body.as_bytes())), at, "{body}");
        }
    }
}
