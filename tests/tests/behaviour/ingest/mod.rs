//! Sends requests to `ingest` in the gateway's form, and reads its replies.

mod beside;
mod events;
mod forms;
mod hostile;
mod kills;
mod lead_edits;
mod leads;
mod senders;
pub mod spill;
mod strangers;

use http::HeaderMap;
use penstock_edge::http::{Request, Service as _};
use penstock_testkit::MemoryQueue;
use penstock_tests::clock::TestClock;
use penstock_tests::test_app::{INGEST_KEY, TestApp, admission, seals};
use serde_json::{Value, json};

pub type Ingest = ingest::Ports<TestClock, MemoryQueue>;

/// A reply with its parsed body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn lead_id(&self) -> &str {
        self.body["lead_id"].as_str().unwrap()
    }

    pub fn is_replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }
}

/// Bodies are always base64 here, as the gateway sends all that is not certainly text.
pub fn request(path_and_query: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    use base64::Engine as _;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
        "body": base64::engine::general_purpose::STANDARD.encode(body), "isBase64Encoded": true,
    });
    serde_json::from_value(event).unwrap()
}

/// Posts with [`INGEST_KEY`] and these headers.
pub async fn post(ingest: &Ingest, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let with_key: Vec<_> =
        [("X-Api-Key", INGEST_KEY)].into_iter().chain(headers.iter().copied()).collect();
    answer(ingest, request(path, &with_key, body)).await
}

pub async fn answer(ingest: &Ingest, request: Request) -> Answer {
    let reply = ingest.handle(&request, "invocation").await;
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let is_error = reply.status_code >= 400;
    let media_type = if is_error { "application/problem+json" } else { "application/json" };
    assert_eq!(reply.headers["content-type"], media_type, "{body}");
    if is_error {
        assert_eq!(
            (&body["status"], &body["requestId"]),
            (&json!(reply.status_code), &json!("invocation"))
        );
    }
    Answer { status: reply.status_code, headers: reply.headers, body }
}

/// Returns another environment of the function, with a connection and a cache of keys of its own.
pub fn environment(app: &TestApp) -> Ingest {
    let at = &app.ingest;
    ingest::Ports {
        database: app.db.database_of("ingest", 1),
        admission: admission(app.db.database_of("ingest", 1), 1_000_000),
        tickets: at.tickets.clone(),
        spill: at.spill.clone(),
        seals: seals(),
        unproven: ingest::UnprovenShare::default(),
        config: at.config.clone(),
        clock: app.clock.clone(),
    }
}

/// The pointers of a problem's errors.
pub fn pointers(answer: &Answer) -> Vec<&str> {
    answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}
