//! A payload as a person reads it: folded, coloured, and every number as it came. Nothing is parsed
//! into a number of ours: 0.10 stays 0.10, and an id of 20 digits keeps all of them.

use std::fmt::Write as _;

use penstock_domain::redaction::Redactions;
use serde_json::value::RawValue;

use crate::filters::{self, Markup, escape, grouped};

/// Bytes of HTML of a payload, unless all of it is asked for.
const MOST: usize = 24_000;

/// Bytes of HTML of a payload that is shown whole. Lambda's reply takes 6 MiB.
const MOST_OF_ALL: usize = 3 * 1024 * 1024;

/// Bytes of one string in JSON, unless all of it is asked for.
const MOST_OF_STRING: usize = 2_000;

/// Objects and arrays that are open at first: those of the first levels.
const OPEN_LEVELS: usize = 2;

/// Objects and arrays within each other that are folded. Deeper ones are text.
const DEEPEST: usize = 64;

/// A long payload scrolls, so the keyboard must reach it.
const FOCUS: &str = "tabindex=\"0\" role=\"group\" aria-label=\"Payload\"";

/// A payload that is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    /// Byte for byte as received.
    pub(crate) bytes: &'a [u8],
    /// The name of the vendor.
    pub(crate) source: Option<&'a str>,
}

/// How much of a payload a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Its shape: keys, and the kinds of values.
    Masked,
    /// All but the places that the operator keeps from view.
    Revealed,
}

/// A payload as HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) html: Markup,
    /// The length of what came in.
    pub(crate) bytes: usize,
    /// Whether anything is kept from view.
    pub(crate) is_redacted: bool,
}

impl Payload<'_> {
    /// Writes the payload. `all` is the address that shows it whole; without one this does.
    pub(crate) fn show(self, view: View, redactions: &Redactions, all: Option<&str>) -> Shown {
        let Self { bytes, source } = self;
        let text = std::str::from_utf8(bytes).ok();
        let json = text.and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok());
        let kept = redactions.concern(source);
        let (html, is_redacted) = match (view, json, text) {
            (View::Masked, Some(json), _) => (Writer::new(json.get(), true, all).written(), true),
            (View::Masked, None, _) => (Markup::default(), true),
            (View::Revealed, Some(json), _) => match redactions.hide(&json, source) {
                (Some(json), any) => (Writer::new(json.get(), false, all).written(), any),
                (None, any) => (Markup::default(), any),
            },
            // No pointer says where in it a person is named.
            (View::Revealed, None, _) if kept => (Markup::default(), true),
            (View::Revealed, None, Some(text)) => (plain(text, all), false),
            (View::Revealed, None, None) => (mixed(bytes, all), false),
        };
        Shown { html, bytes: bytes.len(), is_redacted }
    }
}

/// Text that is no JSON.
fn plain(text: &str, all: Option<&str>) -> Markup {
    let most = if all.is_some() { MOST / 2 } else { MOST_OF_ALL / 6 };
    Markup::of(format!("<pre class=\"text\" {FOCUS}>{}</pre>", filters::cut(text, most, all)))
}

/// Bytes that are not UTF-8: the text among them, and each other byte in hexadecimal.
fn mixed(bytes: &[u8], all: Option<&str>) -> Markup {
    let most = if all.is_some() { MOST / 8 } else { MOST_OF_ALL / 8 };
    let mut html = format!("<pre class=\"text\" {FOCUS}>");
    for chunk in bytes[..bytes.len().min(most)].utf8_chunks() {
        escape(&mut html, chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(html, "<i>\\x{byte:02X}</i>");
        }
    }
    if bytes.len() > most {
        cut_off(&mut html, bytes.len() - most, all);
    }
    html.push_str("</pre>");
    Markup::of(html)
}

fn cut_off(html: &mut String, left: usize, all: Option<&str>) {
    let _ = write!(html, "<span class=\"cut\">\u{2026} {} more bytes", grouped(left));
    if let Some(all) = all {
        html.push_str(", <a href=\"");
        escape(html, all);
        html.push_str("\">show all</a>");
    }
    html.push_str("</span>");
}

/// Writes JSON, token by token.
struct Writer<'a> {
    json: &'a str,
    at: usize,
    html: String,
    masks: bool,
    all: Option<&'a str>,
    /// The brackets that are open.
    open: Vec<u8>,
    /// Whether the next string is a key.
    is_key: bool,
}

impl<'a> Writer<'a> {
    const fn new(json: &'a str, masks: bool, all: Option<&'a str>) -> Self {
        Self { json, at: 0, html: String::new(), masks, all, open: Vec::new(), is_key: false }
    }

    fn written(mut self) -> Markup {
        let most = if self.all.is_some() { MOST } else { MOST_OF_ALL };
        let _ = write!(self.html, "<div class=\"json\" {FOCUS}>");
        while let Some(byte) = self.json.as_bytes().get(self.at).copied() {
            if self.html.len() > most || self.open.len() > DEEPEST {
                let (left, all) = (self.json.len() - self.at, self.all);
                cut_off(&mut self.html, left, all);
                break;
            }
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'{' | b'[' => self.open(byte),
                b'}' | b']' => self.close(),
                b',' => {
                    self.html.push_str(",</li><li>");
                    self.is_key = self.open.last() == Some(&b'{');
                    self.at += 1;
                }
                b':' => {
                    self.html.push_str(": ");
                    self.at += 1;
                }
                b'"' => self.string(),
                _ => self.word(),
            }
        }
        for bracket in std::mem::take(&mut self.open).into_iter().rev() {
            self.end(bracket);
        }
        self.html.push_str("</div>");
        Markup::of(self.html)
    }

    fn open(&mut self, bracket: u8) {
        self.at += 1;
        let rest = self.json[self.at..].trim_start();
        if rest.starts_with(['}', ']']) {
            self.html.push_str(if bracket == b'{' { "{}" } else { "[]" });
            self.at = self.json.len() - rest.len() + 1;
            return;
        }
        let open = if self.open.len() < OPEN_LEVELS { " open" } else { "" };
        let _ =
            write!(self.html, "<details{open}><summary>{}</summary><ul><li>", char::from(bracket));
        self.open.push(bracket);
        self.is_key = bracket == b'{';
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(bracket) = self.open.pop() {
            self.end(bracket);
        }
    }

    fn end(&mut self, bracket: u8) {
        let end = if bracket == b'{' { '}' } else { ']' };
        let _ = write!(self.html, "</li></ul>{end}</details>");
    }

    /// A string with its quotes and escapes, as they came.
    fn string(&mut self) {
        let end = end_of_string(&self.json[self.at..]);
        let text = &self.json[self.at..self.at + end];
        self.at += end;
        let is_key = std::mem::take(&mut self.is_key);
        let class = if is_key { "k" } else { "s" };
        if self.masks && !(is_key && is_plain_name(text)) {
            let kind = if is_key { "key" } else { "text" };
            let _ = write!(self.html, "<i>{kind}</i>");
            return;
        }
        let _ = write!(self.html, "<span class=\"{class}\">");
        let most = if self.all.is_some() { MOST_OF_STRING } else { MOST_OF_ALL };
        if text.len() > most {
            let shown = &text[..text.floor_char_boundary(most)];
            escape(&mut self.html, shown);
            let (left, all) = (text.len() - shown.len(), self.all);
            cut_off(&mut self.html, left, all);
        } else {
            escape(&mut self.html, text);
        }
        self.html.push_str("</span>");
    }

    /// A number, `true`, `false` or `null`, as it came.
    fn word(&mut self) {
        let rest = &self.json[self.at..];
        let ends = |c: char| matches!(c, ',' | '}' | ']' | ' ' | '\t' | '\n' | '\r');
        let end = rest.find(ends).unwrap_or(rest.len()).max(1);
        let word = &rest[..end];
        self.at += end;
        if self.masks {
            let is_number = !matches!(word, "true" | "false" | "null");
            self.html.push_str(if is_number { "<i>number</i>" } else { "<i>word</i>" });
            return;
        }
        self.html.push_str("<span class=\"n\">");
        escape(&mut self.html, word);
        self.html.push_str("</span>");
    }
}

/// Bytes of the JSON string that a text begins with.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a key is the name of a field. Others may hold what a person has written, such as an
/// e-mail address.
fn is_plain_name(quoted: &str) -> bool {
    let name = quoted.trim_matches('"');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= 40 && digits <= 4 && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8], view: View, all: Option<&str>) -> String {
        let payload = Payload { bytes, source: Some("stripe") };
        payload.show(view, &Redactions::default(), all).html.to_string()
    }

    /// The text of HTML, as a browser would show it.
    fn text_of(html: &str) -> String {
        let mut text = String::new();
        for piece in html.split('<') {
            text.push_str(piece.split_once('>').map_or(piece, |(_, rest)| rest));
        }
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
    }

    #[test]
    fn numbers_and_strings_are_shown_as_they_came() {
        let body =
            br#"{"n":12345678901234567890123,"a":1.10,"e":1E+2,"s":"\u0000\"<b>","z":[-0,{}]}"#;
        let html = shown(body, View::Revealed, None);
        let text = text_of(&html);
        assert_eq!(
            text,
            r#"{"n": 12345678901234567890123,"a": 1.10,"e": 1E+2,"s": "\u0000\"<b>","z": [-0,{}]}"#
        );
        assert!(!html.contains("<b>"), "{html}");
        assert!(html.contains("<span class=\"n\">1.10</span>"), "{html}");
    }

    #[test]
    fn a_masked_payload_shows_its_shape_and_nothing_that_was_written() {
        let body = br#"{"email":"ada@example.com","amount":4200,"by":{"ada@example.com":true},"0123456":null}"#;
        let html = shown(body, View::Masked, None);
        let text = text_of(&html);
        assert_eq!(text, r#"{"email": text,"amount": number,"by": {key: word},key: word}"#);
        assert_eq!(shown(b"email=ada@example.com", View::Masked, None), "");
        assert_eq!(shown(b"\xff", View::Masked, None), "");
    }

    #[test]
    fn a_long_payload_says_how_much_is_left_out() {
        let body = format!("[{}1]", "\"\u{e4}<\",".repeat(10_000));
        let html = shown(body.as_bytes(), View::Revealed, Some("/console/leads/1?all=body"));
        assert!(html.len() < MOST + 1_000, "{}", html.len());
        assert!(html.contains("more bytes, <a href=\"/console/leads/1?all=body\">show all</a>"));
        let whole = shown(body.as_bytes(), View::Revealed, None);
        assert!(!whole.contains("more bytes"));
        let string = format!("\"{}\"", "x".repeat(5_000));
        assert!(shown(string.as_bytes(), View::Revealed, Some("/")).contains("3,002 more bytes"));
    }

    #[test]
    fn what_is_no_json_is_text_and_what_is_no_text_is_hexadecimal() {
        let inner = |bytes| {
            let html = shown(bytes, View::Revealed, None);
            let inner = html.split_once('>').and_then(|(_, rest)| rest.strip_suffix("</pre>"));
            inner.unwrap_or_default().to_owned()
        };
        assert_eq!(inner(b"a=<b>\x00"), "a=&lt;b&gt;\\u{0000}");
        assert_eq!(inner(b"a\xffb\xc3"), "a<i>\\xFF</i>b<i>\\xC3</i>");
    }

    #[test]
    fn what_the_operator_keeps_from_view_is_on_no_page() {
        let env = [("REDACTED_POINTERS", "/email")].into_iter().collect();
        let redactions = Redactions::from_env(&env).unwrap();
        let of = |bytes| Payload { bytes, source: None }.show(View::Revealed, &redactions, None);
        let json = of(br#"{"email":"ada@example.com"}"#);
        assert!(json.is_redacted && !json.html.as_str().contains("ada@"));
        let form = of(b"email=ada@example.com");
        assert_eq!((form.html.as_str(), form.is_redacted), ("", true));
    }

    proptest! {
        #[test]
        fn every_element_that_is_opened_is_closed(
            keys in prop::collection::vec("\\PC{0,8}", 0..6), depth in 0_usize..120, all: bool,
        ) {
            let inner: Vec<String> =
                keys.iter().map(|key| format!("{}:[1,{{}},[]]", serde_json::json!(key))).collect();
            let body = format!("{}{{{}}}{}", "[".repeat(depth), inner.join(","), "]".repeat(depth));
            let html = shown(body.as_bytes(), View::Revealed, all.then_some("/console"));
            for element in ["details", "summary", "ul", "li", "span", "div"] {
                let opened = html.matches(&format!("<{element}")).count();
                let closed = html.matches(&format!("</{element}>")).count();
                // `<li` also begins `<link`, which is never written.
                prop_assert_eq!(opened, closed, "{} {}", element, html);
            }
        }
    }
}
