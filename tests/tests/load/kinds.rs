//! The kinds of requests: their bodies, and the rows that they must leave.

use jiff::Timestamp;
use serde_json::{Value, json};

mod pushed;
mod stripes;

pub use pushed::INGEST_KEY;

/// The function that receives the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Webhook,
    Ingest,
}

/// The row that a kept request must leave. A star is a word that only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// One row of the outbox has exactly these bytes.
    pub payload: Vec<u8>,
    /// Source, entity, external id and version key of that row.
    pub key: String,
    /// The effects of the row, in the words of [`crate::books`].
    pub effects: Vec<String>,
}

/// A kind of requests and its share.
pub struct Kind {
    pub name: &'static str,
    /// The share, of a hundred requests.
    pub share: usize,
    pub function: Function,
    pub path: &'static str,
    /// Whether a client may send it again: it has an id or an Idempotency-Key.
    pub repeatable: bool,
    /// The statuses of a request that is kept. The only other right status is 503.
    pub kept: &'static [u64],
    /// The statuses of a request that is not kept and never will be.
    pub refused: &'static [u64],
    /// Makes body and headers of the nth request, sent at a Unix second.
    make: fn(usize, i64) -> (Vec<u8>, Value),
    /// Returns the rows that the nth request must leave, given its body.
    finds: fn(usize, Vec<u8>) -> Vec<Found>,
}

/// Returns all kinds. Their shares add up to a hundred.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    stripes::KINDS.iter().chain(pushed::KINDS)
}

/// A request, which may be sent several times.
pub struct Request {
    pub kind: &'static Kind,
    pub n: usize,
}

impl Request {
    /// Returns the gateway's event of the request, sent at a time.
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

    /// Returns the rows that the request must leave.
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
