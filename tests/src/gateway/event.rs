//! Turns a request into an event of payload format 2.0.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::routes::Match;

/// Media types, as prefixes, whose bodies API Gateway hands on as text.
const TEXT: [&str; 6] = [
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/problem+json",
    "application/x-www-form-urlencoded",
];

/// The gateway listens on loopback only.
const CALLER: &str = "127.0.0.1";

/// Returns the event of a request that came to the API `api` at `now`.
pub(super) fn event(
    api: &str,
    request: &Parts,
    body: &[u8],
    found: &Match<'_>,
    now: Timestamp,
) -> Value {
    let headers = headers(&request.headers);
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let text = as_text(body, header("content-type"));
    let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
    let key = found.route.key();
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": api,
            "domainName": header("host"),
            "domainPrefix": api,
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", request.version),
                "sourceIp": CALLER,
                "userAgent": header("user-agent"),
            },
            "requestId": Uuid::now_v7().simple().to_string(),
            "routeKey": key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
    });
    // AWS leaves out these members if they are empty.
    let cookies = cookies(&request.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !found.parameters.is_empty() {
        event["pathParameters"] = json!(found.parameters);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(joined(form_urlencoded::parse(query.as_bytes())));
    }
    if !body.is_empty() {
        event["body"] = text.map_or_else(|| STANDARD.encode(body), str::to_owned).into();
    }
    event
}

/// Returns all headers except `cookie`, which has a member of its own, and adds those of the
/// gateway.
fn headers(sent: &HeaderMap) -> BTreeMap<String, String> {
    let others = sent.iter().filter(|(name, _)| *name != header::COOKIE);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut headers = joined(others.map(|(name, value)| (name.as_str(), text(value.as_bytes()))));
    for (name, value) in [("x-forwarded-for", CALLER), ("x-forwarded-proto", "http")] {
        headers.insert(name.to_owned(), value.to_owned());
    }
    headers
}

fn cookies(sent: &HeaderMap) -> Vec<String> {
    let sent = sent.get_all(header::COOKIE).iter().map(|value| value.as_bytes());
    let pairs = sent.flat_map(|value| value.split(|byte| *byte == b';'));
    let pairs = pairs.map(|pair| String::from_utf8_lossy(pair.trim_ascii()).into_owned());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

/// Joins the values of a repeated name by commas, as format 2.0 does.
fn joined<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl Iterator<Item = (N, V)>,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.as_ref();
        all.entry(name.as_ref().to_owned())
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert_with(|| value.to_owned());
    }
    all
}

/// Returns the body as text; `None` if API Gateway would send base64.
fn as_text<'a>(body: &'a [u8], content_type: &str) -> Option<&'a str> {
    let content_type = content_type.to_ascii_lowercase();
    let is_text = TEXT.iter().any(|prefix| content_type.starts_with(prefix));
    is_text.then(|| std::str::from_utf8(body).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::routes::Routes;
    use crate::template::Template;
    use axum::http::Request;

    fn event_of(method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
        let request = Request::builder().method(method).uri(uri);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let routes = Routes::of(&Template::read());
        let found = routes.find(method, parts.uri.path()).unwrap();
        let now = "2026-05-01T12:34:56.789Z".parse().unwrap();
        event("penstock", &parts, body, &found, now)
    }

    #[test]
    fn repeated_headers_and_parameters_are_joined_and_cookies_are_apart() {
        let headers = [
            ("X-A", "1"),
            ("x-a", "2"),
            ("cookie", "a=1; b=2"),
            ("cookie", "c=3"),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        let event = event_of("GET", "/runs?limit=1&limit=2&status=&q=a%20b+c", &headers, b"");
        let sent = json!({"x-a": "1,2", "x-forwarded-for": CALLER, "x-forwarded-proto": "http"});
        assert_eq!(event["headers"], sent);
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["rawQueryString"], "limit=1&limit=2&status=&q=a%20b+c");
        let parameters = json!({"limit": "1,2", "status": "", "q": "a b c"});
        assert_eq!(event["queryStringParameters"], parameters);
    }

    #[test]
    fn the_path_is_as_it_was_sent_and_its_parameters_are_decoded() {
        let event = event_of("GET", "/users/a%2Fb%2525/journey", &[], b"");
        assert_eq!(event["rawPath"], "/users/a%2Fb%2525/journey");
        assert_eq!(event["pathParameters"], json!({"userId": "a/b%25"}));
        let context = &event["requestContext"];
        assert_eq!(event["routeKey"], "ANY /users/{userId}/journey");
        assert_eq!(context["routeKey"], event["routeKey"]);
        assert_eq!(context["time"], "01/May/2026:12:34:56 +0000");
        assert_eq!(context["timeEpoch"], 1_777_638_896_789_i64);
        assert_eq!(context["http"]["protocol"], "HTTP/1.1");
    }

    #[test]
    fn a_body_is_text_where_its_type_says_so_and_it_is_utf_8_and_else_base64() {
        let json = [("content-type", "Application/JSON; charset=utf-8")];
        let body = |event: Value| (event["isBase64Encoded"].clone(), event["body"].clone());
        assert_eq!(body(event_of("POST", "/leads", &json, b"{}")), (false.into(), "{}".into()));
        assert_eq!(body(event_of("POST", "/leads", &json, b"\xff")), (true.into(), "/w==".into()));
        assert_eq!(body(event_of("POST", "/leads", &[], b"{}")), (true.into(), "e30=".into()));
    }

    #[test]
    fn members_that_would_be_empty_are_left_out() {
        let event = event_of("GET", "/healthz", &[], b"");
        for name in ["cookies", "pathParameters", "queryStringParameters", "body"] {
            assert!(event.get(name).is_none(), "{event}");
        }
        assert_eq!(event["isBase64Encoded"], false);
    }
}
