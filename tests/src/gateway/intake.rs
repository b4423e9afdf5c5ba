//! Reads a request within API Gateway's limits.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

/// The longest body in bytes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The longest event that Lambda takes, in bytes. Only a body makes one that long, as text or as
/// base64.
pub(super) const EVENT_LIMIT: usize = 6 * 1024 * 1024;

/// The largest size of the request line and the values of all headers together, in bytes.
const HEAD_LIMIT: usize = 10_240;

/// Checks the size of the request line and of the headers.
///
/// # Errors
///
/// 414 if the request line alone is too long, else 431.
pub(super) fn check_head(head: &Parts) -> Result<(), StatusCode> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + target + "  HTTP/1.1".len();
    if line > HEAD_LIMIT {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let values: usize = head.headers.values().map(axum::http::HeaderValue::len).sum();
    if line + values > HEAD_LIMIT {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(())
}

/// Reads a body to its end.
///
/// # Errors
///
/// 413 if it is too long, 408 if nothing comes for `patience`, 400 if it is cut short or not framed
/// as its headers say.
pub(super) async fn body(mut body: Incoming, patience: Duration) -> Result<Bytes, StatusCode> {
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut read = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        let frame = frame.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
        let Some(frame) = frame else { return Ok(read.freeze()) };
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        if read.len() + data.len() > BODY_LIMIT {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        read.extend_from_slice(&data);
    }
}
