//! As much of SQS as a function needs that only sends: takes messages, and hands them to the test.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A server on loopback that speaks SQS' JSON protocol for `SendMessage` and `SendMessageBatch`.
#[derive(Debug)]
pub struct FakeSqs {
    /// For `AWS_ENDPOINT_URL`.
    pub url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl FakeSqs {
    /// Starts listening.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let taken = Arc::clone(&bodies);
        let app = Router::new().route(
            "/",
            post(move |headers: HeaderMap, Json(request): Json<Value>| async move {
                let batch = headers.get("x-amz-target").is_some_and(|t| t.as_bytes().ends_with(b"Batch"));
                Json(take(&mut taken.lock().expect("not poisoned"), &request, batch))
            }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, bodies, server }
    }

    /// A queue's URL here.
    pub fn queue(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.url)
    }

    /// Takes out what was sent, whatever the queue.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.bodies.lock().expect("not poisoned"))
    }
}

impl Drop for FakeSqs {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn take(bodies: &mut Vec<String>, request: &Value, batch: bool) -> Value {
    let body = |message: &Value| message["MessageBody"].as_str().unwrap_or_default().to_owned();
    if !batch {
        bodies.push(body(request));
        return json!({"MessageId": "m", "MD5OfMessageBody": ""});
    }
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    bodies.extend(entries.iter().map(body));
    let sent = entries.iter().map(|e| json!({"Id": e["Id"], "MessageId": "m", "MD5OfMessageBody": ""}));
    json!({"Successful": sent.collect::<Vec<_>>(), "Failed": []})
}
