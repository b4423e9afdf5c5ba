//! Bodies as senders send them: compressed, in another charset, as JSON or as a form of some kind.
//!
//! The bytes are kept as they came. This module makes text of them, for the reply and for whoever
//! reads the row later.

use std::borrow::Cow;

use crate::record::Media;

mod form;
mod inflate;
mod multipart;
mod text;

pub use inflate::NotInflated;

/// The longest body, in bytes: as it comes, and again after it is inflated.
pub const LONGEST_BODY: usize = 1024 * 1024;

/// Fields of one form that are read. Those after them are kept in the body only.
const MOST_FIELDS: usize = 1_000;

/// A body with the headers that say how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The bytes as they came.
    pub bytes: &'a [u8],
    /// The headers. Senders set them wrongly, so the bytes have the last word.
    pub media: Media<'a>,
}

/// The reason why a body is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    #[error(transparent)]
    NotInflated(#[from] NotInflated),
    /// The inflated body is in no charset that is known here.
    #[error("The body is not UTF-8 at byte {0}.")]
    Charset(usize),
}

impl<'a> Body<'a> {
    /// Returns the body as text: inflated, decoded, and without a byte order mark.
    ///
    /// # Errors
    /// [`NotText`] if it cannot be inflated, is longer than [`LONGEST_BODY`] then, or is no text.
    pub fn text(self) -> Result<Cow<'a, str>, NotText> {
        let bytes = inflate::inflate(self.bytes, self.media.content_encoding)?;
        text::decoded(bytes, parameter(self.media.content_type, "charset").as_deref())
            .map_err(NotText::Charset)
    }

    /// Returns the fields of the body as the text of a JSON object. A form becomes the object that
    /// its names spell. `None` if the body is neither an object nor a form.
    #[must_use]
    pub(super) fn fields(self) -> Option<Cow<'a, str>> {
        let bytes = inflate::inflate(self.bytes, self.media.content_encoding).ok()?;
        if let Some(pairs) = multipart::pairs(&bytes, self.media.content_type) {
            return Some(Cow::Owned(form::object(pairs)));
        }
        let charset = parameter(self.media.content_type, "charset");
        let is_declared = essence(self.media.content_type) == "application/x-www-form-urlencoded";
        match text::decoded(bytes.clone(), charset.as_deref()) {
            Ok(text) if text.trim_start().starts_with('{') => Some(text),
            Ok(text) => form::pairs(text.as_bytes(), is_declared),
            // A form's bytes may be in a charset that nothing names.
            Err(_) if is_declared => form::pairs(&bytes, true),
            Err(_) => None,
        }
    }
}

/// Returns the media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns a parameter of a header such as `form-data; name="email"`, without its quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after);
        if key.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// Splits a parameter's value from what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            // Only a quote is escaped. Some browsers send a Windows path with bare backslashes.
            '\\' if quoted[at..].starts_with("\\\"") => {
                value.extend(chars.next().map(|(_, quote)| quote))
            }
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests;
