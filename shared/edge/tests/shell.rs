//! The HTTP shell around a small function of its own: its table, and what the shell does around it.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::io::Write;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::access::ApiKey;
use penstock_domain::access::{KeyStatus, Scope};
use penstock_domain::dependency::Dependency;
use penstock_edge::http::{
    Call, Document, Failure, Need, Reply, Request, Route, Service, SetCookie, StatusCode,
};
use penstock_edge::telemetry::format;
use serde_json::{Value, json};
use tracing::Level;
use uuid::Uuid;

/// A function that keeps things. Its database holds the key `k`, which may read, and can be away.
struct Things {
    is_away: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the things are away")]
struct Away;

impl Dependency for Away {
    fn is_unreachable(&self) -> bool {
        true
    }
}

static PICTURE: Document = Document {
    media_type: "image/png",
    bytes: b"\x89PNG\r\n\x1a\n\x00\xff",
    security_policy: "default-src 'none'",
};

impl Service for Things {
    /// The name of the caller's key.
    type Caller = String;

    const NAME: &'static str = "things";

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::get("listThings",  "/things",           Need::Nothing, &list).with_query(),
        Route::post("makeThing",  "/things",           Need::Read,    &who),
        Route::get("getThing",    "/things/{thingId}", Need::Read,    &who),
        Route::get("getNewThing", "/things/new",       Need::Nothing, &login),
        Route::get("getPicture",  "/picture.png",      Need::Nothing, &PICTURE),
    ];

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn authorize(&self, call: &Call<'_>) -> Result<String, Failure> {
        if call.route.need == Need::Nothing {
            return Ok("nobody".to_owned());
        }
        let key = call.presented_key()?;
        if self.is_away {
            return Err(Away.into());
        }
        let (name, scope) = ("crm".to_owned(), Scope::Read);
        let stored = ApiKey { id: Uuid::nil(), name, scope, sha256: key.sha256 };
        Ok(call.authorize(&key, KeyStatus::Valid(stored))?.name)
    }
}

/// Reads one parameter.
async fn list(_: &Things, mut call: Call<'_, String>) -> Result<Reply, Failure> {
    let limit = call.query.take_number("limit", 1, 9);
    call.query.finish()?;
    Reply::json(StatusCode::OK, &json!({ "limit": limit }))
}

/// Returns the route, its parameter and the caller.
async fn who(_: &Things, call: Call<'_, String>) -> Result<Reply, Failure> {
    let said =
        json!({ "route": call.route.name, "thing": call.path("thingId"), "caller": call.caller });
    Reply::json(StatusCode::OK, &said)
}

/// Sets two cookies, one of them to what the request's says.
async fn login(_: &Things, call: Call<'_, String>) -> Result<Reply, Failure> {
    let session = SetCookie::new("session", call.request.cookie("session").unwrap_or("new"));
    let session = session.map_err(Failure::internal)?.lasting(Duration::from_secs(60));
    let reply = Reply::json(StatusCode::OK, &json!({}))?;
    Ok(reply.with_cookie(&session).with_cookie(&SetCookie::expired("old")))
}

fn event(method: &str, target: &str, headers: Value) -> Value {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    json!({
        "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {"http": {"method": method}},
    })
}

/// Has every log line go somewhere, before any is written. A line that another test writes for the
/// first time just as one begins to listen is off for good otherwise.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

async fn send(things: &Things, event: Value) -> Reply {
    listen();
    let request: Request = serde_json::from_value(event).unwrap();
    things.handle(&request, "invocation").await
}

/// Asks with the key; status and body.
async fn ask(method: &str, target: &str) -> (u16, Value) {
    let event = event(method, target, json!({"x-api-key": "k"}));
    let reply = send(&Things { is_away: false }, event).await;
    assert_eq!(reply.headers["x-request-id"], "invocation");
    (reply.status_code, serde_json::from_slice(&reply.body).unwrap_or_default())
}

#[tokio::test]
async fn a_path_finds_its_route_literals_before_parameters_and_is_decoded_once() {
    let said = |route: &str, thing: Value| json!({"route": route, "thing": thing, "caller": "crm"});
    assert_eq!(ask("GET", "/things/a%2525").await, (200, said("getThing", json!("a%25"))));
    assert_eq!(ask("POST", "/things").await, (200, said("makeThing", Value::Null)));
    assert_eq!(ask("GET", "/things/%ff").await, (200, said("getThing", Value::Null)));
    assert_eq!(ask("GET", "/things/new").await, (200, json!({})));
    for target in ["/", "/thing", "/things/", "/things/a/b", "/things/new/"] {
        assert_eq!(ask("GET", target).await.0, 404, "{target}");
    }
}

#[tokio::test]
async fn another_method_is_405_with_all_that_the_path_takes() {
    for (method, target, allow) in
        [("DELETE", "/things", "GET, POST, HEAD"), ("POST", "/things/7", "GET, HEAD")]
    {
        let reply = send(&Things { is_away: false }, event(method, target, json!({}))).await;
        assert_eq!((reply.status_code, reply.headers["allow"].to_str().unwrap()), (405, allow));
        assert!(!reply.body.is_empty());
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_a_body() {
    for target in ["/things/7", "/things/new", "/things?limit=3", "/things?no=3", "/nothing"] {
        let things = Things { is_away: false };
        let get = send(&things, event("GET", target, json!({}))).await;
        let head = send(&things, event("HEAD", target, json!({}))).await;
        assert_eq!((head.status_code, head.headers), (get.status_code, get.headers), "{target}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{target}");
    }
}

#[tokio::test]
async fn a_parameter_that_the_route_does_not_read_is_400_after_the_caller_is_authorized() {
    assert_eq!(ask("GET", "/things?limit=3").await, (200, json!({"limit": 3})));
    for (target, pointer) in [
        ("/things?limits=3", "#/query/limits"),
        ("/things/7?a=1", "#/query/a"),
        ("/picture.png?a", "#/query/a"),
    ] {
        let (status, body) = ask("GET", target).await;
        assert_eq!((status, &body["errors"][0]["pointer"]), (400, &json!(pointer)), "{target}");
    }
    let reply = send(&Things { is_away: false }, event("GET", "/things/7?a=1", json!({}))).await;
    assert_eq!(reply.status_code, 401);
    let admin = json!({"x-admin-api-key": "k"});
    let reply = send(&Things { is_away: false }, event("GET", "/things/7", admin)).await;
    assert_eq!(reply.status_code, 401, "a read key in the wrong header");
}

#[tokio::test]
async fn cookies_come_in_and_go_out() {
    let mut event = event("GET", "/things/new", json!({}));
    event["cookies"] = json!(["theme=dark", "session=s1"]);
    let reply = serde_json::to_value(send(&Things { is_away: false }, event).await).unwrap();
    let attributes = "Path=/; HttpOnly; Secure; SameSite=Lax";
    let cookies = json!([
        format!("session=s1; {attributes}; Max-Age=60"),
        format!("old=; {attributes}; Max-Age=0")
    ]);
    assert_eq!(reply["cookies"], cookies);
}

#[tokio::test]
async fn a_document_of_any_bytes_is_served_and_again_only_where_it_has_changed() {
    let things = Things { is_away: false };
    let reply = send(&things, event("GET", "/picture.png", json!({}))).await;
    assert_eq!((reply.status_code, &*reply.body), (200, PICTURE.bytes));
    let tag = reply.headers["etag"].to_str().unwrap();
    let again = send(&things, event("GET", "/picture.png", json!({"if-none-match": tag}))).await;
    assert_eq!((again.status_code, again.body.len()), (304, 0));
    let written = serde_json::to_value(reply).unwrap();
    assert_eq!(
        (&written["isBase64Encoded"], &written["body"]),
        (&json!(true), &json!("iVBORw0KGgoA/w=="))
    );
}

/// The log as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn one_line_tells_of_a_request_by_its_route_and_of_a_failure_with_its_cause() {
    listen();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = format::subscriber(Level::INFO, move || writer.clone());
    let listening = tracing::subscriber::set_default(subscriber);
    let key = || json!({"x-api-key": "k"});
    send(&Things { is_away: false }, event("GET", "/things/ada@example.com", key())).await;
    let away =
        send(&Things { is_away: true }, event("GET", "/things/ada@example.com", key())).await;
    send(&Things { is_away: true }, event("GET", "/things/7", json!({}))).await;
    send(&Things { is_away: true }, event("GET", "/nowhere/ada@example.com", key())).await;
    drop(listening);

    assert_eq!((away.status_code, away.headers["retry-after"].to_str().unwrap()), (503, "5"));
    assert!(!away.text().contains("things are away"), "{}", away.text());
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("ada@example.com"), "{text}");
    let told: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            json!([
                line["level"],
                line["event"],
                line["method"],
                line["route"],
                line["status"],
                line["reason"],
                line["error"]
            ])
        })
        .collect();
    let route = "/things/{thingId}";
    assert_eq!(
        told,
        [
            json!(["INFO", "answered", "GET", route, 200, null, null]),
            json!(["ERROR", "answered", "GET", route, 503, "unavailable", "the things are away"]),
            json!(["INFO", "answered", "GET", route, 401, "unauthorized", null]),
            json!(["INFO", "answered", "GET", null, 404, "not-found", null]),
        ]
    );
}

/// The line of a request with these headers.
async fn answered(headers: Value) -> Value {
    listen();
    let lines = Lines::default();
    let writer = lines.clone();
    let listening =
        tracing::subscriber::set_default(format::subscriber(Level::INFO, move || writer.clone()));
    send(&Things { is_away: false }, event("GET", "/things/new", headers)).await;
    drop(listening);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    serde_json::from_str(text.trim_end()).unwrap()
}

#[tokio::test]
async fn a_request_is_of_the_trace_that_its_caller_tells_else_of_the_gateways() {
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let both = answered(json!({"traceparent": sent, "X-Amzn-Trace-Id": root})).await;
    assert_eq!(both["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&both["function"], &both["outcome"]), (&json!("things"), &json!("done")));
    let gateways = "5759e988bd862e3fe1be46a994272793";
    assert_eq!(answered(json!({"x-amzn-trace-id": root})).await["trace_id"], gateways);
    // Two headers of the name come as one, and so they are none.
    for bad in ["00-0-0-01", "<script>", &format!("{sent},{sent}"), &sent.to_uppercase()] {
        let line = answered(json!({"traceparent": bad, "x-amzn-trace-id": root})).await;
        assert_eq!(line["trace_id"], gateways, "{bad}");
    }
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one_by_lambdas_id_of_it() {
    let line = answered(json!({"traceparent": "no", "x-amzn-trace-id": "Root=no"})).await;
    let trace = line["trace_id"].as_str().unwrap();
    assert!(trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
    assert_eq!(answered(json!({})).await["trace_id"], trace, "the same invocation");
}
