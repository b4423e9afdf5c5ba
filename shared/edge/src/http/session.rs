//! A person's session in a request: its cookie, and where the request comes from.
//!
//! The cookies have Better Auth's names, so that its client finds itself at home. A browser keeps a
//! cookie with the prefix `__Secure-` only if a page came over TLS, so no other network can plant
//! one.

use http::{HeaderName, Method, header};
use penstock_domain::access;
use penstock_domain::account::{Role, session, token};

use super::cookie::{InvalidCookie, SetCookie};
use super::problem::Problem;
use super::request::Request;
use super::route_info::RouteInfo;

/// The names of one cookie, by whether the request came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    secure: &'static str,
    plain: &'static str,
}

/// The cookie that holds the token of the session.
pub const COOKIE: Name =
    Name { secure: "__Secure-better-auth.session_token", plain: "better-auth.session_token" };

/// The cookie that Better Auth keeps a copy of the session in. It is never set here, and cleared
/// with the others.
pub const DATA_COOKIE: Name =
    Name { secure: "__Secure-better-auth.session_data", plain: "better-auth.session_data" };

/// The cookie that says that the session ends with the browser.
pub const FORGETFUL_COOKIE: Name =
    Name { secure: "__Secure-better-auth.dont_remember", plain: "better-auth.dont_remember" };

/// The cookie that carries the token of a link that was just made to the page that shows it once.
pub const LINK_COOKIE: Name = Name { secure: "__Secure-penstock.link", plain: "penstock.link" };

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Name {
    /// The name that a browser sends with this request.
    #[must_use]
    pub fn of(self, request: &Request) -> &'static str {
        if is_https(request) { self.secure } else { self.plain }
    }

    /// Sets the cookie in the reply to a request.
    ///
    /// # Errors
    /// [`InvalidCookie`] if the value holds what no cookie can.
    pub fn set(self, request: &Request, value: &str) -> Result<SetCookie, InvalidCookie> {
        let cookie = SetCookie::new(self.of(request), value)?;
        Ok(if is_https(request) { cookie } else { cookie.over_http() })
    }

    /// Deletes the cookie in the reply to a request.
    #[must_use]
    pub fn clear(self, request: &Request) -> SetCookie {
        let cookie = SetCookie::expired(self.of(request));
        if is_https(request) { cookie } else { cookie.over_http() }
    }
}

/// The token of a session, already hashed: the token itself goes no further.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// The SHA-256 of the token, as the `sessions` table has it.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Returns the token of the session that a request carries. What cannot be one is none.
#[must_use]
pub fn token(request: &Request) -> Option<Token> {
    token::hashed(request.cookie(COOKIE.of(request))?).map(Token)
}

/// Whether a request carries the cookie of a session, be it one or not.
#[must_use]
pub fn is_presented(request: &Request) -> bool {
    request.cookie(COOKIE.of(request)).is_some()
}

/// Sets the cookies of a session that has just begun or was renewed.
///
/// # Errors
/// [`InvalidCookie`] if the token holds what no cookie can.
pub fn begin(
    request: &Request,
    token: &str,
    remembered: bool,
) -> Result<Vec<SetCookie>, InvalidCookie> {
    let cookie = COOKIE.set(request, token)?;
    Ok(match remembered {
        true => vec![cookie.lasting(session::LASTS)],
        false => vec![cookie, FORGETFUL_COOKIE.set(request, "true")?],
    })
}

/// Sets the cookie of the request's session anew, because the session was renewed. None if the
/// request has no such cookie.
#[must_use]
pub fn renew(request: &Request) -> Option<SetCookie> {
    let cookie = COOKIE.set(request, request.cookie(COOKIE.of(request))?).ok()?;
    Some(cookie.lasting(session::LASTS))
}

/// Deletes all cookies of a session.
#[must_use]
pub fn end(request: &Request) -> [SetCookie; 3] {
    [COOKIE, DATA_COOKIE, FORGETFUL_COOKIE].map(|name| name.clear(request))
}

/// Whether the browser has called by HTTPS. API Gateway takes nothing else, and says so; a gateway
/// on one machine says `http`.
#[must_use]
pub fn is_https(request: &Request) -> bool {
    let proto = request.headers.get(FORWARDED_PROTO);
    proto.is_none_or(|proto| !proto.as_bytes().eq_ignore_ascii_case(b"http"))
}

/// Whether requests of a method may change something.
#[must_use]
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses an unsafe request that a page of another origin has made (trap 61). `own` is scheme and
/// host of this API; the scheme and `Host` of the request are its own too.
///
/// `Sec-Fetch-Site`, which a page cannot forge, must be `same-origin`. Without it `Origin` must be
/// our own. A request without both comes from no browser: it may go on without cookies only.
///
/// # Errors
/// 403 if it comes from elsewhere, or does not say where it comes from.
pub fn same_origin(request: &Request, own: Option<&str>) -> Result<(), Problem> {
    if !is_unsafe(&request.method) {
        return Ok(());
    }
    let text = |name: &HeaderName| request.headers.get(name).map(|value| value.to_str().ok());
    let foreign = || {
        Problem::forbidden("foreign-origin", "The request comes from a page of another origin.")
            .with("code", "INVALID_ORIGIN")
            .with("message", "Invalid origin")
    };
    if let Some(site) = text(&SEC_FETCH_SITE) {
        return if site == Some("same-origin") { Ok(()) } else { Err(foreign()) };
    }
    match text(&header::ORIGIN) {
        Some(Some(origin)) if is_own(origin, request, own) => Ok(()),
        None if request.cookies.is_empty() => Ok(()),
        Some(Some("null")) | None => {
            let detail = "A request with cookies must say by Origin where it comes from.";
            Err(Problem::forbidden("no-origin", detail)
                .with("code", "MISSING_OR_NULL_ORIGIN")
                .with("message", "Missing or null Origin"))
        }
        Some(_) => Err(foreign()),
    }
}

fn is_own(origin: &str, request: &Request, own: Option<&str>) -> bool {
    let own = own.and_then(origin_of);
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if is_https(request) { "https" } else { "http" };
    let called = host.filter(|host| !host.is_empty()).map(|host| format!("{scheme}://{host}"));
    let is = |other: &str| origin.eq_ignore_ascii_case(other);
    own.is_some_and(is) || called.as_deref().is_some_and(is)
}

/// Scheme and host of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.find('/').unwrap_or(rest.len());
    url.get(..scheme.len() + "://".len() + host)
}

/// Decides whether the person opens a route ([`access::admit`]). `role` is that of the session
/// that was found.
///
/// # Errors
/// 401 without a session, 403 if its role is too low.
pub fn authorize(route: &RouteInfo, role: Option<Role>) -> Result<(), Problem> {
    Ok(access::admit(route.need, role)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

    fn request(method: &str, headers: Value, cookies: &[&str]) -> Request {
        let event = json!({
            "requestContext": {"http": {"method": method}}, "headers": headers, "cookies": cookies,
        });
        serde_json::from_value(event).unwrap()
    }

    fn code(outcome: &Result<(), Problem>) -> &str {
        outcome.as_ref().err().map_or("", |problem| problem.members["code"].as_str().unwrap())
    }

    #[test]
    fn the_cookie_is_that_of_the_scheme_and_no_other() {
        let (plain, secure) = (
            format!("better-auth.session_token={TOKEN}"),
            format!("__Secure-better-auth.session_token={TOKEN}"),
        );
        for (proto, cookie, is_found) in [
            (json!({}), &secure, true),
            (json!({}), &plain, false),
            (json!({"x-forwarded-proto": "https"}), &plain, false),
            (json!({"x-forwarded-proto": "http"}), &plain, true),
            (json!({"x-forwarded-proto": "http"}), &secure, false),
        ] {
            let request = request("GET", proto.clone(), &[cookie]);
            assert_eq!(token(&request).is_some(), is_found, "{proto} {cookie}");
        }
        let request = request("GET", json!({}), &["__Secure-better-auth.session_token=short"]);
        assert_eq!((token(&request), is_presented(&request)), (None, true));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let cookie = "__Secure-better-auth.session_token=x";
        let own = Some("https://api.example.com/prod");
        for (headers, expected) in [
            (json!({"sec-fetch-site": "same-origin"}), ""),
            (json!({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}), ""),
            (json!({"sec-fetch-site": "same-site"}), "INVALID_ORIGIN"),
            (json!({"sec-fetch-site": "cross-site"}), "INVALID_ORIGIN"),
            (json!({"sec-fetch-site": "none"}), "INVALID_ORIGIN"),
            (
                json!({"sec-fetch-site": "cross-site", "origin": "https://api.example.com"}),
                "INVALID_ORIGIN",
            ),
            (json!({"origin": "https://api.example.com"}), ""),
            (json!({"origin": "https://API.example.com"}), ""),
            (
                json!({"origin": "https://evil.example", "host": "evil.example.com"}),
                "INVALID_ORIGIN",
            ),
            (json!({"origin": "http://api.example.com"}), "INVALID_ORIGIN"),
            (json!({"origin": "https://api.example.com.evil.example"}), "INVALID_ORIGIN"),
            (json!({"origin": "https://other.example", "host": "other.example"}), ""),
            (
                json!({"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000", "x-forwarded-proto": "http"}),
                "",
            ),
            (json!({"origin": "https://", "host": ""}), "INVALID_ORIGIN"),
            (json!({"origin": "null"}), "MISSING_OR_NULL_ORIGIN"),
            (json!({}), "MISSING_OR_NULL_ORIGIN"),
        ] {
            let outcome = same_origin(&request("POST", headers.clone(), &[cookie]), own);
            assert_eq!(code(&outcome), expected, "{headers}");
        }
        // No browser leaves both out of a POST; and without cookies nobody is signed in.
        assert_eq!(same_origin(&request("POST", json!({}), &[]), own), Ok(()));
        let sandboxed = same_origin(&request("POST", json!({"origin": "null"}), &[]), own);
        assert_eq!(code(&sandboxed), "MISSING_OR_NULL_ORIGIN");
        assert_eq!(
            same_origin(&request("GET", json!({"sec-fetch-site": "none"}), &[cookie]), own),
            Ok(())
        );
        for method in ["PUT", "PATCH", "DELETE"] {
            let outcome =
                same_origin(&request(method, json!({"sec-fetch-site": "cross-site"}), &[]), own);
            assert_eq!(code(&outcome), "INVALID_ORIGIN", "{method}");
        }
    }

    #[test]
    fn a_session_sets_the_cookies_of_better_auth_and_its_end_clears_them() {
        let request = request("POST", json!({}), &[]);
        let text =
            |cookies: &[SetCookie]| cookies.iter().map(ToString::to_string).collect::<Vec<_>>();
        let name = "__Secure-better-auth";
        let attributes = "Path=/; HttpOnly; Secure; SameSite=Lax";
        assert_eq!(
            text(&begin(&request, TOKEN, true).unwrap()),
            [format!("{name}.session_token={TOKEN}; {attributes}; Max-Age=604800")]
        );
        assert_eq!(
            text(&begin(&request, TOKEN, false).unwrap()),
            [
                format!("{name}.session_token={TOKEN}; {attributes}"),
                format!("{name}.dont_remember=true; {attributes}"),
            ]
        );
        assert_eq!(
            text(&end(&request)),
            ["session_token", "session_data", "dont_remember"]
                .map(|it| format!("{name}.{it}=; {attributes}; Max-Age=0"))
        );
        assert_eq!(renew(&request), None);
    }

    #[test]
    fn a_token_is_in_no_debug_output() {
        let request =
            request("GET", json!({}), &[&format!("__Secure-better-auth.session_token={TOKEN}")]);
        assert_eq!(format!("{:?}", token(&request).unwrap()), "Token(..)");
    }
}
