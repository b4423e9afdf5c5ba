//! The made-up vendor, over HTTP.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

type Action = Box<dyn FnMut(usize, &mut RolodexAccount) + Send>;

/// The vendor's data and its behaviour.
#[derive(Default)]
pub struct RolodexAccount {
    cards: BTreeMap<String, Value>,
    versions: u64,
    /// Cursors below this have expired.
    expired: u64,
    /// The errors that the next requests get.
    refusals: VecDeque<(u16, &'static str)>,
    /// Bodies of the requests so far; the path of a request without a body.
    pub requests: Vec<String>,
    /// Called with the number of each request, before the reply.
    on_request: Option<Action>,
}

impl RolodexAccount {
    /// Makes or changes a card at `now`; people's ids begin with `p`, entries' with `e`.
    pub fn put(&mut self, id: &str, text: &str, now: Timestamp) {
        self.versions += 1;
        let card = json!({ "id": id, "text": text, "updated": now, "version": self.versions });
        self.cards.insert(id.to_owned(), card);
    }

    /// Removes a card. The next list of changes reports it.
    pub fn remove(&mut self, id: &str, now: Timestamp) {
        self.versions += 1;
        let card = json!({ "id": id, "updated": now, "version": self.versions, "gone": true });
        self.cards.insert(id.to_owned(), card);
    }

    /// Removes a card without a trace.
    pub fn forget(&mut self, id: &str) {
        self.cards.remove(id).unwrap();
    }

    /// Expires all cursors so far.
    pub fn expire_cursors(&mut self) {
        self.expired = self.versions + 1;
        self.versions += 1;
    }

    /// Refuses the next `times` requests.
    pub fn refuse(&mut self, times: usize, status: u16, error: &'static str) {
        self.refusals.extend(std::iter::repeat_n((status, error), times));
    }

    /// Calls `action` before the reply to each request.
    pub fn on_request(&mut self, action: impl FnMut(usize, &mut RolodexAccount) + Send + 'static) {
        self.on_request = Some(Box::new(action));
    }

    /// Returns `id text` of each live card of one kind.
    pub fn truth(&self, prefix: char) -> Vec<String> {
        let there = self.cards.values().filter(|card| card.get("gone").is_none());
        let line = |card: &Value| {
            format!("{} {}", card["id"].as_str().unwrap(), card["text"].as_str().unwrap())
        };
        there.map(line).filter(|line| line.starts_with(prefix)).collect()
    }

    fn refusal(&mut self, request: String) -> Option<(StatusCode, String)> {
        self.requests.push(request);
        if let Some(mut action) = self.on_request.take() {
            action(self.requests.len(), self);
            self.on_request = self.on_request.take().or(Some(action));
        }
        let (status, error) = self.refusals.pop_front()?;
        Some((StatusCode::from_u16(status).unwrap(), json!({ "error": error }).to_string()))
    }

    fn page(&self, entity: &str, ask: &Ask) -> (StatusCode, String) {
        let since: Option<u64> =
            ask.since.as_deref().map(|text| text.trim_start_matches("sync-").parse().unwrap());
        if since.is_some_and(|since| since < self.expired) {
            return (StatusCode::GONE, json!({ "error": "cursor expired" }).to_string());
        }
        let of_kind = |card: &&Value| card["id"].as_str().unwrap().starts_with(&entity[..1]);
        let wanted = |card: &&Value| match since {
            Some(since) => card["version"].as_u64().unwrap() > since,
            None => card.get("gone").is_none(),
        };
        // A list's cursor is that of its beginning, so changes during the list are among the next
        // changes.
        let (last, begun) = ask.after.split_once('@').unwrap_or_default();
        let begun = begun.parse().unwrap_or(self.versions);
        let after = |card: &&Value| card["id"].as_str().unwrap() > last;
        let mut items: Vec<&Value> =
            self.cards.values().filter(of_kind).filter(wanted).filter(after).collect();
        let more = items.len() > ask.limit;
        items.truncate(ask.limit);
        let reply = match more {
            true => {
                let next = format!("{}@{begun}", items.last().unwrap()["id"].as_str().unwrap());
                json!({ "next": next, "items": items })
            }
            false => json!({ "cursor": format!("sync-{begun}"), "items": items }),
        };
        (StatusCode::OK, reply.to_string())
    }
}

#[derive(Deserialize)]
struct Ask {
    limit: usize,
    after: String,
    since: Option<String>,
}

type Shared = Arc<Mutex<RolodexAccount>>;

/// The running vendor. It stops when it is dropped.
pub struct Server {
    account: Shared,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port.
    pub async fn start(account: RolodexAccount) -> Self {
        let account = Arc::new(Mutex::new(account));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/{entity}", post(list))
            .route("/{entity}/{id}", get(one))
            .with_state(Arc::clone(&account));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { account, address, task }
    }

    /// Returns the server's base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Locks the vendor's data.
    pub fn account(&self) -> MutexGuard<'_, RolodexAccount> {
        self.account.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn list(
    State(account): State<Shared>,
    Path(entity): Path<String>,
    body: String,
) -> (StatusCode, String) {
    let mut account = account.lock().unwrap();
    let ask: Ask = serde_json::from_str(&body).unwrap();
    account.refusal(body).unwrap_or_else(|| account.page(&entity, &ask))
}

async fn one(
    State(account): State<Shared>,
    Path((entity, id)): Path<(String, String)>,
) -> (StatusCode, String) {
    let mut account = account.lock().unwrap();
    let refusal = account.refusal(format!("/{entity}/{id}"));
    refusal.unwrap_or_else(|| match account.cards.get(&id) {
        Some(card) => (StatusCode::OK, card.to_string()),
        None => (StatusCode::NOT_FOUND, json!({ "error": "no such card" }).to_string()),
    })
}
