//! The HTTP API on loopback, in this process: what infra/local/gateway.py does for a stack, over the functions' own handlers.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, Response};
use base64::Engine as _;
use penstock_clients::clock::SystemClock;
use penstock_edge::http::Request;
use penstock_testkit::MemoryQueue;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// API Gateway's own limit, in bytes.
const MOST_BYTES: usize = 10 * 1024 * 1024;

/// The functions that answer HTTP.
pub struct Functions {
    /// The read side.
    pub metrics: metrics::Ports<SystemClock>,
    /// Leads and events.
    pub ingest: ingest::Ports<SystemClock, MemoryQueue>,
    /// What operators ask for.
    pub admin: admin::Ports<SystemClock, MemoryQueue>,
    /// Stripe's events.
    pub webhook: webhook::Ports<SystemClock, MemoryQueue>,
}

/// A server with the routes of infra/template.yaml; it ends when this is dropped.
pub struct Front {
    /// Where it listens, without a slash at the end.
    pub url: String,
    server: JoinHandle<()>,
}

struct Inside {
    functions: Functions,
    routes: Vec<(Vec<String>, String)>,
    invocations: AtomicU64,
}

impl Front {
    /// Starts listening.
    ///
    /// # Panics
    /// Where there is no free port, or the template has no routes.
    pub async fn start(functions: Functions) -> Self {
        let inside =
            Arc::new(Inside { functions, routes: routes(), invocations: AtomicU64::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(serve).with_state(inside);
        let server =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, server }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(State(inside): State<Arc<Inside>>, request: HttpRequest) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        return own(413, "Request Entity Too Large");
    };
    let path = parts.uri.path();
    let Some(function) = inside.function_for(path) else { return own(404, "Not Found") };
    let headers = joined(&parts.headers);
    let text = as_text(&body, headers.get("content-type").map_or("", String::as_str));
    let encoded = || base64::engine::general_purpose::STANDARD.encode(&body);
    let event = json!({
        "version": "2.0", "routeKey": format!("ANY {path}"), "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(), "headers": headers,
        "requestContext": { "http": { "method": parts.method.as_str(), "path": path }, "stage": "$default" },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
        "body": if body.is_empty() { Value::Null } else { text.map_or_else(encoded, str::to_owned).into() },
    });
    let request: Request = serde_json::from_value(event).expect("any event is a request");
    let invocation = format!("invocation-{}", inside.invocations.fetch_add(1, Ordering::Relaxed));
    let reply = match function {
        "metrics" => inside.functions.metrics.handle(&request, &invocation).await,
        "ingest" => inside.functions.ingest.handle(&request, &invocation).await,
        "admin" => inside.functions.admin.handle(&request, &invocation).await,
        _ => inside.functions.webhook.answer(&request, &invocation).await,
    };
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = axum::http::StatusCode::from_u16(reply.status_code).expect("a status");
    *response.headers_mut() = reply.headers;
    response
}

impl Inside {
    fn function_for(&self, path: &str) -> Option<&str> {
        let asked: Vec<&str> = path.split('/').collect();
        let fits = |route: &[String]| {
            let same = |(part, asked): (&String, &&str)| {
                part == asked || part.starts_with('{') && !asked.is_empty()
            };
            route.len() == asked.len() && route.iter().zip(&asked).all(same)
        };
        self.routes.iter().find(|(route, _)| fits(route)).map(|(_, function)| function.as_str())
    }
}

/// A reply of the gateway's own.
fn own(status: u16, message: &str) -> Response<Body> {
    let body = json!({ "message": message }).to_string();
    let reply = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body));
    reply.expect("a reply")
}

/// Format 2.0: values of a repeated header joined by commas, cookies apart.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in headers.keys().filter(|name| *name != "cookie") {
        let values = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        all.insert(name.to_string(), values.collect::<Vec<_>>().join(","));
    }
    all
}

/// The body as text where API Gateway hands text on; none where it sends base64.
fn as_text<'a>(body: &'a [u8], content_type: &str) -> Option<&'a str> {
    const TEXT: [&str; 5] = ["json", "javascript", "xml", "problem+json", "x-www-form-urlencoded"];
    let content_type = content_type.to_ascii_lowercase();
    let is_text = content_type.starts_with("text/")
        || content_type
            .strip_prefix("application/")
            .is_some_and(|rest| TEXT.iter().any(|kind| rest.starts_with(kind)));
    is_text.then(|| std::str::from_utf8(body).ok()).flatten()
}

/// The template's paths, in segments, and the function of each.
fn routes() -> Vec<(Vec<String>, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let template: serde_norway::Value =
        serde_norway::from_str(&std::fs::read_to_string(path).expect("the template"))
            .expect("YAML");
    let mut all = Vec::new();
    for (_, resource) in template["Resources"].as_mapping().expect("resources") {
        let properties = &resource["Properties"];
        let Some(events) = properties.get("Events").and_then(serde_norway::Value::as_mapping)
        else {
            continue;
        };
        for path in events.values().filter_map(|event| event["Properties"].get("Path")?.as_str()) {
            // `!Sub ${AWS::StackName}-ingest`
            let serde_norway::Value::Tagged(name) = &properties["FunctionName"] else { continue };
            let name =
                name.value.as_str().and_then(|name| name.rsplit('-').next()).expect("a name");
            all.push((path.split('/').map(str::to_owned).collect(), name.to_owned()));
        }
    }
    assert!(all.len() > 10, "the template has {} routes", all.len());
    // Fixed parts first, as on AWS.
    all.sort_by_key(|(path, _): &(Vec<String>, _)| {
        path.iter().filter(|part| part.starts_with('{')).count()
    });
    all
}
