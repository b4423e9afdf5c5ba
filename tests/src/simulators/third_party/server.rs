//! The HTTP side of the third party: authentication, routing, faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, header};
use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::book::{Book, Entry, Status};
use super::fault::{Fault, Weather};
use super::wire::End;
use crate::clock::SetClock;
use crate::loopback::lock;
use crate::simulators::faults::Faults;

/// The key that the third party accepts until a test sets another.
pub const DEFAULT_KEY: &str = "key-of-the-third-party";

/// A request in the log.
#[derive(Clone, Debug)]
pub struct Request {
    /// Counted from 1, over all requests.
    pub number: usize,
    /// When it came.
    pub at: Timestamp,
    /// `POST` or `GET`.
    pub method: Method,
    /// The transaction that it is about, if it names one.
    pub id: Option<Uuid>,
    /// The header `Idempotency-Key`.
    pub key: Option<String>,
    /// Whether its key was good.
    pub authorized: bool,
    /// Its body.
    pub body: Vec<u8>,
    /// Its fault, if one struck.
    pub fault: Option<Fault>,
    /// The status of the reply; `None` if it had none, or has none yet.
    pub status: Option<u16>,
}

impl Request {
    /// Returns whether it is a submission.
    #[must_use]
    pub fn is_submission(&self) -> bool {
        self.method == Method::POST
    }
}

/// The two ends by which a test holds a reply back.
pub(super) struct Held {
    pub(super) reached: oneshot::Sender<()>,
    pub(super) released: oneshot::Receiver<()>,
}

/// The state that the server and the test share.
pub(super) struct Shared {
    pub(super) seed: u64,
    pub(super) clock: SetClock,
    pub(super) book: Mutex<Book>,
    pub(super) script: Mutex<Faults<Fault>>,
    pub(super) weather: Mutex<Weather>,
    pub(super) key: Mutex<String>,
    pub(super) log: Mutex<Vec<Request>>,
    /// The requests of each kind about each transaction so far.
    pub(super) counts: Mutex<BTreeMap<(Uuid, bool), u64>>,
    /// Holds the replies to the next submissions back.
    pub(super) held: Mutex<VecDeque<Held>>,
}

/// A reply before it is sent.
struct Reply {
    status: u16,
    content_type: &'static str,
    retry_after: Option<u32>,
    body: Vec<u8>,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { status, content_type: "application/json", retry_after: None, body }
    }

    fn error(status: u16, word: &str) -> Self {
        Self::json(status, &json!({"error": word}))
    }

    fn page(status: u16, title: &str) -> Self {
        let page = format!("<html><head><title>{title}</title></head><body>{title}</body></html>");
        Self { content_type: "text/html", body: page.into_bytes(), ..Self::error(status, title) }
    }

    fn of(id: &Uuid, status: Status, created: bool) -> Self {
        let body = json!({"id": id, "status": status.as_str(), "reference": format!("tp-{id}")});
        Self::json(if created { 201 } else { 200 }, &body)
    }

    fn refusal(status: u16) -> Self {
        Self::error(status, "the transaction is not taken")
    }
}

/// A request as it was read.
struct Asked {
    now: Timestamp,
    id: Option<Uuid>,
    key: Option<String>,
    is_submission: bool,
    body: Vec<u8>,
}

/// Answers one HTTP request.
pub(super) async fn answer(
    shared: Arc<Shared>,
    head: Parts,
    body: Bytes,
) -> Result<Response<Body>, End> {
    let now = shared.clock.now();
    let is_submission = head.method == Method::POST;
    let id = match is_submission {
        true => id_in(&body),
        false => head.uri.path().strip_prefix("/transaction/").and_then(|id| id.parse().ok()),
    };
    let key = text(&head.headers, "idempotency-key");
    let asked = Asked { now, id, key, is_submission, body: body.to_vec() };
    let authorized = {
        let expected = format!("Bearer {}", lock(&shared.key));
        text(&head.headers, "authorization") == Some(expected)
    };
    let fault = shared.strike(&head, &asked);
    let number = shared.note(&head, &asked, authorized, fault);
    if authorized {
        shared.under_way(&asked, fault);
    }
    let reply = match authorized {
        true => shared.reply(&head, asked, fault),
        false => Ok(Reply::error(401, "the key is not good")),
    };
    let held = if is_submission { lock(&shared.held).pop_front() } else { None };
    if let Some(Held { reached, released }) = held {
        // An error means that the test has dropped its end, and waits for nothing.
        reached.send(()).unwrap_or_default();
        released.await.unwrap_or_default();
    }
    if fault == Some(Fault::HeldAfter) && authorized {
        std::future::pending::<()>().await;
    }
    let reply = reply?;
    if let Some(request) = lock(&shared.log).get_mut(number - 1) {
        request.status = Some(reply.status);
    }
    let mut response =
        Response::builder().status(reply.status).header(header::CONTENT_TYPE, reply.content_type);
    if let Some(seconds) = reply.retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    Ok(response.body(Body::from(reply.body)).unwrap_or_default())
}

impl Shared {
    /// Returns the fault of a request that has just come in: one on command, or one by chance.
    fn strike(&self, head: &Parts, asked: &Asked) -> Option<Fault> {
        let Asked { now, id, is_submission, .. } = *asked;
        let path = format!("{} {}", head.method, head.uri.path());
        let nth = id.map_or(0, |id| {
            let mut counts = lock(&self.counts);
            let count = counts.entry((id, is_submission)).or_default();
            *count += 1;
            *count
        });
        if let Some(fault) = lock(&self.script).strike(&path) {
            return Some(fault);
        }
        let fault = lock(&self.weather).pick(self.seed, &id?, is_submission, nth)?;
        let is_in_time = lock(&self.book).may_be_hidden(&id?, now);
        (fault != Fault::Hidden || is_in_time).then_some(fault)
    }

    /// Writes a request into the log, and returns its number.
    fn note(&self, head: &Parts, asked: &Asked, authorized: bool, fault: Option<Fault>) -> usize {
        let Asked { now, id, key, body, .. } = asked;
        let mut log = lock(&self.log);
        let number = log.len() + 1;
        log.push(Request {
            number,
            at: *now,
            method: head.method.clone(),
            id: *id,
            key: key.clone(),
            authorized,
            body: body.clone(),
            fault,
            status: None,
        });
        number
    }

    /// Has a submission arrive later, if that is its fault.
    fn under_way(&self, asked: &Asked, fault: Option<Fault>) {
        if let (Some(Fault::Late(pause)), Some(id), Some(key)) = (fault, asked.id, &asked.key)
            && asked.is_submission
        {
            let at = asked.now + pause;
            lock(&self.book).submit_at(at, id, key, asked.body.clone());
        }
    }

    fn reply(&self, head: &Parts, asked: Asked, fault: Option<Fault>) -> Result<Reply, End> {
        let mut book = lock(&self.book);
        book.pass(asked.now);
        let now = asked.now;
        match fault {
            None => Ok(serve(&mut book, head, asked)),
            // The reply to the first is never sent.
            Some(Fault::HeldAfter) => Ok(serve(&mut book, head, asked)),
            Some(Fault::CutAfter) => {
                serve(&mut book, head, asked);
                Err(End::Closed)
            }
            Some(Fault::TimedOutAfter) => {
                serve(&mut book, head, asked);
                Ok(Reply::page(504, "504 Gateway Time-out"))
            }
            Some(Fault::Garbage) => {
                let mut reply = serve(&mut book, head, asked);
                reply.body.truncate(reply.body.len() / 2);
                Ok(Reply { status: 200, ..reply })
            }
            Some(Fault::Late(_)) => Ok(Reply::page(504, "504 Gateway Time-out")),
            Some(Fault::Before(status)) => Ok(Reply::page(status, "no service")),
            Some(Fault::ResetBefore) => Err(End::Reset),
            Some(Fault::TooMany(seconds)) => {
                let reply = Reply::error(429, "too many requests");
                Ok(Reply { retry_after: Some(seconds), ..reply })
            }
            Some(Fault::Unauthorized) => Ok(Reply::error(401, "the key is not good")),
            Some(Fault::Html) => Ok(Reply::page(200, "We'll be right back")),
            Some(Fault::Hidden) => Ok(Reply::error(404, "no such transaction")),
            Some(Fault::Refused(status)) => match asked.id {
                Some(id) if book.refuse(id, status, now) => Ok(Reply::refusal(status)),
                _ => Ok(serve(&mut book, head, asked)),
            },
        }
    }
}

/// Returns the reply without any fault.
fn serve(book: &mut Book, head: &Parts, asked: Asked) -> Reply {
    let Asked { now, id, key, body, .. } = asked;
    let path = head.uri.path();
    match (&head.method, id) {
        (&Method::POST, Some(id)) if path == "/transaction" => {
            let Some(key) = key else { return Reply::error(400, "no idempotency key") };
            let known = book.entry(&id).is_some_and(Entry::is_done);
            let entry = book.submit(id, &key, body, now);
            match entry.refused {
                Some(status) => Reply::refusal(status),
                None => Reply::of(&id, entry.status, !known),
            }
        }
        (&Method::POST, None) if path == "/transaction" => Reply::error(400, "no id"),
        (&Method::GET, Some(id)) => match book.ask(&id, now) {
            Some(status) => Reply::of(&id, status, false),
            None => Reply::error(404, "no such transaction"),
        },
        _ => Reply::error(404, "no such route"),
    }
}

fn id_in(body: &[u8]) -> Option<Uuid> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("id")?.as_str()?.parse().ok()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
