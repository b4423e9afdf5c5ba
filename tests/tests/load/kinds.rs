//! The kinds of requests: what is sent, and what must be found of it.

use jiff::Timestamp;
use serde_json::{Value, json};

mod pushed;
mod stripes;

pub use pushed::INGEST_KEY;

/// Which function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Webhook,
    Ingest,
}

/// What must be found of a request that was kept. In its words a star stands for what only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// One row of the outbox has exactly these bytes.
    pub payload: Vec<u8>,
    /// Source, entity, external id and version key of that row.
    pub key: String,
    /// What the row has led to, as [`crate::books`] says it.
    pub effects: Vec<String>,
}

/// A kind of requests.
pub struct Kind {
    pub name: &'static str,
    /// Of a hundred requests.
    pub share: usize,
    pub door: Door,
    pub path: &'static str,
    /// Whether a client may send it again: it has an id, or a key.
    pub repeatable: bool,
    /// The answers that say that it is kept; besides, only a 503 is right.
    pub kept: &'static [u64],
    /// The answers that say that it is not, and never will be.
    pub refused: &'static [u64],
    /// Body and headers of the nth request, sent at a time.
    make: fn(usize, i64) -> (Vec<u8>, Value),
    /// What must be found of the nth request, whose body this is.
    finds: fn(usize, Vec<u8>) -> Vec<Found>,
}

/// All of them; the shares make a hundred.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    stripes::KINDS.iter().chain(pushed::KINDS)
}

/// A request, which may be sent several times.
pub struct Request {
    pub kind: &'static Kind,
    pub n: usize,
}

impl Request {
    /// What the gateway hands over at a time.
    pub fn event(&self, now: Timestamp) -> Value {
        let (body, headers) = (self.kind.make)(self.n, now.as_second());
        let (body, encoded) = match String::from_utf8(body) {
            Ok(text) => (text, false),
            Err(raw) => (base64(raw.as_bytes()), true),
        };
        json!({
            "version": "2.0", "rawPath": self.kind.path, "rawQueryString": "", "headers": headers, "body": body,
            "requestContext": {"http": {"method": "POST"}, "stage": "$default"}, "isBase64Encoded": encoded,
        })
    }

    /// What must be found of it.
    pub fn found(&self) -> Vec<Found> {
        let (body, _) = (self.kind.make)(self.n, 0);
        (self.kind.finds)(self.n, body)
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn row(payload: Vec<u8>, key: String, effects: &[String]) -> Vec<Found> {
    vec![Found { payload, key, effects: effects.to_vec() }]
}
