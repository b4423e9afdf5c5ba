//! The request's id connects a reply with its log line.

use std::cell::RefCell;
use std::io::Write;

use penstock_edge::http::{Reply, Request, Service as _};
use penstock_testkit::TestDatabase;
use penstock_tests::captured_log;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

use crate::proof::functions;

thread_local! {
    /// The lines that this thread has logged; `None` while no test reads them.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the log of the calling thread.
struct OwnThread;

impl Write for OwnThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps this thread's log for as long as the value lives.
fn listen() -> DefaultGuard {
    // The subscriber of the whole process is that of all tests here, whichever comes first.
    captured_log::listen();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| OwnThread).finish();
    LOG.set(Some(Vec::new()));
    tracing::subscriber::set_default(subscriber)
}

/// Takes out the lines since the last call.
fn lines() -> Vec<Value> {
    let bytes = LOG.replace(Some(Vec::new())).unwrap();
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn request(method: &str, path: &str, id: &str) -> Request {
    let event = json!({
        "rawPath": path, "headers": {"x-request-id": id, "stripe-signature": "t=1,v1=00"}, "body": "{\"secret\":\"of a body\"}",
        "requestContext": {"http": {"method": method}},
    });
    serde_json::from_value(event).unwrap()
}

#[tokio::test]
async fn the_id_of_a_reply_stands_in_its_body_and_in_each_line_of_its_log_and_bodies_do_not() {
    let database = TestDatabase::new().await;
    let functions = functions(&database).await;
    let _listening = listen();
    for (id, known) in [("order-7:try-2", "order-7:try-2"), ("not sane", "invocation")] {
        let replies: [Reply; 4] = [
            functions.metrics.handle(&request("GET", "/healthz", id), "invocation").await,
            functions.metrics.handle(&request("GET", "/runs", id), "invocation").await,
            functions.ingest.handle(&request("POST", "/leads", id), "invocation").await,
            functions.webhook.handle(&request("POST", "/webhooks/stripe", id), "invocation").await,
        ];
        assert_eq!(replies.each_ref().map(|reply| reply.status_code), [200, 401, 401, 400]);
        for reply in &replies {
            assert_eq!(reply.headers["x-request-id"], known);
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert!(reply.status_code == 200 || body["requestId"] == known, "{body}");
        }
        let lines = lines();
        assert!(lines.iter().all(|line| line["request_id"] == known), "{lines:#?}");
        let answered: Vec<u64> = lines.iter().filter_map(|line| line["status"].as_u64()).collect();
        assert_eq!(answered, [200, 401, 401, 400], "one line an answer: {lines:#?}");
        assert!(!lines.iter().any(|line| line.to_string().contains("of a body")), "{lines:#?}");
    }
}
