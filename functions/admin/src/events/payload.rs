//! A payload as a person reads it, without the places that the operator keeps from view.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use penstock_domain::redaction::Redactions;
use serde::Serialize;
use serde_json::value::RawValue;

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
        let is_concerned = redactions.concern(source);
        let mut shown =
            Self { bytes: bytes.len(), json: None, text: None, base64: None, redacted: false };
        let text = std::str::from_utf8(bytes).ok();
        let json = text.and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok());
        match (json, text) {
            (Some(json), _) if !is_concerned => shown.json = Some(json),
            (Some(json), _) => (shown.json, shown.redacted) = redactions.hide(&json, source),
            // No pointer says where in it a person is named.
            (None, _) if is_concerned => shown.redacted = true,
            (None, Some(text)) => shown.text = Some(text.to_owned()),
            (None, None) => shown.base64 = Some(STANDARD.encode(bytes)),
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VARIABLE: &str = "REDACTED_POINTERS";

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
}
