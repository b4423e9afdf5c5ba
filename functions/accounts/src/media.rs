//! The kind of a request's body: JSON or a form, and whether a page has sent it.

use penstock_edge::http::{HeaderMap, Request, header};

/// The longest body, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of a request's body, in lower case and without its parameters.
pub(crate) fn media_type(request: &Request) -> String {
    let text = text(&request.headers, header::CONTENT_TYPE);
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a page has sent a form. A program that sends one asks for JSON by `Accept`.
pub(crate) fn is_form(request: &Request) -> bool {
    let accepted = text(&request.headers, header::ACCEPT);
    let wants_json = accepted.contains("application/json") && !accepted.contains("text/html");
    media_type(request) == FORM && !wants_json
}

/// Whether a text is the path of a page here. Browsers read a backslash as a slash, and leave white
/// space out, so either could name another host.
pub(crate) fn is_own_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(plain)
}

/// Splits the body of a form as browsers write it.
pub(crate) fn form_fields(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_path_of_our_own_is_a_page_to_go_to() {
        for path in ["/", "/console", "/console/runs?status=failed&x=%2F%2Fa"] {
            assert!(is_own_path(path), "{path}");
        }
        for text in [
            "",
            "console",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a b",
            "/a\r\nset-cookie: x=y",
            " /console",
            "/ä",
        ] {
            assert!(!is_own_path(text), "{text:?}");
        }
    }

    #[test]
    fn a_form_of_a_page_is_told_from_one_of_a_program() {
        let is_form = |accept: &str| {
            let event = json!({
                "requestContext": {"http": {"method": "POST"}},
                "headers": {"content-type": format!("{FORM}; charset=UTF-8"), "accept": accept},
            });
            is_form(&serde_json::from_value::<Request>(event).unwrap())
        };
        assert!(is_form("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(is_form(""));
        assert!(!is_form("application/json"));
    }
}
