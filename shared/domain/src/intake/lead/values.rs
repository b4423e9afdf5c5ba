//! Values of a lead's fields as text.

use serde_json::value::RawValue;

use crate::json::{Object, too_deep};
use crate::text::printable;

/// Characters kept of a contact field: a name or an address needs no more.
const LONGEST_FIELD: usize = 1_000;

/// Values of a list that are searched for a text.
const MOST_ITEMS: usize = 8;

/// Values inside each other that are searched for a text.
const DEEPEST_VALUE: usize = 3;

/// Characters of a key that are read: no known key has more.
const LONGEST_KEY: usize = 40;

/// Keys under which a value that is an object has its text, the best first.
const TEXTS: [&str; 8] =
    ["value", "values", "full", "address", "text", "number", "rawvalue", "name"];

/// Returns the text of a value. That of a list is its first, that of an object such as
/// `{"first": "Ada", "last": "L"}` is put together. `None` for blank ones and for what is no text.
pub(super) fn text_of(value: &RawValue) -> Option<String> {
    text_at(value, 0)
}

fn text_at(value: &RawValue, depth: usize) -> Option<String> {
    let json = value.get();
    let text = match json.as_bytes() {
        [b'"', ..] => serde_json::from_str::<String>(json).ok()?,
        // A telephone number may come as a number.
        [b'0'..=b'9', ..] => json.to_owned(),
        [b'[', ..] if depth < DEEPEST_VALUE => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            items.into_iter().take(MOST_ITEMS).find_map(|item| text_at(item, depth + 1))?
        }
        [b'{', ..] if depth < DEEPEST_VALUE => of_object(json, depth + 1)?,
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

fn of_object(json: &str, depth: usize) -> Option<String> {
    let Object(fields) = serde_json::from_str(json).ok()?;
    let of = |name: &str| {
        let field = fields.iter().find(|(key, _)| key.len() <= LONGEST_KEY && plain(key) == name);
        text_at(field?.1, depth)
    };
    let joined = |names: [&[&str]; 2]| {
        let texts: Vec<String> =
            names.iter().filter_map(|names| names.iter().find_map(|name| of(name))).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    TEXTS[..3]
        .iter()
        .find_map(|name| of(name))
        .or_else(|| joined([&["first", "firstname"], &["last", "lastname"]]))
        .or_else(|| joined([&["area", "countrycode"], &["phone", "phonenumber"]]))
        .or_else(|| TEXTS[3..].iter().find_map(|name| of(name)))
}

/// Returns a value that is an object or a list, also one that is inside a text.
pub(super) fn nested(value: &RawValue) -> Option<String> {
    let json = value.get();
    match json.as_bytes() {
        [b'{' | b'[', ..] => Some(json.to_owned()),
        [b'"', inside @ ..] if matches!(inside.trim_ascii_start(), [b'{' | b'[', ..]) => {
            inner(json)
        }
        _ => None,
    }
}

fn inner(json: &str) -> Option<String> {
    let text: String = serde_json::from_str(json).ok()?;
    let text = text.trim();
    let is_json = too_deep(text).is_none() && serde_json::from_str::<&RawValue>(text).is_ok();
    is_json.then(|| text.to_owned())
}

/// Returns the letters and digits of a key in lower case.
pub(super) fn plain(key: &str) -> String {
    let letters = key.chars().take(LONGEST_KEY).filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns a value as a column keeps it.
pub(super) fn kept(text: &str) -> String {
    printable(text.trim()).chars().take(LONGEST_FIELD).collect()
}
