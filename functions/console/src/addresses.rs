//! Addresses of the console's own pages: to come back to, and to sign in first.

use penstock_edge::http::Request;

/// The page to sign in.
const SIGN_IN: &str = "/console/sign-in";

/// Returns the address of the page to sign in, which leads on to `next`.
pub(crate) fn sign_in(next: Option<&str>) -> String {
    match next.and_then(own_page) {
        Some("/console") | None => SIGN_IN.to_owned(),
        Some(next) => {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            format!("{SIGN_IN}?{query}")
        }
    }
}

/// Returns an address if it is one of the console's pages. A browser takes a backslash for a slash,
/// and drops control characters: `/\evil.example` is another host's.
pub(crate) fn own_page(path: &str) -> Option<&str> {
    let is_sane = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let rest = path.strip_prefix("/console")?;
    let is_page = rest.is_empty() || rest.starts_with(['/', '?']);
    (is_sane && is_page && path.len() <= LONGEST_NEXT).then_some(path)
}

/// The longest address to go on to, in bytes.
const LONGEST_NEXT: usize = 2_000;

/// Path and query of a request.
pub(crate) fn own_path(request: &Request) -> String {
    match request.raw_query.as_str() {
        "" => request.path.clone(),
        query => format!("{}?{query}", request.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_61_a_sign_in_leads_to_a_page_of_our_own_and_nowhere_else() {
        for own in ["/console", "/console?x=1", "/console/leads?q=a%20b", "/console/"] {
            assert_eq!(own_page(own), Some(own));
        }
        for other in [
            "https://evil.example",
            "//evil.example/console",
            "/\\evil.example",
            "/console\\..\\x",
            "/consoles",
            "/console/\r\nx: y",
            "/console/\u{e4}",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(own_page(other), None, "{other}");
        }
        assert_eq!(
            sign_in(Some("/console/leads?q=a&x=1")),
            "/console/sign-in?next=%2Fconsole%2Fleads%3Fq%3Da%26x%3D1"
        );
        assert_eq!(sign_in(Some("//evil.example")), "/console/sign-in");
    }
}
