//! Cookies: read from a request, set by a reply.
//!
//! Payload format 2.0 carries them beside the headers, in a list of its own both ways.

use std::fmt;
use std::time::Duration;

use super::request::Request;

impl Request {
    /// The value of a cookie; of the first one if several share the name.
    ///
    /// API Gateway sends one cookie an entry. Each entry is split all the same, for gateways that
    /// pass the `Cookie` header on as it came.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies.iter().flat_map(|entry| entry.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// A cookie that a reply sets. Scripts cannot read it, it travels over HTTPS only, and another
/// site's form does not send it: `HttpOnly; Secure; SameSite=Lax; Path=/`. On one machine, where
/// there is no TLS, [`SetCookie::over_http`] leaves `Secure` out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    name: &'static str,
    value: String,
    max_age: Option<Duration>,
    is_secure: bool,
}

/// The value of a cookie holds a character that RFC 6265 does not allow there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of the cookie {0} holds a character that is not allowed in one")]
pub struct InvalidCookie(&'static str);

impl SetCookie {
    /// A cookie that lasts until the browser is closed.
    ///
    /// # Errors
    /// [`InvalidCookie`] if the value is more than RFC 6265's `cookie-octet`s: white
    /// space, a quote, a comma, a semicolon, a backslash or anything beyond ASCII.
    pub fn new(name: &'static str, value: impl Into<String>) -> Result<Self, InvalidCookie> {
        let value = value.into();
        let allowed = |b: u8| b.is_ascii_graphic() && !b"\",;\\".contains(&b);
        if !value.bytes().all(allowed) {
            return Err(InvalidCookie(name));
        }
        Ok(Self { name, value, max_age: None, is_secure: true })
    }

    /// The cookie that deletes the one of that name.
    #[must_use]
    pub fn expired(name: &'static str) -> Self {
        Self { name, value: String::new(), max_age: Some(Duration::ZERO), is_secure: true }
    }

    /// Has the browser keep it for so long, in whole seconds.
    #[must_use]
    pub fn lasting(self, max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..self }
    }

    /// Lets it travel without TLS.
    #[must_use]
    pub fn over_http(self) -> Self {
        Self { is_secure: false, ..self }
    }
}

/// The text of the `Set-Cookie` header.
impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, max_age, is_secure } = self;
        let secure = if *is_secure { "; Secure" } else { "" };
        write!(f, "{name}={value}; Path=/; HttpOnly{secure}; SameSite=Lax")?;
        match max_age {
            Some(max_age) => write!(f, "; Max-Age={}", max_age.as_secs()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cookie_is_found_among_others_however_the_gateway_lists_them() {
        let event = json!({
            "requestContext": {"http": {"method": "GET"}},
            "cookies": ["theme=dark", "session=a=b; theme=light", "bare"],
        });
        let request: Request = serde_json::from_value(event).unwrap();
        assert_eq!(request.cookie("theme"), Some("dark"));
        assert_eq!(request.cookie("session"), Some("a=b"));
        assert_eq!(request.cookie("bare"), None);
        assert_eq!(request.cookie("sess"), None);
    }

    #[test]
    fn a_cookie_is_closed_to_scripts_and_other_sites_and_may_end_at_once() {
        let session = SetCookie::new("session", "a=b").unwrap();
        let attributes = "Path=/; HttpOnly; Secure; SameSite=Lax";
        assert_eq!(session.to_string(), format!("session=a=b; {attributes}"));
        let lasting = session.lasting(Duration::from_secs(60));
        assert_eq!(lasting.to_string(), format!("session=a=b; {attributes}; Max-Age=60"));
        let expired = SetCookie::expired("session");
        assert_eq!(expired.to_string(), format!("session=; {attributes}; Max-Age=0"));
        let plain = SetCookie::expired("session").over_http().to_string();
        assert_eq!(plain, "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn a_value_cannot_add_an_attribute_or_a_header() {
        for value in ["a; Domain=evil.example", "a\r\nx: y", "a b", "\"a\"", "a,b", "\u{e4}"] {
            assert_eq!(SetCookie::new("session", value), Err(InvalidCookie("session")), "{value}");
        }
    }
}
