//! By the request's id a reply and its log line are found by each other.

use std::io::Write;
use std::sync::{Arc, Mutex};

use penstock_edge::http::{Reply, Request};
use penstock_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::proof::functions;

/// What is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
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
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    for (id, known) in [("order-7:try-2", "order-7:try-2"), ("not sane", "invocation")] {
        let replies: [Reply; 4] = [
            functions.metrics.handle(&request("GET", "/healthz", id), "invocation").await,
            functions.metrics.handle(&request("GET", "/runs", id), "invocation").await,
            functions.ingest.handle(&request("POST", "/leads", id), "invocation").await,
            functions.webhook.answer(&request("POST", "/webhooks/stripe", id), "invocation").await,
        ];
        assert_eq!(replies.each_ref().map(|reply| reply.status_code), [200, 401, 401, 400]);
        for reply in &replies {
            assert_eq!(reply.headers["x-request-id"], known);
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            assert!(reply.status_code == 200 || body["requestId"] == known, "{body}");
        }
        let lines = log.lines();
        assert!(lines.iter().all(|line| line["request_id"] == known), "{lines:#?}");
        let answered: Vec<u64> = lines.iter().filter_map(|line| line["status"].as_u64()).collect();
        assert_eq!(answered, [200, 401, 401, 400], "one line an answer: {lines:#?}");
        assert!(!lines.iter().any(|line| line.to_string().contains("of a body")), "{lines:#?}");
    }
}
