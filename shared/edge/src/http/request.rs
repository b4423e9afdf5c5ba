//! A request as API Gateway's HTTP API and function URLs send it: payload format 2.0.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use super::mounting::Misplaced;
use super::problem::Problem;

/// A request, made of the event as `lambda_http` types it. It is not made by `lambda_http::run`:
/// for its `http::Request`, 1.3 builds a URL of `Host`, path and query, and panics if they make
/// none. A caller who sends `Host: <none>` or `?a=<b>` would read 500 instead of an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method. An unparsable method becomes TRACE, which no route accepts.
    pub method: Method,
    /// The path without the stage and without the base path of a custom domain: as it was sent by a
    /// function URL, percent-decoded by an HTTP API.
    pub path: String,
    /// The parameters that the gateway found in the path, by the names of its route. A function URL
    /// finds none.
    pub path_parameters: HashMap<String, String>,
    /// The query string as it was sent. The parsed form beside it joins repeated keys by commas.
    pub raw_query: String,
    /// The headers without the cookies; names in lower case, repeated values joined by commas.
    pub headers: HeaderMap,
    /// The cookies as `name=value`, one an entry; [`Self::cookie`] reads them.
    pub cookies: Vec<String>,
    /// The body as the gateway passes it on, base64 if [`Self::is_base64_encoded`] is set.
    pub body: Option<String>,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
    /// The network address that has called the gateway, as the gateway saw it. `X-Forwarded-For`
    /// holds what the caller likes, and is read nowhere.
    pub source_ip: Option<String>,
}

impl Request {
    /// Returns the URL that the sender has called, which its signature may cover. `base` is scheme,
    /// host and stage. Without it the request's own `Host` is used, which a proxy in between may
    /// have changed.
    #[must_use]
    pub fn called_url(&self, base: Option<&str>) -> String {
        let host =
            || self.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let base = base.map_or_else(|| format!("https://{}", host()), str::to_owned);
        let query = match self.raw_query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        format!("{}{}{query}", base.trim_end_matches('/'), self.path)
    }

    /// Decodes a parameter of the path once; `part` is its place in [`Self::path`]. `None` if it is
    /// not UTF-8, or holds a slash that the gateway did not decode.
    ///
    /// An HTTP API decodes the whole path, slashes included. The gateway of this repository decodes
    /// only the parameters, a function URL nothing. Decoded twice, `100%2525` would become another
    /// user's id.
    #[must_use]
    pub(super) fn path_text(&self, name: &str, part: &str) -> Option<String> {
        let decoded = |text: &str| String::from_utf8(percent_decode_str(text).collect()).ok();
        match self.path_parameters.get(name) {
            Some(found) if decoded(found).as_deref() == Some(part) => Some(part.to_owned()),
            Some(found) => Some(found.clone()),
            None if part.contains('/') => None,
            None => decoded(part),
        }
    }

    /// Returns how many bytes the body has, without decoding it.
    #[must_use]
    pub fn size(&self) -> usize {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_base64_encoded {
            return body.len();
        }
        let padding = body.bytes().rev().take_while(|byte| *byte == b'=').count();
        (body.len() / 4 * 3).saturating_sub(padding)
    }

    /// The body as the caller sent it, at most `limit` bytes.
    ///
    /// # Errors
    /// 413 where it is longer; 400 where the gateway says base64 and it is none.
    pub fn bytes(&self, limit: usize) -> Result<Cow<'_, [u8]>, Problem> {
        let text = self.body.as_deref().unwrap_or_default().as_bytes();
        let bytes = if self.is_base64_encoded {
            // Not decoded where it cannot be short enough.
            if text.len() > limit.div_ceil(3).saturating_mul(4) {
                return Err(Problem::too_large(limit));
            }
            let decoded = STANDARD.decode(text);
            Cow::Owned(
                decoded
                    .map_err(|_| Problem::bad_request("invalid-body", "The body is not base64."))?,
            )
        } else {
            Cow::Borrowed(text)
        };
        if bytes.len() > limit { Err(Problem::too_large(limit)) } else { Ok(bytes) }
    }

    /// Reads a request from an event that [`Misplaced::of`] has nothing to say about.
    pub(super) fn read(mut event: Value) -> Result<Self, serde_json::Error> {
        mend(&mut event);
        ApiGatewayV2httpRequest::deserialize(event).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        match Misplaced::of(&event) {
            Some(misplaced) => Err(D::Error::custom(misplaced)),
            None => Self::read(event).map_err(D::Error::custom),
        }
    }
}

/// For one header or method that is none, the event's type would refuse the whole of it.
fn mend(event: &mut Value) {
    if let Some(headers) = event.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, value| is_header(name, value));
    }
    if let Some(Value::String(method)) = event.pointer_mut("/requestContext/http/method")
        && method.parse::<Method>().is_err()
    {
        Method::TRACE.as_str().clone_into(method);
    }
}

fn is_header(name: &str, value: &Value) -> bool {
    let sane = |text: &str| HeaderValue::from_str(text).is_ok();
    HeaderName::from_bytes(name.as_bytes()).is_ok() && value.as_str().is_some_and(sane)
}

impl From<ApiGatewayV2httpRequest> for Request {
    fn from(event: ApiGatewayV2httpRequest) -> Self {
        let context = event.request_context;
        let path = event.raw_path.unwrap_or_default();
        let stage = context.stage.filter(|stage| stage != "$default");
        let path = stage.and_then(|stage| without_stage(&path, &stage)).unwrap_or(path);
        let key = event.route_key.as_deref().unwrap_or_default();
        let path = without_base(&path, key, &event.path_parameters).unwrap_or(path);
        Self {
            method: context.http.method,
            path,
            path_parameters: event.path_parameters,
            raw_query: event.raw_query_string.unwrap_or_default(),
            headers: event.headers,
            cookies: event.cookies.unwrap_or_default(),
            body: event.body,
            is_base64_encoded: event.is_base64_encoded,
            source_ip: context.http.source_ip,
        }
    }
}

fn without_stage(path: &str, stage: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    rest.starts_with('/').then(|| rest.to_owned())
}

/// Returns the path that the route has without the base path under which a custom domain maps the
/// API, which the gateway leaves in front. `None` if there is none, or the event names no route.
fn without_base(path: &str, route_key: &str, found: &HashMap<String, String>) -> Option<String> {
    let (_, template) = route_key.split_once(' ')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    // The gateway has decoded the path, or not.
    let filled = |value: &dyn Fn(&str) -> String| {
        found.iter().fold(template.to_owned(), |path, (name, text)| {
            path.replace(&format!("{{{name}}}"), &value(text))
        })
    };
    [filled(&str::to_owned), filled(&decoded)]
        .into_iter()
        .find(|own| own.len() < path.len() && own.starts_with('/') && path.ends_with(own.as_str()))
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
    fn a_path_has_no_base_path_of_a_custom_domain() {
        for (path, key, found, meant) in [
            ("/penstock/events", "ANY /events", json!({}), "/events"),
            (
                "/a/b/users/ada/journey",
                "ANY /users/{id}/journey",
                json!({"id": "ada"}),
                "/users/ada/journey",
            ),
            (
                "/users/users/x/y/journey",
                "ANY /users/{id}/journey",
                json!({"id": "x%2Fy"}),
                "/users/x/y/journey",
            ),
            (
                "/v1/users/a%20b/journey",
                "ANY /users/{id}/journey",
                json!({"id": "a%20b"}),
                "/users/a%20b/journey",
            ),
            // No base path, no route, or a route for all.
            (
                "/users/users/journey",
                "ANY /users/{id}/journey",
                json!({"id": "users"}),
                "/users/users/journey",
            ),
            ("/penstock/events", "$default", json!({}), "/penstock/events"),
            (
                "/penstock/events",
                "ANY /{proxy+}",
                json!({"proxy": "penstock/events"}),
                "/penstock/events",
            ),
        ] {
            let event = json!({
                "rawPath": path, "routeKey": key, "pathParameters": found,
                "requestContext": {"http": {"method": "GET"}, "stage": "$default"},
            });
            let request: Request = serde_json::from_value(event).unwrap();
            assert_eq!(request.path, meant, "{path} by {key}");
        }
    }

    #[test]
    fn names_of_headers_come_in_any_case_and_bad_ones_are_dropped() {
        let headers =
            json!({"X-API-Key": "k", "a b": "c", "d": "e\nf", "host": "<none>", "g": "\u{e4}"});
        let request = request("/", "$default", headers);
        assert_eq!(request.headers["x-api-key"], "k");
        assert_eq!(request.headers.len(), 3);
    }

    #[test]
    fn trap_27_the_body_is_the_bytes_that_were_sent_whether_or_not_the_gateway_encoded_them() {
        let request = |body: &str, encoded: bool| -> Request {
            let context = json!({"http": {"method": "POST"}});
            let event =
                json!({"requestContext": context, "body": body, "isBase64Encoded": encoded});
            serde_json::from_value(event).unwrap()
        };
        assert_eq!(*request("aGkK/w==", false).bytes(100).unwrap(), *b"aGkK/w==");
        assert_eq!(*request("aGkK/w==", true).bytes(100).unwrap(), *b"hi\n\xff");
        assert_eq!(request("aGkK/w==", true).bytes(4).unwrap().len(), 4);
        for (body, encoded, limit, status) in [
            ("aGkK/w==", true, 3, 413),
            ("aGkK", true, 2, 413),
            ("hi", false, 1, 413),
            ("hi!", true, 9, 400),
        ] {
            assert_eq!(
                request(body, encoded).bytes(limit).unwrap_err().status.as_u16(),
                status,
                "{body}"
            );
        }
    }

    #[test]
    fn a_text_in_the_path_is_decoded_once_whoever_has_decoded_what() {
        for (sent, meant) in
            [("a%20b", "a b"), ("a+b", "a+b"), ("100%2541", "100%41"), ("100%", "100%"), ("7", "7")]
        {
            for (path, found) in [
                (sent, None),
                (sent, Some(meant)),
                (sent, Some(sent)),
                (meant, Some(meant)),
                (meant, Some(sent)),
            ] {
                // No gateway finds parameters without decoding any.
                if path == sent && found == Some(sent) && sent != meant {
                    continue;
                }
                let mut request = request("/", "$default", json!({}));
                request.path_parameters =
                    found.map(|found| ("id".to_owned(), found.to_owned())).into_iter().collect();
                assert_eq!(
                    request.path_text("id", path).as_deref(),
                    Some(meant),
                    "{path} {found:?}"
                );
            }
        }
        let request = request("/", "$default", json!({}));
        assert_eq!(request.path_text("id", "%ff"), None);
        assert_eq!(request.path_text("id", "a/b"), None);
    }

    #[test]
    fn what_is_no_method_is_one_that_no_route_takes() {
        for (sent, method) in [
            ("GET", Method::GET),
            ("HEAD", Method::HEAD),
            ("G T", Method::TRACE),
            ("", Method::TRACE),
        ] {
            let event = json!({"rawPath": "/", "requestContext": {"http": {"method": sent}}});
            assert_eq!(serde_json::from_value::<Request>(event).unwrap().method, method);
        }
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
