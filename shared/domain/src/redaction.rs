//! Places in payloads that are kept from view.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::config::{ConfigError, Env};

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

    /// Whether anything that comes from `source` is kept from view.
    #[must_use]
    pub fn concern(&self, source: Option<&str>) -> bool {
        !self.of(source).is_empty()
    }

    /// Returns JSON from `source` without the places, and whether it has any of them. All else is
    /// as it came.
    #[must_use]
    pub fn hide(&self, json: &RawValue, source: Option<&str>) -> (Option<Box<RawValue>>, bool) {
        redacted(json, &self.of(source))
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
    use super::*;

    fn hidden(body: &str, pointers: &str) -> (String, bool) {
        let env = [(VARIABLE, pointers)].into_iter().collect();
        let redactions = Redactions::from_env(&env).unwrap();
        let json = RawValue::from_string(body.to_owned()).unwrap();
        let (json, any) = redactions.hide(&json, Some("stripe"));
        (json.unwrap().get().to_owned(), any)
    }

    #[test]
    fn a_place_is_hidden_for_its_source_alone_and_all_else_is_as_it_came() {
        let body = r#"{ "n": 1.10, "data": [{"email": "a@b.example"}, {"email": null}] }"#;
        let (text, any) = hidden(body, "stripe=/data/*/email, hubspot=/n");
        let expected =
            r#"{ "n": 1.10, "data": [{"email": "[redacted]"}, {"email": "[redacted]"}] }"#;
        assert_eq!((text.as_str(), any), (expected, true));
        assert_eq!(hidden(body, "hubspot=/n"), (body.to_owned(), false));
    }

    #[test]
    fn a_text_that_is_no_pointer_is_no_configuration() {
        for bad in ["email", "stripe=", "stripe=email"] {
            let env = [(VARIABLE, bad)].into_iter().collect();
            assert!(Redactions::from_env(&env).is_err(), "{bad}");
        }
    }
}
