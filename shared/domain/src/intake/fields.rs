//! Fields of an event, read one by one, so that each that is wrong is named.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::json::Object;
use crate::text::LONGEST_ID;

/// What is wrong with a field, in words that its sender may read; the value itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which field: a JSON pointer into the body, as a URI fragment.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The fields of one object, taken by name. What is wrong is collected, so that all of it is told at once.
pub(super) struct Fields<'a> {
    at: String,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    pub faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    /// The fields of `object`, which stands `at` that pointer. A name that comes twice is a fault: whatever
    /// we took, somebody else would take the other.
    pub fn of(object: Object<'a>, at: &str) -> Self {
        let mut fields = Self { at: at.to_owned(), fields: object.0, faults: Vec::new() };
        let mut names: Vec<&str> = fields.fields.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let mut twice: Vec<String> =
            names.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0].to_owned()).collect();
        twice.dedup();
        for name in twice {
            fields.fault(&name, "is given more than once");
        }
        fields
    }

    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A field's value as it stands; null is as good as none.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let value = self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        value.filter(|value| value.get() != "null")
    }

    pub fn fault(&mut self, name: &str, detail: &str) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.faults
            .push(Fault { pointer: format!("{}/{name}", self.at), detail: detail.to_owned() });
    }

    /// A text that serves as an id or a name: 1 to 255 characters, and no NUL, which Postgres does not keep.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        match serde_json::from_str::<String>(value.get()) {
            Err(_) => self.fault(name, "must be a string of Unicode text"),
            Ok(text) if text.is_empty() => self.fault(name, "must not be empty"),
            Ok(text) if text.contains('\0') => {
                self.fault(name, "must not hold the character U+0000")
            }
            Ok(text) if text.chars().count() > LONGEST_ID => {
                self.fault(name, &format!("must have at most {LONGEST_ID} characters"));
            }
            Ok(text) => return Some(text),
        }
        None
    }

    /// The same, and its absence is a fault.
    pub fn required_text(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.fault(name, "is required");
        }
        self.text(name).unwrap_or_default()
    }

    /// A point in time by RFC 3339.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let value = self.raw(name)?;
        let time = serde_json::from_str::<String>(value.get())
            .ok()
            .and_then(|text| text.parse::<Timestamp>().ok());
        // RFC 3339 has years of four digits; jiff goes further back, and not quite to the last day.
        let time = time.filter(|time| time.as_second() >= YEAR_0);
        if time.is_none() {
            self.fault(name, "must be a time by RFC 3339, such as 2026-06-01T12:00:00Z, before 9999-12-30T22:00:00Z");
        }
        time
    }
}

/// The second in which the year 0000 begins.
const YEAR_0: i64 = -62_167_219_200;
