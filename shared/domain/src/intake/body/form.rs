//! Forms, `a=b&c=d`, as builders and people send them: also with spaces, line ends and brackets
//! that nobody has encoded. Nested names become the object that they spell.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde_json::Value;

use super::{MOST_FIELDS, text};

/// Names are split at most this often; the last part keeps the rest.
const DEEPEST_NAME: usize = 8;

/// Reads a form, and returns it as the text of a JSON object; `None` if it is none. A body that
/// `is_declared` a form needs less proof. Otherwise its first name must look like one.
pub(super) fn pairs(bytes: &[u8], is_declared: bool) -> Option<Cow<'static, str>> {
    let bytes = bytes.trim_ascii();
    let is_other = matches!(bytes.first(), None | Some(b'{' | b'[' | b'<' | b'"'));
    let (name, _) = split(bytes, b'=')?;
    if is_other || !(is_declared || is_name(name)) {
        return None;
    }
    if let Some(lines) = lines(bytes).filter(|_| !is_declared) {
        return Some(Cow::Owned(object(lines)));
    }
    let pair = |pair: &[u8]| {
        let (name, value) = split(pair, b'=').unwrap_or((pair, b""));
        (decoded(name), decoded(value))
    };
    let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    Some(Cow::Owned(object(pairs.take(MOST_FIELDS).map(pair))))
}

/// Reads the lines of a form that a browser sent as `text/plain`: one field each, nothing encoded.
fn lines(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let pair = |line: &[u8]| {
        let (name, value) = split(line, b'=').filter(|(name, _)| is_name(name))?;
        (!value.contains(&b'&')).then(|| (text::guessed(name), text::guessed(value)))
    };
    let pairs: Option<Vec<_>> =
        lines.filter(|line| !line.is_empty()).take(MOST_FIELDS).map(pair).collect();
    pairs.filter(|pairs| pairs.len() > 1)
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

/// Whether a name is one that a form may have without anything else saying so.
fn is_name(name: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%+$:@".contains(byte);
    !name.is_empty() && name.len() <= 200 && name.iter().all(is_char)
}

fn decoded(encoded: &[u8]) -> String {
    let spaced: Vec<u8> =
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    text::guessed(&Cow::from(percent_decode(&spaced)))
}

/// Returns the object that the names of a form spell, as JSON text: `a[b]=c` is `{"a":{"b":"c"}}`.
pub(super) fn object(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let pairs: Vec<(String, String)> = pairs.into_iter().collect();
    let mut root = Fields::default();
    for (name, value) in &pairs {
        root.insert(&parts(name), value);
    }
    let mut text = String::new();
    root.write(&mut text);
    text
}

/// Splits `form_fields[email]` and `name.first` into the parts of a path. A name with numbers
/// between its dots is one part.
fn parts(name: &str) -> Vec<&str> {
    let name = name.trim();
    if name.contains('[') {
        let parts = name.splitn(DEEPEST_NAME, ['[', ']']).map(|part| part.trim_matches(']'));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            return parts;
        }
    }
    let is_word = |part: &str| part.chars().next().is_some_and(char::is_alphabetic);
    let dotted: Vec<&str> = name.splitn(DEEPEST_NAME, '.').collect();
    if dotted.iter().all(|part| is_word(part)) { dotted } else { vec![name] }
}

/// The fields of an object, in their order. A name may come more than once.
#[derive(Default)]
struct Fields<'a>(Vec<(&'a str, Field<'a>)>);

enum Field<'a> {
    Text(&'a str),
    Inner(Fields<'a>),
}

impl<'a> Fields<'a> {
    fn insert(&mut self, path: &[&'a str], value: &'a str) {
        let Some((name, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.0.push((name, Field::Text(value)));
            return;
        }
        let known = self.0.iter_mut().find_map(|(known, field)| match field {
            Field::Inner(fields) if known == name => Some(fields),
            _ => None,
        });
        match known {
            Some(fields) => fields.insert(rest, value),
            None => {
                let mut fields = Self::default();
                fields.insert(rest, value);
                self.0.push((name, Field::Inner(fields)));
            }
        }
    }

    fn write(&self, to: &mut String) {
        let quoted = |text: &str| Value::from(text).to_string();
        to.push('{');
        for (place, (name, field)) in self.0.iter().enumerate() {
            to.push_str(if place == 0 { "" } else { "," });
            to.push_str(&quoted(name));
            to.push(':');
            match field {
                Field::Text(text) => to.push_str(&quoted(text)),
                Field::Inner(fields) => fields.write(to),
            }
        }
        to.push('}');
    }
}
