//! Replies: JSON, or a document that never changes while the function runs; with the request's id on each.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::{Problem, ProblemBody};
use super::request_id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static(RequestId::HEADER);

/// A text that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub media_type: &'static str,
    /// All of it.
    pub text: &'static str,
    /// Its Content-Security-Policy.
    pub security_policy: &'static str,
}

impl Document {
    /// Its ETag: half of its SHA-256.
    fn tag(&self) -> String {
        let digest = Sha256::digest(self.text);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{hex}\"")
    }
}

/// A reply. Written as API Gateway takes it: payload format 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ApiGatewayV2httpResponse")]
pub struct Reply {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// JSON, or a document's text.
    pub body: String,
}

impl Reply {
    /// A reply of `body` as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize, id: &RequestId) -> Self {
        Self::of(status, "application/json", body, id)
    }

    /// An error reply, `application/problem+json`.
    #[must_use]
    pub fn problem(problem: &Problem, id: &RequestId) -> Self {
        let body = ProblemBody::new(problem, id.as_str());
        let mut reply = Self::of(problem.status, "application/problem+json", &body, id);
        if let Some(methods) = problem.allow {
            reply.headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        match problem.retry_after {
            Some(seconds) => reply.with_retry_after(seconds),
            None => reply,
        }
    }

    /// A document, or 304 where the caller's `If-None-Match` names it (RFC 9110, section 13.1.2).
    #[must_use]
    pub fn document(document: &Document, asked: &HeaderMap, id: &RequestId) -> Self {
        let tag = document.tag();
        let known = asked
            .get(header::IF_NONE_MATCH)
            .and_then(|tags| tags.to_str().ok())
            .is_some_and(|tags| {
                tags.split(',')
                    .map(str::trim)
                    .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
            });
        let (status, body) =
            if known { (StatusCode::NOT_MODIFIED, "") } else { (StatusCode::OK, document.text) };
        let mut headers = HeaderMap::from_iter([
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(document.security_policy)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]);
        if !known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(document.media_type));
        }
        for (name, value) in [(header::ETAG, tag.as_str()), (REQUEST_ID, id.as_str())] {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        }
        Self { status_code: status.as_u16(), headers, body: body.to_owned() }
    }

    /// The same with the advice to try again in so many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.headers.insert(header::RETRY_AFTER, seconds.into());
        self
    }

    /// The same with the word that it was given before (the Idempotency-Key draft's own header).
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        self
    }

    /// The same without the body, which a reply to HEAD must not have.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }

    fn of(
        status: StatusCode,
        media_type: &'static str,
        body: &impl Serialize,
        id: &RequestId,
    ) -> Self {
        let (status, body) = match serde_json::to_string(body) {
            Ok(text) => (status, text),
            Err(error) => {
                tracing::error!(%error, request_id = id.as_str(), "a reply cannot be written as JSON");
                (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned())
            }
        };
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        Self { status_code: status.as_u16(), headers, body }
    }
}

impl From<Reply> for ApiGatewayV2httpResponse {
    fn from(reply: Reply) -> Self {
        let mut response = Self::default();
        response.status_code = reply.status_code.into();
        response.headers = reply.headers;
        response.body = Some(Body::Text(reply.body));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;
    use serde_json::json;

    #[test]
    fn a_reply_is_written_as_payload_format_2_0() {
        let event = json!({"requestContext": {"http": {"method": "GET"}}});
        let id = RequestId::of(&serde_json::from_value::<Request>(event).unwrap(), "lambdas");
        let reply = Reply::json(StatusCode::OK, &json!({"a": "\u{e4}"}), &id).with_retry_after(5);
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
}
