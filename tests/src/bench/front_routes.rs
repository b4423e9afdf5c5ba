//! The routes of the front-door benchmark, and their requests.

use std::pin::Pin;
use std::sync::Arc;

use ingest::IngestConfig;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Request, Service as _, presented_key};
use penstock_store::Database;
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::MemoryQueue;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::simulators::stripe::sign;
use crate::test_app::{endpoints, seals};

type Answering<'a> = Pin<Box<dyn Future<Output = (u16, Vec<u8>)> + 'a>>;

/// A route of the benchmark: one entry of [`routes`].
pub(super) struct Route<'a> {
    /// The prefix of the names of its figures.
    pub name: &'static str,
    /// Rows in one request.
    pub rows: usize,
    /// Makes the nth request, as API Gateway's event, and the bytes of its rows.
    pub request: fn(u32) -> (Value, Vec<Vec<u8>>),
    /// Handles an event's bytes. Returns the reply's status and its bytes.
    pub handle: Box<dyn Fn(Vec<u8>) -> Answering<'a> + 'a>,
}

const WEBHOOK_SECRET: &str = "whsec_of_the_benchmark";
pub(super) const KEY: &str = "an ingest key for the benchmark";

/// Events in a batch.
const BATCH: u32 = 500;

/// A rate above the benchmark's own, so that no request is throttled.
pub(super) const REQUESTS_PER_SECOND: u32 = 1_000_000;

/// Returns every route, over one pool of one connection, as in a Lambda environment.
pub(super) fn routes(database: &Database) -> Vec<Route<'static>> {
    let route = |name, rows: u32, request, handle| Route {
        name,
        rows: usize::try_from(rows).expect("few"),
        request,
        handle,
    };
    let ingest = || by_ingest(database.clone());
    vec![
        route("webhook", 1, webhook, by_webhook(database.clone())),
        route("lead", 1, lead, ingest()),
        route("lead_keyed", 1, lead_keyed, ingest()),
        route("event", 1, event, ingest()),
        route("events_batch", BATCH, events, ingest()),
    ]
}

fn by_webhook(database: Database) -> Box<dyn Fn(Vec<u8>) -> Answering<'static>> {
    let ports = Arc::new(webhook::Ports {
        database,
        endpoints: endpoints(WEBHOOK_SECRET),
        connections: webhook::Connections::default(),
        public_base_url: None,
        tickets: MemoryQueue::default(),
        requests: MemoryQueue::default(),
        spill: MemoryQueue::default(),
        seals: seals(),
        clock: SystemClock,
    });
    Box::new(move |bytes| {
        let ports = Arc::clone(&ports);
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&bytes).expect("an event");
            let reply = ports.invoke(event, "invocation").await.expect("a reply");
            let status = reply["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
            (status.expect("a status"), serde_json::to_vec(&reply).expect("a reply"))
        })
    })
}

fn by_ingest(database: Database) -> Box<dyn Fn(Vec<u8>) -> Answering<'static>> {
    let ports = Arc::new(ingest::Ports {
        admission: Admission::new(database.clone(), REQUESTS_PER_SECOND),
        database,
        tickets: MemoryQueue::default(),
        spill: MemoryQueue::default(),
        seals: seals(),
        unproven: ingest::UnprovenShare::default(),
        config: IngestConfig { keyless: Vec::new() },
        clock: SystemClock,
    });
    Box::new(move |bytes| {
        let ports = Arc::clone(&ports);
        Box::pin(async move {
            let request: Request = serde_json::from_slice(&bytes).expect("a request");
            let reply = ports.handle(&request, "invocation").await;
            (reply.status_code, serde_json::to_vec(&reply).expect("a reply"))
        })
    })
}

/// Registers the key that the requests to `ingest` carry.
pub(super) async fn register(on: &Client) {
    let request: Request =
        serde_json::from_value(post("/", "", json!({"x-api-key": KEY}))).expect("a request");
    let sha256 = presented_key(&request.headers).expect("a key in it").sha256;
    let key = NewKey {
        id: Uuid::now_v7(),
        name: "bench",
        scope: Scope::Ingest,
        sha256,
        rate_per_second: Some(1_000_000),
    };
    api_keys::insert(on, key, SystemClock.now()).await.expect("the key");
}

/// Makes a signed event with a charge of about 2 kB.
fn webhook(nth: u32) -> (Value, Vec<Vec<u8>>) {
    let now = SystemClock.now().as_second();
    let body = json!({
        "id": format!("evt_{nth:08}"), "object": "event", "api_version": "2026-10-28.endive", "created": now,
        "type": "charge.updated", "livemode": false,
        "data": {"object": {
            "id": format!("ch_{nth:08}"), "object": "charge", "amount": 700, "amount_captured": 700, "captured": true,
            "created": now, "currency": "usd", "status": "succeeded", "metadata": {"note": filler(nth, 1_500)},
        }},
    });
    let body = body.to_string();
    let signature = sign(&[WEBHOOK_SECRET], now, body.as_bytes());
    (
        post("/webhooks/stripe", &body, json!({"stripe-signature": signature})),
        vec![body.into_bytes()],
    )
}

fn lead_body(nth: u32) -> String {
    let body = json!({
        "email": format!("ada{nth}@example.com"), "name": "Ada Lovelace", "phone": "+44 20 7946 0000",
        "company": "Engines", "message": filler(nth, 300),
    });
    body.to_string()
}

fn lead(nth: u32) -> (Value, Vec<Vec<u8>>) {
    let body = lead_body(nth);
    (post("/leads", &body, json!({"x-api-key": KEY})), vec![body.into_bytes()])
}

fn lead_keyed(nth: u32) -> (Value, Vec<Vec<u8>>) {
    let body = lead_body(nth);
    let headers = json!({"x-api-key": KEY, "idempotency-key": format!("bench-{nth}")});
    (post("/leads", &body, headers), vec![body.into_bytes()])
}

fn event_body(nth: u32) -> String {
    let body = json!({
        "eventId": format!("bench-{nth}"), "userId": format!("user-{}", nth % 97), "sessionId": "session-1",
        "type": "page_view", "occurredAt": SystemClock.now(),
        "payload": {"path": "/pricing", "referrer": "https://example.com/", "note": filler(nth, 100)},
    });
    body.to_string()
}

fn event(nth: u32) -> (Value, Vec<Vec<u8>>) {
    let body = event_body(nth);
    (post("/events", &body, json!({"x-api-key": KEY})), vec![body.into_bytes()])
}

fn events(nth: u32) -> (Value, Vec<Vec<u8>>) {
    let bodies: Vec<String> = (0..BATCH).map(|row| event_body(nth * BATCH + row)).collect();
    let body = format!("[{}]", bodies.join(","));
    (
        post("/events", &body, json!({"x-api-key": KEY})),
        bodies.into_iter().map(String::into_bytes).collect(),
    )
}

/// Returns random text, which does not compress to nothing.
pub(super) fn filler(nth: u32, length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(nth.into());
    std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect()
}

/// Returns a POST in payload format 2.0, as API Gateway sends it.
pub(super) fn post(path: &str, body: &str, headers: Value) -> Value {
    let mut all = json!({
        "accept": "*/*", "content-type": "application/json", "content-length": body.len().to_string(),
        "host": "api.example.com", "user-agent": "bench", "x-forwarded-for": "192.0.2.1",
        "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    });
    if let (Some(all), Value::Object(headers)) = (all.as_object_mut(), headers) {
        all.extend(headers);
    }
    json!({
        "version": "2.0", "routeKey": format!("POST {path}"), "rawPath": path, "rawQueryString": "", "headers": all,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "requestId": "request",
            "routeKey": format!("POST {path}"), "stage": "$default", "timeEpoch": 1_767_225_600_000_i64,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
        },
        "body": body, "isBase64Encoded": false,
    })
}
