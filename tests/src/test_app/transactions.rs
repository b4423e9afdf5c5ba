//! Transactions from end to end: the functions' own handlers over a real Postgres, a third party
//! and a client that is told.

use std::time::Duration;

use futures_util::future::join;
use http::HeaderMap;
use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_domain::transaction::Message;
use penstock_edge::http::Service as _;
use penstock_edge::sqs::SqsEvent;
use penstock_store::api_keys::Scope;
use penstock_store::{notifications, transactions};
use penstock_testkit::{MemoryQueue, TestDatabase};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::INGEST_KEY;
use crate::captured_log::listen;
use crate::clock::SetClock;
use crate::simulators::third_party::{CallBack, NotifiedClient, ThirdPartySimulator};

mod wiring;

use wiring::{add_key, records, settle, transact, variables};
pub use wiring::{body_of, request};

/// `transact`, as it is wired here.
pub type Transact = transact::Ports<SetClock, MemoryQueue>;
/// `settle`, as it is wired here.
pub type Settle = settle::Ports<SetClock, MemoryQueue>;

/// A key that reads transactions.
pub const READ_KEY: &str = "read-key-of-the-transactions";
/// A key that resumes transactions.
pub const ADMIN_KEY: &str = "admin-key-of-the-transactions";

/// The secrets that sign notifications: the new one, and the one that it replaces.
pub const CLIENT_SECRETS: [&str; 2] =
    ["whsec_bm90aWZpY2F0aW9ucywgdGhlIG5ldyBvbmU=", "whsec_bm90aWZpY2F0aW9ucywgdGhlIG9sZCBvbmU="];

/// The first instant of each test.
const BEGINNING: &str = "2026-06-01T00:00:00Z";

/// An invocation of `settle` with so little time left waits for no next step: that comes with a
/// message, so that the clock moves between invocations only.
const INVOCATION: Duration = Duration::from_secs(50);

/// The visibility time-out of the queue.
const VISIBILITY: Duration = Duration::from_secs(360);

/// A message that was received so often becomes a dead letter.
const MOST_RECEIVES: u32 = 5;

/// How the queue delivers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivery {
    /// Each message goes to two environments at the same time.
    pub twice: bool,
    /// A message comes up to this much later than it is due, so that messages overtake each other.
    pub late: Duration,
    /// Of 1,000 messages, the number that is lost. The world sends them again as `relay` does.
    pub lost: u32,
    /// The clock moves by this much at least, so that more is delivered at the same instant.
    pub pace: Duration,
}

/// A message on its way to `settle`.
struct Waiting {
    due: Timestamp,
    body: String,
    receives: u32,
}

/// A reply with its parsed body; null if it is no JSON.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// Returns the pointers of a problem's errors.
    #[must_use]
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(|error| error["pointer"].as_str()).collect()
    }
}

/// A world of transactions. Time passes in [`Transactions::work_until`] only.
pub struct Transactions {
    pub db: TestDatabase,
    pub clock: SetClock,
    pub party: ThirdPartySimulator,
    pub client: NotifiedClient,
    /// The queue of `settle`.
    pub queue: MemoryQueue,
    /// The requests that Postgres could not take.
    pub spill: MemoryQueue,
    pub transact: Transact,
    /// Two environments, each with a connection of its own.
    pub settles: [Settle; 2],
    pub delivery: Delivery,
    /// The messages that were given up by the queue.
    pub dead: Vec<String>,
    /// The statuses with which call-backs were answered.
    pub call_backs: Vec<u16>,
    owner: Client,
    /// The instant from which the next message counts as lost, as it was last read.
    lost_at: Option<Timestamp>,
    waiting: Vec<Waiting>,
    random: fastrand::Rng,
}

impl Transactions {
    /// Starts with the settings of a deployment that has none of its own.
    pub async fn start(seed: u64) -> Self {
        Self::with(seed, &[]).await
    }

    /// Starts with these variables of `transact` and `settle`.
    ///
    /// # Panics
    ///
    /// If a variable cannot be used.
    pub async fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        listen();
        let db = TestDatabase::new().await;
        let clock = SetClock::at(BEGINNING.parse().expect("an instant"));
        let party = ThirdPartySimulator::start(seed, &clock).expect("the third party listens");
        let client = NotifiedClient::start(seed, &clock, &CLIENT_SECRETS).expect("it listens");
        let env = variables(&party, &client).overridden_by(settings.iter().copied().collect());
        let (queue, spill) = (MemoryQueue::default(), MemoryQueue::default());
        let owner = db.client().await;
        let now = clock.now();
        add_key(&owner, ("client", INGEST_KEY, Scope::Ingest), now).await;
        add_key(&owner, ("reader", READ_KEY, Scope::Read), now).await;
        add_key(&owner, ("operator", ADMIN_KEY, Scope::Admin), now).await;
        Self {
            transact: transact(&db, &env, &clock, (&queue, &spill)),
            settles: [settle(&db, &env, &clock, &queue), settle(&db, &env, &clock, &queue)],
            delivery: Delivery::default(),
            dead: Vec::new(),
            call_backs: Vec::new(),
            lost_at: None,
            waiting: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            owner,
            db,
            clock,
            party,
            client,
            queue,
            spill,
        }
    }

    /// Sends a request to `transact` in the gateway's form.
    pub async fn ask(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let request = request(method, path_and_query, headers, body);
        let reply = self.transact.handle(&request, "invocation").await;
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        Reply { status: reply.status_code, headers: reply.headers, body }
    }

    /// Posts a transaction as a client.
    pub async fn post(&self, body: &[u8]) -> Reply {
        self.ask("POST", "/transactions", &[("X-Api-Key", INGEST_KEY)], body).await
    }

    /// Posts a transaction of this id.
    ///
    /// # Panics
    ///
    /// If it is not taken.
    pub async fn submit(&self, id: Uuid) {
        let reply = self.post(body_of(id).as_bytes()).await;
        assert_eq!((reply.status, &reply.body["status"]), (201, &json!("pending")), "{reply:?}");
    }

    /// Reads as an operator.
    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[("X-Api-Key", READ_KEY)], b"").await
    }

    /// Acts as an operator.
    pub async fn operate(&self, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask("POST", path, &[("X-Admin-Api-Key", ADMIN_KEY)], body.as_bytes()).await
    }

    /// Delivers a call-back of the third party.
    pub async fn call_back(&self, call_back: &CallBack) -> Reply {
        let headers: Vec<(&str, &str)> =
            call_back.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.ask("POST", "/webhooks/transactions", &headers, &call_back.body).await
    }

    /// Hands one message to an environment of `settle`. Returns how many it asked SQS to deliver
    /// again.
    ///
    /// # Panics
    ///
    /// Never: the event has the form of SQS.
    pub async fn take(&self, message: Message) -> usize {
        let body = message.to_body();
        let records = records([(body.as_str(), 1)].into_iter());
        let event: SqsEvent =
            serde_json::from_value(json!({"Records": records})).expect("it is an event");
        self.settles[0].handle(&event, self.clock.now() + INVOCATION).await.failures()
    }

    /// Delivers the call-backs that are due. The third party sends again what was not taken.
    pub async fn deliver_call_backs(&mut self) -> usize {
        let mut due = self.party.due_call_backs();
        let count = due.len();
        self.random.shuffle(&mut due);
        for call_back in due {
            let status = self.call_back(&call_back).await.status;
            self.call_backs.push(status);
            if status >= 300 {
                self.party.take_back(call_back);
            }
        }
        count
    }

    /// Hands messages of the queue `transact-spill` to `transact`. Returns how many it asked SQS to
    /// deliver again.
    ///
    /// # Panics
    ///
    /// If the invocation fails as a whole.
    pub async fn bring_in(&self, bodies: &[String]) -> usize {
        let event = json!({"Records": records(bodies.iter().map(|body| (body.as_str(), 1)))});
        let reply = self.transact.invoke(event, "invocation").await.expect("a batch is answered");
        reply["batchItemFailures"].as_array().expect("a list").len()
    }

    /// Lets everything happen that is due now.
    pub async fn work(&mut self) {
        self.work_until(self.clock.now()).await;
    }

    /// Lets everything happen that is due in this time.
    pub async fn work_for(&mut self, time: Duration) {
        self.work_until(self.clock.now() + time).await;
    }

    /// Lets everything happen that is due until then, each at its time: the steps and messages of
    /// `settle`, the third party's call-backs, and what `relay` sends again.
    pub async fn work_until(&mut self, until: Timestamp) {
        loop {
            while self.happen().await {}
            let now = self.clock.now();
            match self.next_at().await.filter(|at| *at <= until) {
                Some(next) => self.clock.set(next.max(now + self.delivery.pace).min(until)),
                None => break self.clock.set(until.max(now)),
            }
        }
    }

    /// Lets what is due now happen once. Returns false if nothing was due.
    async fn happen(&mut self) -> bool {
        self.collect();
        let now = self.clock.now();
        let call_backs_first = self.random.bool();
        let mut called = 0;
        if call_backs_first {
            called += self.deliver_call_backs().await;
        }
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.due <= now);
        self.waiting = later;
        self.random.shuffle(&mut due);
        let count = due.len();
        while !due.is_empty() {
            let batch = due.split_off(due.len().saturating_sub(10));
            self.deliver(batch).await;
        }
        called += self.deliver_call_backs().await;
        let resent = self.resend().await;
        called + count + resent > 0
    }

    /// Takes the messages of the queue, of which some are lost or late.
    fn collect(&mut self) {
        let now = self.clock.now();
        for message in self.queue.take_messages() {
            if self.random.u32(0..1_000) < self.delivery.lost {
                continue;
            }
            let longest = u64::try_from(self.delivery.late.as_millis()).unwrap_or(u64::MAX);
            let late = Duration::from_millis(self.random.u64(0..=longest));
            let due = now + message.delay + late;
            self.waiting.push(Waiting { due, body: message.body, receives: 0 });
        }
    }

    /// Delivers a batch, to one environment or to both at the same time.
    async fn deliver(&mut self, batch: Vec<Waiting>) {
        let records = records(batch.iter().map(|it| (it.body.as_str(), it.receives + 1)));
        let event: SqsEvent =
            serde_json::from_value(json!({"Records": records})).expect("it is an event");
        let now = self.clock.now();
        let [one, other] = &self.settles;
        let first = one.handle(&event, now + INVOCATION);
        let response = if self.delivery.twice {
            join(first, other.handle(&event, now + INVOCATION)).await.0
        } else {
            first.await
        };
        for (message, it) in event.records.iter().zip(batch) {
            let receives = it.receives + 1;
            match response.fails(message) {
                true if receives >= MOST_RECEIVES => self.dead.push(it.body),
                true => self.waiting.push(Waiting { due: now + VISIBILITY, receives, ..it }),
                false => {}
            }
        }
    }

    /// Sends messages that count as lost again, as `relay` does.
    async fn resend(&mut self) -> usize {
        let (on, now) = (&self.owner, self.clock.now());
        if self.lost_at.take_if(|at| *at <= now).is_none() {
            return 0;
        }
        let pause = now + Duration::from_secs(300);
        let steps = transactions::due(on, now, pause, 1_000).await.expect("they are read");
        let told = notifications::due(on, now, pause, 1_000).await.expect("they are read");
        let steps = steps.into_iter().map(Message::Transaction);
        let messages: Vec<_> = steps.chain(told.into_iter().map(Message::Notification)).collect();
        for message in &messages {
            self.waiting.push(Waiting { due: now, body: message.to_body(), receives: 0 });
        }
        messages.len()
    }

    /// Returns the next instant at which something happens.
    async fn next_at(&mut self) -> Option<Timestamp> {
        let sql = "select min(at) from (select min(message_due_at) at from transactions
                   union all select min(message_due_at) from notifications) t";
        let row = self.owner.query_one(sql, &[]).await.expect("it is read");
        self.lost_at = row.get(0);
        let messages = self.waiting.iter().map(|it| it.due);
        messages.chain(self.lost_at).chain(self.party.book().next_at()).min()
    }

    /// Returns a transaction's status as its client reads it.
    ///
    /// # Panics
    ///
    /// If there is no such transaction.
    pub async fn status(&self, id: Uuid) -> String {
        self.text("select status from transactions where id = $1", id).await
    }

    /// Returns the states of a transaction in the order in which it had them.
    pub async fn states(&self, id: Uuid) -> String {
        let sql = "select coalesce(string_agg(status, ' ' order by revision), '')
                   from transaction_changes where transaction_id = $1";
        self.text(sql, id).await
    }

    /// Returns a text about a transaction.
    ///
    /// # Panics
    ///
    /// If the statement finds none.
    pub async fn text(&self, sql: &str, id: Uuid) -> String {
        self.owner.query_one(sql, &[&id]).await.expect("there is one").get(0)
    }
}
