//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07): a quoted string by
//! RFC 9651 or, as most clients send it, bare.

use http::HeaderMap;
use penstock_domain::text::LONGEST_ID;
use sha2::{Digest as _, Sha256};

use super::problem::{FieldError, Problem};

/// The header that names a request, so that its repetition does nothing twice.
pub(super) const HEADER: &str = "idempotency-key";

/// The key of a request, unquoted: `"a"` and `a` are the same key. `None` if the header is missing.
///
/// # Errors
/// 400 if it is empty, too long, half quoted, or not printable ASCII.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let text = value.to_str().map(str::trim).unwrap_or_default();
    let key = if text.starts_with('"') { quoted(text) } else { bare(text) };
    let key = key.filter(|key| (1..=LONGEST_ID).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        Problem::invalid(vec![FieldError {
            pointer: "#/header/Idempotency-Key".to_owned(),
            detail: format!(
                "must be 1 to {LONGEST_ID} printable ASCII characters, bare or in double quotes"
            ),
        }])
    })
}

/// The key of a request that is not refused for its key. A text that is no key by
/// [`idempotency_key`] is taken as it is, and one that no column holds by its hash. `None` if the
/// header is missing or empty.
#[must_use]
pub fn any_idempotency_key(headers: &HeaderMap) -> Option<String> {
    if let Ok(key) = idempotency_key(headers) {
        return key;
    }
    let bytes = headers.get(HEADER)?.as_bytes().trim_ascii();
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST_ID);
    let text = text
        .map_or_else(|| format!("sha256:{}", hex::encode(Sha256::digest(bytes))), str::to_owned);
    let is_empty = bytes.iter().all(|byte| b"\" \t".contains(byte));
    (!is_empty).then_some(text)
}

/// A token without spaces or quotes. A comma may be two headers that the gateway has joined: not
/// one key.
fn bare(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\",".contains(&b);
    text.bytes().all(plain).then(|| text.to_owned())
}

/// An RFC 9651 string; parameters after it mean nothing to us.
fn quoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = text.strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => break,
            '\\' => key.push(rest.next().filter(|c| ['"', '\\'].contains(c))?),
            c if c == ' ' || c.is_ascii_graphic() => key.push(c),
            _ => return None,
        }
    }
    let rest = rest.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn key(value: &str) -> Result<Option<String>, u16> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(HEADER),
            HeaderValue::from_str(value).unwrap(),
        )]);
        idempotency_key(&headers).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        for value in
            [uuid.to_owned(), format!("\"{uuid}\""), format!(" {uuid} "), format!("\"{uuid}\";a=1")]
        {
            assert_eq!(key(&value).unwrap().as_deref(), Some(uuid), "{value}");
        }
        assert_eq!(key(r#""a \"b\" \\, c""#).unwrap().as_deref(), Some(r#"a "b" \, c"#));
    }

    #[test]
    fn where_no_key_is_refused_an_odd_one_is_taken_as_it_is_and_an_empty_one_is_none() {
        let any = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            any_idempotency_key(&HeaderMap::from_iter([(
                http::HeaderName::from_static(HEADER),
                value,
            )]))
        };
        for (value, key) in [
            ("k", Some("k")),
            ("\"k\"", Some("k")),
            ("lead 7", Some("lead 7")),
            (" lead 7 ", Some("lead 7")),
            ("\"a", Some("\"a")),
            ("a,b", Some("a,b")),
            ("\u{e4}", Some("\u{e4}")),
            ("", None),
            (" ", None),
            ("\"\"", None),
        ] {
            assert_eq!(any(value.as_bytes()).as_deref(), key, "{value}");
        }
        let hashed = |value: &[u8]| any(value).is_some_and(|key| key.starts_with("sha256:"));
        assert!(hashed(b"\xff") && hashed(&[b'k'; 256]));
        assert_ne!(any(&[b'k'; 256]), any(&[b'k'; 257]));
        assert_eq!(any_idempotency_key(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_key_is_a_400() {
        let endless = "k".repeat(256);
        for value in [
            "",
            " ",
            "\"\"",
            "\"a",
            "a\"",
            "a b",
            "a,b",
            "\"a\",\"b\"",
            "\"a\\b\"",
            "\u{e4}",
            "\"\t\"",
            &endless,
        ] {
            assert_eq!(key(value), Err(400), "{value:?}");
        }
        assert!(key(&"k".repeat(255)).is_ok());
    }
}
