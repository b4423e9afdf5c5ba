//! The endpoint of a client that is told how its transactions have ended. It verifies each message
//! by itself, as the Standard Webhooks specification says.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Response, header};
use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use serde_json::Value;
use uuid::Uuid;

use super::fault::chance;
use super::sign::verifies;
use super::wire::{self, End};
use crate::clock::SetClock;
use crate::loopback::{Loopback, lock};
use crate::simulators::faults::Faults;

/// The path of the endpoint.
const PATH: &str = "/hooks";

/// A fault of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// Answers with this status, and keeps nothing. 410 says that it wants no more.
    Status(u16),
    /// 429, with this many seconds in `Retry-After`.
    TooMany(u32),
    /// 302, to another path of the same server.
    Redirect,
    /// Resets the connection, and keeps nothing.
    Reset,
    /// Keeps the message, and closes the connection without a reply.
    ReplyLost,
}

impl ClientFault {
    /// Every fault after which a message may come again.
    pub const PASSING: [Self; 5] =
        [Self::Status(500), Self::TooMany(30), Self::Redirect, Self::Reset, Self::ReplyLost];
}

/// A request to the endpoint.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When it came.
    pub at: Timestamp,
    /// Its method and path.
    pub path: String,
    /// The transaction that it is about.
    pub id: Option<Uuid>,
    /// Its headers, as they came.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The secrets of which it has a good signature, by their place in the client's list.
    pub signed_by: Vec<usize>,
    /// Whether the client has kept the message.
    pub is_kept: bool,
    /// The status of the reply; `None` if there was none.
    pub answer: Option<u16>,
}

impl Heard {
    /// Returns the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the id of the message, which is that of its first attempt.
    #[must_use]
    pub fn message(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }

    /// Returns the status that it tells.
    #[must_use]
    pub fn status(&self) -> String {
        self.json()["data"]["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns its body; null if it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

struct Shared {
    seed: u64,
    clock: SetClock,
    script: Mutex<Faults<ClientFault>>,
    /// The faults by chance, and how many of 1,000 requests they strike.
    weather: Mutex<(Vec<ClientFault>, u32)>,
    secrets: Mutex<Vec<String>>,
    heard: Mutex<Vec<Heard>>,
    counts: Mutex<BTreeMap<Uuid, u64>>,
}

/// A client's endpoint that listens on 127.0.0.1 until it is dropped.
pub struct NotifiedClient {
    shared: Arc<Shared>,
    server: Loopback,
}

impl NotifiedClient {
    /// Starts on a free port. It knows these secrets. All chances are drawn by `seed`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(seed: u64, clock: &SetClock, secrets: &[&str]) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            seed,
            clock: clock.clone(),
            script: Mutex::default(),
            weather: Mutex::default(),
            secrets: Mutex::new(secrets.iter().map(|&secret| secret.to_owned()).collect()),
            heard: Mutex::default(),
            counts: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let answer = move |head, body| answer(Arc::clone(&served), head, body);
        Ok(Self { shared, server: wire::start("notified-client", answer)? })
    }

    /// Returns the URL of the endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{PATH}", self.server.url())
    }

    /// Locks the faults on command. Their prefix is that of a path, such as `/hooks`.
    pub fn faults(&self) -> MutexGuard<'_, Faults<ClientFault>> {
        lock(&self.shared.script)
    }

    /// Fails `per_mille` in 1,000 requests, each with one of `faults`, drawn by the transaction and
    /// the number of the request about it.
    pub fn weather(&self, faults: &[ClientFault], per_mille: u32) {
        *lock(&self.shared.weather) = (faults.to_vec(), per_mille);
    }

    /// Returns every request so far, in the order of arrival.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// Returns the requests about a transaction.
    #[must_use]
    pub fn heard_of(&self, id: &Uuid) -> Vec<Heard> {
        let log = lock(&self.shared.heard);
        log.iter().filter(|heard| heard.id == Some(*id)).cloned().collect()
    }

    /// Returns what the client knows of a transaction: the status in each message that it has kept,
    /// once for each id of a message.
    #[must_use]
    pub fn told_of(&self, id: &Uuid) -> Vec<String> {
        told(&self.heard_of(id))
    }

    /// Returns the same of all transactions.
    #[must_use]
    pub fn told(&self) -> BTreeMap<Uuid, Vec<String>> {
        let mut of_each: BTreeMap<Uuid, Vec<Heard>> = BTreeMap::new();
        for heard in self.heard() {
            if let Some(id) = heard.id {
                of_each.entry(id).or_default().push(heard);
            }
        }
        of_each.into_iter().map(|(id, heard)| (id, told(&heard))).collect()
    }
}

fn told(heard: &[Heard]) -> Vec<String> {
    let mut messages: Vec<(&str, String)> = Vec::new();
    for heard in heard.iter().filter(|heard| heard.is_kept) {
        if !messages.iter().any(|(message, _)| *message == heard.message()) {
            messages.push((heard.message(), heard.status()));
        }
    }
    messages.into_iter().map(|(_, status)| status).collect()
}

fn id_in(body: &[u8]) -> Option<Uuid> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["data"]["id"].as_str()?.parse().ok()
}

async fn answer(shared: Arc<Shared>, head: Parts, body: Bytes) -> Result<Response<Body>, End> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter();
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let now = shared.clock.now();
    let is_signed = |secret: &String| verifies(secret, &headers, &body, now.as_second());
    let signed_by: Vec<usize> = {
        let secrets = lock(&shared.secrets);
        let places = secrets.iter().enumerate().filter(|(_, secret)| is_signed(secret));
        places.map(|(place, _)| place).collect()
    };
    let is_here = head.uri.path() == PATH && head.method == "POST";
    let mut heard = Heard {
        at: now,
        path: format!("{} {}", head.method, head.uri.path()),
        id: id_in(&body),
        headers,
        body: body.to_vec(),
        signed_by,
        is_kept: false,
        answer: None,
    };
    let fault = shared.strike(head.uri.path(), &heard);
    let end = match fault {
        _ if heard.signed_by.is_empty() => Ok(401),
        _ if !is_here => Ok(404),
        None => Ok(204),
        Some(ClientFault::Status(status)) => Ok(status),
        Some(ClientFault::TooMany(_)) => Ok(429),
        Some(ClientFault::Redirect) => Ok(302),
        Some(ClientFault::Reset) => Err(End::Reset),
        Some(ClientFault::ReplyLost) => Err(End::Closed),
    };
    heard.answer = end.ok();
    heard.is_kept = matches!(end, Ok(200..=299) | Err(End::Closed));
    lock(&shared.heard).push(heard);
    let mut response = Response::builder().status(end?);
    match fault {
        Some(ClientFault::TooMany(seconds)) => {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        Some(ClientFault::Redirect) => response = response.header(header::LOCATION, "/elsewhere"),
        _ => {}
    }
    Ok(response.body(Body::empty()).unwrap_or_default())
}

impl Shared {
    fn strike(&self, path: &str, heard: &Heard) -> Option<ClientFault> {
        if let Some(fault) = lock(&self.script).strike(path) {
            return Some(fault);
        }
        let id = heard.id?;
        let nth = {
            let mut counts = lock(&self.counts);
            let count = counts.entry(id).or_default();
            *count += 1;
            *count
        };
        let (faults, per_mille) = &*lock(&self.weather);
        let mut drawn = chance(self.seed, &id, nth);
        if faults.is_empty() || drawn.u32(0..1_000) >= *per_mille {
            return None;
        }
        faults.get(drawn.usize(0..faults.len())).copied()
    }
}
