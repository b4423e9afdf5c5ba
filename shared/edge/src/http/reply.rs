//! Replies: JSON, with the request's id on each.

use std::collections::BTreeMap;

use http::{StatusCode, header};
use serde::Serialize;

use super::problem::{Problem, ProblemBody};
use super::request_id::RequestId;

/// A reply as API Gateway takes it: payload format 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers; names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// JSON.
    pub body: String,
    /// Never.
    pub is_base64_encoded: bool,
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
            reply.headers.insert(header::ALLOW.as_str(), methods.to_owned());
        }
        match problem.retry_after {
            Some(seconds) => reply.with_retry_after(seconds),
            None => reply,
        }
    }

    /// The same with the advice to try again in so many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.headers.insert(header::RETRY_AFTER.as_str(), seconds.to_string());
        self
    }

    fn of(status: StatusCode, media_type: &str, body: &impl Serialize, id: &RequestId) -> Self {
        let (status, body) = match serde_json::to_string(body) {
            Ok(text) => (status, text),
            Err(error) => {
                tracing::error!(%error, request_id = id.as_str(), "a reply cannot be written as JSON");
                (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned())
            }
        };
        let headers = BTreeMap::from([
            (header::CONTENT_TYPE.as_str(), media_type.to_owned()),
            (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
            (RequestId::HEADER, id.as_str().to_owned()),
        ]);
        Self { status_code: status.as_u16(), headers, body, is_base64_encoded: false }
    }
}
