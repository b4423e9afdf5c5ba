//! A request as API Gateway's HTTP API and function URLs send it: payload format 2.0.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;

/// A request. Read from the event without a detour over a URL: a `Host` that is none must not cost the
/// caller its answer (lambda_http 1.3 panics on it).
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Event")]
pub struct Request {
    /// The method; TRACE, which no route takes, stands for what is none.
    pub method: Method,
    /// The path as it was sent, still percent-encoded, without the stage.
    pub path: String,
    /// The query string as it was sent. The parsed form beside it joins repeated keys by commas.
    pub raw_query: String,
    /// The headers; names in lower case, values of repeated ones joined by commas.
    pub headers: HeaderMap,
    /// The body as the gateway passes it on, base64 where [`Self::is_base64_encoded`] says so.
    pub body: Option<String>,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct Context {
    http: Http,
    stage: Option<String>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl From<Event> for Request {
    fn from(event: Event) -> Self {
        let stage = event.request_context.stage.filter(|stage| stage != "$default");
        let path = stage.and_then(|stage| without_stage(&event.raw_path, &stage)).unwrap_or(event.raw_path);
        Self {
            method: event.request_context.http.method.parse().unwrap_or(Method::TRACE),
            path,
            raw_query: event.raw_query_string,
            headers: event.headers.iter().filter_map(|(name, value)| header(name, value)).collect(),
            body: event.body,
            is_base64_encoded: event.is_base64_encoded,
        }
    }
}

fn without_stage(path: &str, stage: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    rest.starts_with('/').then(|| rest.to_owned())
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(path: &str, stage: &str, headers: serde_json::Value) -> Request {
        let context = json!({"http": {"method": "GET"}, "stage": stage});
        let event = json!({"rawPath": path, "requestContext": context, "headers": headers});
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn names_of_headers_come_in_any_case_and_bad_ones_are_dropped() {
        let headers = json!({"X-API-Key": "k", "a b": "c", "d": "e\nf", "host": "<none>", "g": "\u{e4}"});
        let request = request("/", "$default", headers);
        assert_eq!(request.headers["x-api-key"], "k");
        assert_eq!(request.headers.len(), 3);
    }

    #[test]
    fn a_named_stage_is_no_part_of_the_path() {
        for (path, stage, expected) in [
            ("/runs", "$default", "/runs"),
            ("/dev/runs", "dev", "/runs"),
            ("/runs", "dev", "/runs"),
            ("/device", "dev", "/device"),
        ] {
            assert_eq!(request(path, stage, json!({})).path, expected);
        }
    }
}
