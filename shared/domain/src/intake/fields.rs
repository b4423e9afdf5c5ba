//! Fields of an event, read one by one, so that every wrong one is named.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::json::Object;
use crate::text::LONGEST_ID;

/// A fault of a field, in words that its sender may read. The value itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer to the field in the body, as a URI fragment.
    pub pointer: String,
    pub detail: String,
}

/// The fields of one object, taken by name. Faults are collected, so that the sender reads all of
/// them at once.
pub(super) struct Fields<'a> {
    at: String,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    pub faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    /// Takes the fields of `object` at the pointer `at`. A name that comes twice is a fault: other
    /// readers might take the other value.
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

    /// Returns whether a field has a value other than null.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Returns the text of a field's value. A null counts as absent.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let value = self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        value.filter(|value| value.get() != "null")
    }

    /// Notes a fault of the field called `name`.
    pub fn fault(&mut self, name: &str, detail: &str) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.faults
            .push(Fault { pointer: format!("{}/{name}", self.at), detail: detail.to_owned() });
    }

    /// Takes a text that serves as an id or a name: 1 to 255 characters without NUL, which Postgres
    /// refuses.
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

    /// Takes an id as [`Self::text`] does, or a number as it is written.
    pub fn id(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?.get();
        let is_number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number && value.len() <= LONGEST_ID {
            return Some(value.to_owned());
        }
        self.text(name)
    }

    /// Takes a text as [`Self::text`] does; its absence is a fault.
    pub fn required_text(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.fault(name, "is required");
        }
        self.text(name).unwrap_or_default()
    }

    /// Takes a point in time by RFC 3339.
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
