//! JSON from outside: how deep it may be nested, an object's fields without their values read, and
//! where a text is wrong.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_path_to_error::Segment;

/// JSON may be nested this deep.
pub const DEEPEST: usize = 64;

/// Returns the offset of the first bracket that is nested deeper than [`DEEPEST`]. It looks at
/// brackets outside strings only, so it is right for any JSON and harmless for anything else.
pub fn too_deep(text: &str) -> Option<usize> {
    // Most texts have fewer in all, and counting them is ten times as fast.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= DEEPEST {
        return None;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(offset);
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Says where and how a JSON text is wrong. It repeats none of the text, because bodies are not
/// logged.
pub fn place(e: &serde_json::Error) -> String {
    let what = match e.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data | serde_json::error::Category::Io => {
            "it is of another shape"
        }
    };
    format!("{what}, at line {} column {}", e.line(), e.column())
}

/// Returns the JSON pointer of the field at which a text is not a `T`; `None` if it is one, or is
/// no JSON. The names are those of our own types, except for keys of maps.
pub(crate) fn field_of<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize::<_, T>(&mut reader);
    let error = read.err().filter(|error| error.inner().is_data())?;
    let mut pointer = String::new();
    let named = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    // serde names a missing field in its message only.
    let said = error.inner().to_string();
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let names = error.path().iter().filter_map(named);
    for name in names.chain(missing.map(str::to_owned)) {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    (!pointer.is_empty()).then(|| pointer.chars().take(LONGEST_POINTER).collect())
}

/// The longest JSON pointer that a reason carries, in characters.
const LONGEST_POINTER: usize = 255;

/// Returns the text of a scalar; `None` for null, for blank text, and for what is no scalar. A text
/// that is none (a lone surrogate) stays in its escapes, visibly.
pub(crate) fn scalar(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let raw = raw?.get();
    let text = match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(raw)
            .map_or(Cow::Borrowed(raw.trim_matches('"')), |text| text.0),
        b'{' | b'[' | b'n' => return None,
        _ => Cow::Borrowed(raw),
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Joins the texts of an error, each cut to 200 characters, with colons. Returns `None` if none of
/// them is there.
pub(crate) fn words<'a>(texts: impl IntoIterator<Item = Option<Cow<'a, str>>>) -> Option<String> {
    let short = |text: Cow<'_, str>| text.chars().take(200).collect::<String>();
    let words: Vec<String> = texts.into_iter().flatten().map(short).collect();
    (!words.is_empty()).then(|| words.join(": "))
}

/// The fields of a JSON object in their order, with the text of each value. A value that fits into
/// none of our types, such as 1e400, spoils only itself.
#[derive(Debug)]
pub(crate) struct Object<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A field's name, borrowed unless it holds escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_strings_and_the_65th_bracket_is_too_many() {
        assert_eq!(too_deep(&"[".repeat(64)), None);
        assert_eq!(too_deep(&format!(" {}", "[".repeat(65))), Some(65));
        assert_eq!(too_deep(&format!("\"\\\"{}\"", "{".repeat(99))), None);
        assert_eq!(too_deep(&"[]{}".repeat(99)), None);
        assert_eq!(too_deep(&"]".repeat(99)), None);
    }

    #[test]
    fn fields_keep_what_their_values_say() {
        let text = r#"{"a":1e400,"b\u0041":"\ud800","a":{"x":[ 1 ]}}"#;
        let Object(fields) = serde_json::from_str(text).unwrap();
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_ref(), value.get())).collect();
        assert_eq!(fields, [("a", "1e400"), ("bA", r#""\ud800""#), ("a", r#"{"x":[ 1 ]}"#)]);
        for bad in ["[]", "1", "{", r#"{"\ud800":1}"#] {
            assert!(serde_json::from_str::<Object<'_>>(bad).is_err(), "{bad}");
        }
    }
}
