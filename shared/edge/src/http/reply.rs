//! Replies, written as API Gateway takes them: payload format 2.0.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde::Serialize;

use super::cookie::SetCookie;
use super::failure::Failure;
use super::problem::{Problem, ProblemBody};
use super::request_id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static(RequestId::HEADER);

/// The header of a reply that was given before (the Idempotency-Key draft's own).
pub(super) const REPLAYED: &str = "idempotency-replayed";

/// The header of a page that says where the next one begins.
pub const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A reply with its headers, cookies and body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ApiGatewayV2httpResponse")]
pub struct Reply {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers, cookies excepted.
    pub headers: HeaderMap,
    /// The `Set-Cookie` headers. Payload format 2.0 keeps them apart, because it allows one value a
    /// header.
    pub cookies: Vec<String>,
    /// The body as the caller is to receive it. API Gateway gets it as text if it is UTF-8, else as
    /// base64.
    pub body: Cow<'static, [u8]>,
}

impl Reply {
    /// A reply of these parts. The shell adds the request's id.
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self { status_code: status.as_u16(), headers, cookies: Vec::new(), body: body.into() }
    }

    /// A reply of `body` as JSON.
    ///
    /// # Errors
    /// [`Failure`] with a 500 if serde cannot write the body as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body).map_err(Failure::internal)?;
        Ok(Self::of_json(status, "application/json", body))
    }

    /// An error reply, `application/problem+json`.
    #[must_use]
    pub fn problem(problem: &Problem, id: &RequestId) -> Self {
        let body = serde_json::to_vec(&ProblemBody::new(problem, id.as_str()));
        // Strings and numbers only: it cannot fail.
        let body = body.unwrap_or_default();
        let mut reply = Self::of_json(problem.status, "application/problem+json", body);
        let allow = problem.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok());
        reply.headers.extend(allow.map(|allow| (header::ALLOW, allow)));
        match problem.retry_after {
            Some(seconds) => reply.with_retry_after(seconds),
            None => reply,
        }
    }

    fn of_json(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Self {
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        Self::new(status, headers, body)
    }

    /// Advises the caller to try again after this many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.headers.insert(header::RETRY_AFTER, seconds.into());
        self
    }

    /// Sets a cookie beside those that are set already.
    #[must_use]
    pub fn with_cookie(mut self, cookie: &SetCookie) -> Self {
        self.cookies.push(cookie.to_string());
        self
    }

    /// Says that the same reply was given before.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.headers.insert(REPLAYED, HeaderValue::from_static("true"));
        self
    }

    /// Sets a header. A value that no header can hold is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// Names the request, as every reply does.
    #[must_use]
    pub fn with_id(mut self, id: &RequestId) -> Self {
        self.headers.extend(HeaderValue::from_str(id.as_str()).ok().map(|id| (REQUEST_ID, id)));
        self
    }

    /// Drops the body, which a reply to HEAD must not have.
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { body: Cow::Borrowed(&[]), ..self }
    }

    /// The body as text; empty if it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

impl From<Reply> for ApiGatewayV2httpResponse {
    fn from(reply: Reply) -> Self {
        let body = String::from_utf8(reply.body.into_owned());
        let mut response = Self::default();
        response.status_code = reply.status_code.into();
        response.headers = reply.headers;
        response.cookies = reply.cookies;
        response.is_base64_encoded = body.is_err();
        response.body = Some(match body {
            Ok(text) => Body::Text(text),
            // The event type writes these as base64.
            Err(bytes) => Body::Binary(bytes.into_bytes()),
        });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;
    use serde_json::{Value, json};

    #[test]
    fn a_reply_is_written_as_payload_format_2_0() {
        let event = json!({"requestContext": {"http": {"method": "GET"}}});
        let id = RequestId::of(&serde_json::from_value::<Request>(event).unwrap(), "lambdas");
        let reply = Reply::json(StatusCode::OK, &json!({"a": "\u{e4}"})).unwrap();
        let reply = reply.with_id(&id).with_retry_after(5);
        let headers = json!({
            "content-type": "application/json", "cache-control": "no-store", "x-request-id": "lambdas",
            "retry-after": "5",
        });
        let expected = json!({
            "statusCode": 200, "headers": headers, "body": "{\"a\":\"\u{e4}\"}", "isBase64Encoded": false,
            "multiValueHeaders": {}, "cookies": [],
        });
        assert_eq!(serde_json::to_value(reply).unwrap(), expected);
    }

    #[test]
    fn several_cookies_stand_beside_the_headers() {
        let reply = Reply::json(StatusCode::OK, &json!({})).unwrap();
        let cookie = |name| SetCookie::new(name, "1").unwrap();
        let reply = reply.with_cookie(&cookie("a")).with_cookie(&cookie("b"));
        let written = serde_json::to_value(reply).unwrap();
        let attributes = "Path=/; HttpOnly; Secure; SameSite=Lax";
        assert_eq!(
            written["cookies"],
            json!([format!("a=1; {attributes}"), format!("b=1; {attributes}")])
        );
        assert_eq!(written["headers"].get("set-cookie"), None);
    }

    /// Sends a reply's body back as the body of a request, as a gateway between the two would.
    fn round_trip(body: &'static [u8]) -> (Value, Vec<u8>) {
        let reply = Reply::new(StatusCode::OK, HeaderMap::new(), body);
        let written = serde_json::to_value(reply).unwrap();
        let event = json!({
            "requestContext": {"http": {"method": "POST"}},
            "body": written["body"], "isBase64Encoded": written["isBase64Encoded"],
        });
        let request: Request = serde_json::from_value(event).unwrap();
        (written["isBase64Encoded"].clone(), request.bytes(1024).unwrap().into_owned())
    }

    #[test]
    fn a_body_of_any_bytes_makes_the_round_trip_text_as_text() {
        for (body, encoded) in [
            (&b""[..], false),
            (b"{\"a\":1}", false),
            ("\u{0} \u{e4}\u{1f642}".as_bytes(), false),
            (b"\x89PNG\r\n\x1a\n\x00\xff", true),
            (b"\xc3", true),
        ] {
            assert_eq!(round_trip(body), (json!(encoded), body.to_vec()), "{body:?}");
        }
    }
}
