//! The part of AWS that a sending function needs: queues that hand their messages to the test, and
//! one secret.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A message that was sent.
#[derive(Debug)]
struct Message {
    /// The URL of its queue.
    queue: String,
    body: String,
    /// The attributes, as an event source mapping hands them over.
    attributes: Value,
}

/// The sent messages.
type Sent = Vec<Message>;

/// The header of each request that has sent messages by which Lambda knows their lineage.
type Lineages = Vec<Option<String>>;

/// A server on loopback that speaks AWS's JSON protocol for `SendMessage`, `SendMessageBatch`,
/// `GetQueueAttributes` and `GetSecretValue`.
#[derive(Debug)]
pub struct FakeAws {
    /// The value of `AWS_ENDPOINT_URL`.
    pub url: String,
    sent: Arc<Mutex<Sent>>,
    lineages: Arc<Mutex<Lineages>>,
    arrival: Arc<Notify>,
    secret: Arc<Mutex<(String, usize)>>,
    server: JoinHandle<()>,
}

impl FakeAws {
    /// Starts listening on a free port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let sent = Arc::<Mutex<Sent>>::default();
        let arrival = Arc::<Notify>::default();
        let secret = Arc::<Mutex<(String, usize)>>::default();
        let lineages = Arc::<Mutex<Lineages>>::default();
        let (taken, given, arriving) =
            (Arc::clone(&sent), Arc::clone(&secret), Arc::clone(&arrival));
        let told = Arc::clone(&lineages);
        let app = Router::new().route(
            "/",
            post(move |headers: HeaderMap, body: Bytes| async move {
                // AWS has a media type of its own, which `Json` would refuse.
                let request: Value = serde_json::from_slice(&body).expect("the SDK sends JSON");
                let target = headers.get("x-amz-target").map_or(&b""[..], |t| t.as_bytes());
                Json(if target.ends_with(b"GetSecretValue") {
                    give(&mut given.lock().expect("not poisoned"))
                } else if target.ends_with(b"GetQueueAttributes") {
                    depth(&taken.lock().expect("not poisoned"), &request)
                } else {
                    let lineage = headers.get("x-amzn-trace-id");
                    let lineage = lineage.map(|text| text.to_str().expect("text").to_owned());
                    told.lock().expect("not poisoned").push(lineage);
                    let reply = take(
                        &mut taken.lock().expect("not poisoned"),
                        &request,
                        target.ends_with(b"Batch"),
                    );
                    arriving.notify_one();
                    reply
                })
            }),
        );
        let server =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, sent, lineages, arrival, secret, server }
    }

    /// Returns the URL of the queue `name` on this server.
    pub fn queue(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.url)
    }

    /// Returns the environment that directs a function's binary to these queues and secrets, and to
    /// a Postgres without TLS.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("TICKETS_QUEUE_URL", self.queue("tickets")),
            ("FETCH_REQUESTS_QUEUE_URL", self.queue("fetch-requests")),
            ("QUICK_REQUESTS_QUEUE_URL", self.queue("quick-requests")),
            ("SPILL_QUEUE_URL", self.queue("spill")),
            ("INGEST_SPILL_QUEUE_URL", self.queue("ingest-spill")),
            ("TRANSACTIONS_QUEUE_URL", self.queue("transactions")),
            ("TRANSACT_SPILL_QUEUE_URL", self.queue("transact-spill")),
            ("TICKETS_DEPTH_URL", self.queue("tickets")),
            ("TICKETS_DLQ_DEPTH_URL", self.queue("tickets-dlq")),
            ("WEBHOOK_SPILL_SECRET", "seals of webhook".to_owned()),
            ("INGEST_SPILL_SECRET", "seals of ingest".to_owned()),
            ("TRANSACT_SPILL_SECRET", "seals of transact".to_owned()),
            ("DATABASE_TLS", "disable".to_owned()),
        ]
    }

    /// Sets the secret from now on.
    pub fn rotate(&self, secret: &str) {
        secret.clone_into(&mut self.secret.lock().expect("not poisoned").0);
    }

    /// Returns how often the secret was read.
    pub fn secret_reads(&self) -> usize {
        self.secret.lock().expect("not poisoned").1
    }

    /// Takes out the lineage of each request that has sent messages: the trace header, or `None`.
    pub fn take_lineages(&self) -> Vec<Option<String>> {
        std::mem::take(&mut *self.lineages.lock().expect("not poisoned"))
    }

    /// Takes out the messages of all queues.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().expect("not poisoned"))
            .into_iter()
            .map(|message| message.body)
            .collect()
    }

    /// Takes out the messages of the queue `name`.
    pub fn take_from(&self, name: &str) -> Vec<String> {
        self.take_messages(name).into_iter().map(|message| message.body).collect()
    }

    /// Takes out the messages of the queue `name`, as the event of an event source mapping.
    pub fn take_event(&self, name: &str) -> Value {
        let record = |(at, message): (usize, Message)| {
            json!({
                "messageId": format!("{name}-{at}"), "body": message.body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": message.attributes,
            })
        };
        let messages = self.take_messages(name).into_iter().enumerate();
        json!({ "Records": messages.map(record).collect::<Vec<_>>() })
    }

    fn take_messages(&self, name: &str) -> Sent {
        let (queue, mut sent) = (self.queue(name), self.sent.lock().expect("not poisoned"));
        let (of_it, others) =
            std::mem::take(&mut *sent).into_iter().partition(|message| message.queue == queue);
        *sent = others;
        of_it
    }

    /// Returns once a message has arrived since the last return.
    pub async fn arrival(&self) {
        self.arrival.notified().await;
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn give((secret, reads): &mut (String, usize)) -> Value {
    *reads += 1;
    json!({"ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s", "Name": "s", "SecretString": secret})
}

/// Tells how many messages a queue holds.
fn depth(all: &Sent, request: &Value) -> Value {
    let of_it = all.iter().filter(|message| request["QueueUrl"] == message.queue.as_str());
    json!({"Attributes": {
        "ApproximateNumberOfMessages": of_it.count().to_string(),
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
    }})
}

fn take(all: &mut Sent, request: &Value, batch: bool) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let given = |message: &Value| {
        let attributes = message["MessageAttributes"].as_object().into_iter().flatten();
        let as_received = |(name, value): (&String, &Value)| {
            let (text, kind) = (&value["StringValue"], &value["DataType"]);
            (name.clone(), json!({"stringValue": text, "dataType": kind}))
        };
        Message {
            queue: text(&request["QueueUrl"]),
            body: text(&message["MessageBody"]),
            attributes: Value::Object(attributes.map(as_received).collect()),
        }
    };
    if !batch {
        all.push(given(request));
        return json!({"MessageId": "m", "MD5OfMessageBody": ""});
    }
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    all.extend(entries.iter().map(given));
    let sent =
        entries.iter().map(|e| json!({"Id": e["Id"], "MessageId": "m", "MD5OfMessageBody": ""}));
    json!({"Successful": sent.collect::<Vec<_>>(), "Failed": []})
}
