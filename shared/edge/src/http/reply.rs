//! Replies: JSON, with the request's id on each.

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

use super::problem::{Problem, ProblemBody};
use super::request_id::RequestId;

/// A reply of `body` as JSON.
pub fn json(status: StatusCode, body: &impl Serialize, id: &RequestId) -> Response<Body> {
    build(status, "application/json", body, id)
}

/// An error reply, `application/problem+json`.
pub fn problem(problem: &Problem, id: &RequestId) -> Response<Body> {
    let body = ProblemBody::new(problem, id.as_str());
    let mut reply = build(problem.status, "application/problem+json", &body, id);
    if let Some(seconds) = problem.retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(methods) = problem.allow {
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    reply
}

fn build(status: StatusCode, media_type: &'static str, body: &impl Serialize, id: &RequestId) -> Response<Body> {
    let (status, text) = match serde_json::to_string(body) {
        Ok(text) => (status, text),
        Err(error) => {
            tracing::error!(%error, request_id = id.as_str(), "a reply cannot be written as JSON");
            (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned())
        }
    };
    let mut reply = Response::new(Body::Text(text));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(RequestId::HEADER, value);
    }
    reply
}
