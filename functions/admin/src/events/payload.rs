//! A payload as a person reads it, without the places that the operator keeps from view.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use penstock_domain::config::{ConfigError, Env};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The variable with the places.
const VARIABLE: &str = "REDACTED_POINTERS";

/// The JSON that stands in a place that is kept from view.
const REDACTED: &str = "\"[redacted]\"";

/// Places in payloads that no reply shows, each for one source or for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions(Vec<Redaction>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Redaction {
    /// `None` for all sources.
    source: Option<String>,
    /// The parts of a JSON pointer, decoded. `*` is any key or index.
    parts: Vec<String>,
}

impl Redactions {
    /// Reads `REDACTED_POINTERS`: JSON pointers (RFC 6901) with commas between, each with a source
    /// and an equals sign before it if it is for that source alone: `stripe=/data/object/*/email`.
    ///
    /// # Errors
    /// [`ConfigError`] if one of them is no pointer to a place within the payload.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let text = env.or(VARIABLE, "");
        let each = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        each.map(Redaction::parse).collect::<Option<Vec<_>>>().map(Self).ok_or_else(|| {
            ConfigError::Invalid {
                name: VARIABLE.to_owned(),
                reason: "JSON pointers with commas between, such as stripe=/billing_details/email"
                    .to_owned(),
            }
        })
    }

    fn of(&self, source: Option<&str>) -> Vec<&Redaction> {
        let applies = |it: &&Redaction| it.source.is_none() || it.source.as_deref() == source;
        self.0.iter().filter(applies).collect()
    }
}

impl Redaction {
    fn parse(text: &str) -> Option<Self> {
        let (source, pointer) = match text.split_once('=') {
            Some((source, pointer)) if !source.contains('/') => (Some(source.to_owned()), pointer),
            _ => (None, text),
        };
        let parts = pointer.strip_prefix('/')?.split('/');
        let parts = parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Some(Self { source, parts })
    }
}

/// The bytes that came in, as far as they are shown.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Payload"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payload {
    /// The length of what came in, in bytes.
    bytes: usize,
    /// JSON, if it is JSON: numbers and the order of keys are as they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "contract", schemars(schema_with = "penstock_edge::contract::any_json"))]
    json: Option<Box<RawValue>>,
    /// Text that is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Bytes that are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// Whether a part is kept from view, or all of it because it is no JSON.
    redacted: bool,
}

impl Payload {
    /// Shows what came in from `source`, without what is kept from view there.
    pub(crate) fn of(bytes: &[u8], source: Option<&str>, redactions: &Redactions) -> Self {
        let redactions = redactions.of(source);
        let mut shown =
            Self { bytes: bytes.len(), json: None, text: None, base64: None, redacted: false };
        let text = std::str::from_utf8(bytes).ok();
        let json = text.and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok());
        match (json, text) {
            (Some(json), _) if redactions.is_empty() => shown.json = Some(json),
            (Some(json), _) => (shown.json, shown.redacted) = redacted(&json, &redactions),
            // No pointer says where in it a person is named.
            (None, _) if !redactions.is_empty() => shown.redacted = true,
            (None, Some(text)) => shown.text = Some(text.to_owned()),
            (None, None) => shown.base64 = Some(STANDARD.encode(bytes)),
        }
        shown
    }
}

/// JSON without these places, and whether it has any of them. All else is as it came.
fn redacted(json: &RawValue, redactions: &[&Redaction]) -> (Option<Box<RawValue>>, bool) {
    let text = json.get();
    let mut places = Vec::new();
    for redaction in redactions {
        find(text, 0, &redaction.parts, &mut places);
    }
    if places.is_empty() {
        return (Some(json.to_owned()), false);
    }
    // From the end, so that the places before stay where they are. The outer of two comes first.
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut outer: Vec<Range<usize>> = Vec::new();
    for place in places {
        if outer.last().is_none_or(|last| last.end <= place.start) {
            outer.push(place);
        }
    }
    let mut text = text.to_owned();
    for place in outer.into_iter().rev() {
        text.replace_range(place, REDACTED);
    }
    (RawValue::from_string(text).ok(), true)
}

/// Finds the places behind `parts` in the value that is `text`, which begins at `start` of the
/// whole.
fn find(text: &str, start: usize, parts: &[String], places: &mut Vec<Range<usize>>) {
    let Some((part, rest)) = parts.split_first() else {
        places.push(start..start + text.len());
        return;
    };
    let is_any = part == "*";
    let inner: Vec<&RawValue> = match text.as_bytes().first() {
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(text).unwrap_or_default();
            let of_key = fields.into_iter().filter(|(key, _)| is_any || key == part);
            of_key.map(|(_, value)| value).collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let place: Option<usize> = part.parse().ok();
            let at = items.into_iter().enumerate().filter(|(n, _)| is_any || place == Some(*n));
            at.map(|(_, item)| item).collect()
        }
        _ => Vec::new(),
    };
    for value in inner {
        // It borrows from `text`, so the difference of their addresses is its place there.
        let at = value.get().as_ptr().addr() - text.as_ptr().addr();
        find(value.get(), start + at, rest, places);
    }
}

/// The fields of an object in their order. A key that comes twice is there twice.
#[derive(Default)]
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn shown(bytes: &[u8], pointers: &str) -> Value {
        let env = [(VARIABLE, pointers)].into_iter().collect();
        let redactions = Redactions::from_env(&env).unwrap();
        serde_json::to_value(Payload::of(bytes, Some("stripe"), &redactions)).unwrap()
    }

    #[test]
    fn json_is_shown_as_it_came_with_its_numbers_and_the_order_of_its_keys() {
        let body = br#"{"z":12345678901234567890123,"a":1.10}"#;
        let payload = Payload::of(body, None, &Redactions::default());
        let text = serde_json::to_string(&payload).unwrap();
        assert!(text.contains(r#""json":{"z":12345678901234567890123,"a":1.10}"#), "{text}");
    }

    #[test]
    fn text_and_bytes_are_shown_as_such() {
        assert_eq!(shown(b"a=1", "")["text"], "a=1");
        assert_eq!(shown(b"\xff\x00", "")["base64"], "/wA=");
    }

    #[test]
    fn places_that_are_kept_from_view_are_not_shown_and_nothing_else_is_hidden() {
        let body = br#"{"data":[{"email":"a@b.example","id":1},{"email":"c@d.example"}],"n":2}"#;
        let shown_ = shown(body, "stripe=/data/*/email, hubspot=/n");
        assert_eq!(
            shown_["json"].to_string(),
            r#"{"data":[{"email":"[redacted]","id":1},{"email":"[redacted]"}],"n":2}"#
        );
        assert_eq!(shown_["redacted"], true);
    }

    #[test]
    fn a_place_is_taken_out_of_the_text_and_all_else_is_as_it_came() {
        let body = br#"{ "z": 1.10, "a": {"b": "x", "b": "y"}, "n": 12345678901234567890123 }"#;
        let env = [(VARIABLE, "/a/b")].into_iter().collect();
        let payload = Payload::of(body, None, &Redactions::from_env(&env).unwrap());
        let text = payload.json.unwrap().to_string();
        let expected = r#"{ "z": 1.10, "a": {"b": "[redacted]", "b": "[redacted]"}, "n": 12345678901234567890123 }"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_no_json_is_hidden_as_a_whole_where_anything_is_to_be_hidden() {
        let body = b"email=a@b.example";
        let hidden = shown(body, "/email");
        assert_eq!(hidden, serde_json::json!({ "bytes": body.len(), "redacted": true }));
    }

    #[test]
    fn a_text_that_is_no_pointer_is_no_configuration() {
        for bad in ["email", "stripe=", "stripe=email"] {
            let env = [(VARIABLE, bad)].into_iter().collect();
            assert!(Redactions::from_env(&env).is_err(), "{bad}");
        }
    }
}
