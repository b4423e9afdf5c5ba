//! The body of a lead, as a caller can read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use penstock_domain::intake::Body;
use penstock_domain::json::too_deep;
use penstock_domain::record::Media;
use serde_json::value::{RawValue, to_raw_value};

/// A body, and the form in which it is shown.
pub(super) struct Shown {
    /// `json`, `text` or `base64`.
    pub form: &'static str,
    pub body: Box<RawValue>,
}

impl Shown {
    /// Shows a body as JSON if it is JSON, as text if it is text, and otherwise its bytes as
    /// base64. It is inflated and decoded for the first two.
    pub(super) fn of(bytes: &[u8], content_type: &str, content_encoding: Option<&str>) -> Self {
        let media = Media { content_type, content_encoding };
        let text = Body { bytes, media }.text().ok().filter(|text| is_plain(text));
        if let Some(json) = text.as_deref().and_then(json) {
            return Self { form: "json", body: json };
        }
        let (form, text) = match text {
            Some(text) => ("text", text.into_owned()),
            None => ("base64", STANDARD.encode(bytes)),
        };
        // A string can always be written.
        Self { form, body: to_raw_value(&text).unwrap_or_default() }
    }
}

/// Whether a text has none of the control characters that make a string of JSON many times longer.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' && !b"\t\r\n".contains(&byte))
}

fn json(text: &str) -> Option<Box<RawValue>> {
    if too_deep(text).is_some() {
        return None;
    }
    RawValue::from_string(text.trim().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], encoding: Option<&str>) -> (&'static str, String) {
        let Shown { form, body } = Shown::of(bytes, "application/octet-stream", encoding);
        (form, body.get().to_owned())
    }

    #[test]
    fn a_body_is_shown_as_json_as_text_or_as_base64_of_its_bytes() {
        for (bytes, form, body) in [
            (&b" {\"a\": 1e400}\n"[..], "json", "{\"a\": 1e400}"),
            (b"7", "json", "7"),
            (b"a=b&c=\"d\"", "text", "\"a=b&c=\\\"d\\\"\""),
            (b"", "text", "\"\""),
            (b"{\"a\":", "text", "\"{\\\"a\\\":\""),
            (b"\xff\x00", "base64", "\"/wA=\""),
            (b"a\x00b", "base64", "\"YQBi\""),
        ] {
            assert_eq!(shown(bytes, None), (form, body.to_owned()), "{bytes:?}");
        }
    }

    #[test]
    fn the_longest_body_of_any_bytes_fits_into_a_reply_of_lambda() {
        for byte in [b'a', b'"', b'\\', b'\n', 0, 0x1f, 0xff] {
            let bytes = vec![byte; penstock_domain::intake::LONGEST_BODY];
            let (_, body) = shown(&bytes, None);
            let in_reply = serde_json::to_string(&body).unwrap().len();
            assert!(in_reply < 5 * 1024 * 1024, "{in_reply} of {byte}");
        }
    }
}
