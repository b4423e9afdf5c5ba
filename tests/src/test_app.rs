//! The main job in one process: the functions' own handlers over a real Postgres and the simulator.
//! The queues are in memory, and sleeps take no time.

#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use process::{Normalizers, Witness};
use std::sync::Arc;
use std::time::Duration;

use fetch::{FetchError, Limits, Outcome, Vendor, vendors};
use ingest::IngestConfig;
use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::seals::Seals;
use penstock_domain::access::hashed;
use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::{KeyId, OutboxId};
use penstock_domain::record::{Item, JSON};
use penstock_domain::source::Source;
use penstock_edge::sqs::{Attributes, BatchResponse, SqsEvent, SqsMessage};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_store::erased_names::Known;
use penstock_store::outbox::{self, Arrival};
use penstock_store::{Database, StaticLogin, Tls, begin, commit};
use penstock_testkit::{MemoryQueue, TestDatabase};
use serde_json::json;
use uuid::Uuid;
use webhook::Endpoint;

use crate::captured_log::listen;
use crate::clock::TestClock;
use crate::simulators::stripe::{StripeAccount, StripeSimulator};

mod serving;
pub mod transactions;

/// The functions of the main job with their database, queues and clock. Each logs in to Postgres as
/// itself, with the grants of a deployment.
pub struct TestApp {
    pub db: TestDatabase,
    /// The simulated vendor.
    pub stripe: Arc<StripeSimulator>,
    /// The clock of the functions and of the vendor.
    pub clock: TestClock,
    /// The tickets that `fetch` and `relay` sent to `process`.
    pub tickets: MemoryQueue,
    /// The fetch requests that were sent to `fetch`.
    pub requests: MemoryQueue,
    pub fetch: fetch::Ports<TestClock, MemoryQueue>,
    pub process: process::Ports<TestClock, MemoryQueue>,
    pub relay: relay::Ports<TestClock, MemoryQueue>,
    pub bury: bury::Ports<TestClock>,
    /// The requests that `webhook` and `ingest` took while Postgres was away.
    pub spill: MemoryQueue,
    /// Accepts [`INGEST_KEY`] once [`TestApp::let_in`] was called.
    pub ingest: ingest::Ports<TestClock, MemoryQueue>,
    /// Accepts webhooks that are signed with [`WEBHOOK_SECRET`].
    // Boxed: a test's future holds this whole struct.
    pub webhook: Box<webhook::Ports<TestClock, MemoryQueue>>,
}

/// The secret that signs Stripe's and HubSpot's webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_test_app";

/// The secret from which the tokens of Google's push channels are made.
pub const CHANNEL_SECRET: &str = "channels of the test app";

/// A key for `ingest` with a mark of [`issuer`], valid once [`TestApp::let_in`] was called.
pub const INGEST_KEY: &str =
    "penstock_ingest_an-ingest-key-of-the-test-app-0123456789-ab.6ae131bed4533b03457e159e0f07776c";

impl TestApp {
    /// Starts every function with `account` as the vendor and default settings.
    pub async fn over(account: StripeAccount) -> Self {
        Self::with_settings(account, &[]).await
    }

    /// Starts every function with `account` as the vendor, in test mode as all that the simulator
    /// sends. `settings` are variables of `fetch` and `process`.
    pub async fn with_settings(account: StripeAccount, settings: &[(&str, &str)]) -> Self {
        listen();
        let test_mode = [("STRIPE_LIVEMODE", "false")];
        let settings: Vec<_> = test_mode.into_iter().chain(settings.iter().copied()).collect();
        let db = TestDatabase::new().await;
        let stripe = Arc::new(StripeSimulator::start(account).expect("the simulator listens"));
        let clock = TestClock::of(&stripe);
        let reached = reached_by(&stripe, &settings);
        let (tickets, requests, spill) =
            (MemoryQueue::default(), MemoryQueue::default(), MemoryQueue::default());
        Self {
            fetch: fetch::Ports {
                database: db.database_of("fetch", 1),
                vendors: vendors_of(&reached, &clock),
                tickets: tickets.clone(),
                requests: requests.clone(),
                connections: fetch::Connections::over(reached.clone(), Arc::new(Aws::default())),
                limits: Limits::from_env(&settings.iter().copied().collect())
                    .expect("the settings are sound"),
                clock: clock.clone(),
            },
            process: process::Ports {
                database: db.database_of("process", 1),
                witness: Witness::default(),
                backlog: process::Backlog::default(),
                erased: Known::default(),
                reader: Normalizers::from_env(&settings.iter().copied().collect())
                    .expect("the settings are sound"),
                refetches: Some(requests.clone()),
                clock: clock.clone(),
            },
            relay: relay::Ports {
                database: db.database_of("relay", 1),
                tickets: tickets.clone(),
                requests: requests.clone(),
                transactions: MemoryQueue::default(),
                depths: Arc::new(MemoryQueue::default()),
                retention: relay::Retention::from_env(&settings.iter().copied().collect())
                    .expect("the settings are sound"),
                sources: vec!["stripe"],
                clock: clock.clone(),
            },
            bury: bury::Ports {
                database: db.database_of("bury", 1),
                seals: seals(),
                clock: clock.clone(),
            },
            ingest: ingest::Ports {
                database: db.database_of("ingest", 1),
                admission: admission(db.database_of("ingest", 1), 1_000),
                tickets: tickets.clone(),
                spill: spill.clone(),
                seals: seals(),
                unproven: ingest::UnprovenShare::default(),
                config: IngestConfig { keyless: Vec::new() },
                clock: clock.clone(),
            },
            webhook: Box::new(webhook::Ports {
                database: db.database_of("webhook", 1),
                endpoints: endpoints(WEBHOOK_SECRET),
                connections: webhook::Connections::default(),
                public_base_url: None,
                tickets: tickets.clone(),
                requests: requests.clone(),
                spill: spill.clone(),
                seals: seals(),
                clock: clock.clone(),
            }),
            spill,
            db,
            stripe,
            clock,
            tickets,
            requests,
        }
    }

    /// Configures one more source, as a deployment does by these variables.
    ///
    /// # Panics
    ///
    /// If a variable is missing or cannot be used.
    pub fn add_source(&mut self, source: &'static dyn Source, env: &Env) {
        let aws = Arc::new(Aws::default());
        let vendor = vendors::of(source, env, &aws, self.clock.clone()).expect("it is reached");
        self.fetch.vendors.extend(vendor);
        self.process.reader.add(source, env).expect("the settings are sound");
        self.webhook.endpoints.extend(Endpoint::of(source, env, &aws));
        self.relay.sources.push(source.name());
    }

    /// Runs one invocation of `fetch` with `time` left.
    ///
    /// # Errors
    ///
    /// The error of `fetch`.
    pub async fn fetch_within(
        &self,
        entity: &str,
        mode: Mode,
        time: Duration,
    ) -> Result<Outcome, FetchError> {
        let deadline = self.clock.now() + time + fetch::MARGIN;
        self.fetch.serve(&FetchRequest::new("stripe", entity, mode), deadline).await
    }

    /// Runs one invocation of `fetch` with all the time it needs.
    ///
    /// # Errors
    ///
    /// The error of `fetch`.
    pub async fn fetch(&self, entity: &str, mode: Mode) -> Result<Outcome, FetchError> {
        self.fetch_within(entity, mode, Duration::from_secs(86_400)).await
    }

    /// Runs a full run of every entity of Stripe.
    ///
    /// # Errors
    ///
    /// The error of `fetch`.
    pub async fn fetch_all(&self) -> Result<(), FetchError> {
        for entity in ["charge", "refund", "dispute"] {
            self.fetch(entity, Mode::Full).await?;
        }
        Ok(())
    }

    /// Commits items of Stripe to the outbox at the current time, as `fetch` does, and sends no
    /// ticket. Returns the ids of the new rows.
    ///
    /// # Panics
    /// If Postgres refuses the rows or cannot be reached.
    pub async fn put(&self, items: &[Item<'_>]) -> Vec<OutboxId> {
        self.put_of("stripe", items).await
    }

    /// Like [`TestApp::put`], for items of `source`.
    ///
    /// # Panics
    /// If Postgres refuses the rows or cannot be reached.
    pub async fn put_of(&self, source: &str, items: &[Item<'_>]) -> Vec<OutboxId> {
        let now = self.clock.now();
        let arrival = Arrival {
            source,
            media: JSON,
            received_at: now,
            ticket_due_at: now,
            ..Arrival::default()
        };
        let mut connection = self.fetch.database.connection().await.expect("a connection");
        let tx = begin(&mut connection).await.expect("a transaction");
        let ids = outbox::insert(&tx, arrival, items).await.expect("the rows are taken");
        commit(tx).await.expect("committed");
        ids
    }

    /// Hands messages to `process` as SQS would.
    pub async fn deliver(&self, bodies: &[String], receives: u32) -> BatchResponse {
        let deadline = self.clock.now() + Duration::from_secs(60);
        self.process.handle(batch(bodies, receives), deadline).await
    }

    /// Works off the tickets that are queued.
    ///
    /// # Panics
    /// If a ticket fails.
    pub async fn work_tickets(&self) {
        for bodies in self.tickets.take().chunks(10) {
            assert_eq!(self.deliver(bodies, 1).await.failures(), 0, "a ticket failed");
        }
    }

    /// Works off all messages until the queues are empty. The clock advances between rounds.
    pub async fn drain(&self) {
        loop {
            // Refetches rest for seconds between two slices. Longer delays are not waited for.
            let rest = self.requests.delays().into_iter().max().unwrap_or_default();
            let rest = rest.clamp(Duration::from_secs(1), Duration::from_secs(6));
            let (tickets, requests) = (self.tickets.take(), self.requests.take());
            if tickets.is_empty() && requests.is_empty() {
                return;
            }
            for bodies in tickets.chunks(10) {
                assert_eq!(self.deliver(bodies, 1).await.failures(), 0, "a ticket failed");
            }
            self.clock.advance(rest);
            for body in requests {
                let request = serde_json::from_str(&body).expect("a fetch request");
                let deadline = self.clock.now() + Duration::from_secs(86_400);
                self.fetch.serve(&request, deadline).await.expect("the request is served");
            }
        }
    }
}

/// Returns the issuer that has made the mark of [`INGEST_KEY`].
///
/// # Panics
///
/// Never: its settings are sound.
pub fn issuer() -> KeyIssuer {
    let env = [("API_KEY_SECRET", "marks of the test app")];
    KeyIssuer::from_env(&env.into_iter().collect(), &Arc::new(Aws::default()))
        .expect("the settings are sound")
}

/// Returns an environment's own admission, which knows the marks of [`issuer`].
pub fn admission(database: Database, default_rate: u32) -> Admission {
    Admission::new(database, default_rate).with_issuer(Arc::new(issuer()))
}

/// Returns the secrets that seal the messages of both queues of spilled requests.
pub fn seals() -> Seals {
    let env =
        [("WEBHOOK_SPILL_SECRET", "seals of webhook"), ("INGEST_SPILL_SECRET", "seals of ingest")];
    Seals::from_env(&env.into_iter().collect(), &Arc::new(Aws::default()))
}

/// Returns the webhook endpoints of all vendors, with `secret` as the signing secret.
pub fn endpoints(secret: &str) -> Vec<Endpoint> {
    let env = [
        ("STRIPE_WEBHOOK_SECRET", secret),
        ("HUBSPOT_WEBHOOK_SECRET", secret),
        ("GCAL_CHANNEL_SECRET", CHANNEL_SECRET),
    ];
    webhook::endpoints(&env.into_iter().collect(), &Arc::new(Aws::default()))
}

/// The variables of a deployment that pulls `stripe`.
fn reached_by(stripe: &StripeSimulator, settings: &[(&str, &str)]) -> Env {
    let own =
        [("STRIPE_BASE_URL".to_owned(), stripe.url()), ("STRIPE_API_KEY".to_owned(), stripe.key())];
    let env: Env = own.into_iter().collect();
    env.overridden_by(settings.iter().copied().collect())
}

fn vendors_of(env: &Env, clock: &TestClock) -> Vec<Vendor<TestClock>> {
    vendors::from_env(env, &Arc::new(Aws::default()), clock.clone())
        .expect("the settings are sound")
}

/// Returns messages in the form in which an event source mapping delivers them.
pub fn batch(bodies: &[String], receives: u32) -> SqsEvent {
    let message = |(i, body): (usize, &String)| SqsMessage {
        message_id: format!("message-{i}"),
        body: body.clone(),
        attributes: Attributes {
            approximate_receive_count: Some(receives.to_string()),
            ..Attributes::default()
        },
        message_attributes: json!({}),
    };
    SqsEvent { records: bodies.iter().enumerate().map(message).collect() }
}

impl TestApp {
    /// Registers [`INGEST_KEY`] and returns its id.
    ///
    /// # Panics
    ///
    /// If Postgres refuses the key or cannot be reached.
    pub async fn let_in(&self) -> Uuid {
        let (sha256, _) = hashed(INGEST_KEY.as_bytes());
        let id = KeyId::new(self.clock.now()).0;
        let key =
            NewKey { id, name: "test app", scope: Scope::Ingest, sha256, rate_per_second: None };
        let client = self.db.client().await;
        assert!(
            api_keys::insert(&client, key, self.clock.now()).await.expect("a key"),
            "it is new"
        );
        id
    }

    /// Returns a pool for an address at which no server listens.
    ///
    /// # Panics
    ///
    /// If the pool cannot be made.
    pub fn nowhere(&self) -> Database {
        let mut login = self.db.login();
        login.port = 1;
        Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).expect("a pool")
    }

    /// Hands messages of the queue `spill` to `webhook`. Returns how many it asked SQS to deliver
    /// again.
    ///
    /// # Panics
    ///
    /// If the invocation fails as a whole.
    pub async fn bring_in(&self, bodies: &[String]) -> usize {
        let record = |(i, body): (usize, &String)| json!({"messageId": format!("message-{i}"), "body": body});
        let event = json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()});
        let reply = self.webhook.invoke(event, "invocation").await.expect("a batch is answered");
        reply["batchItemFailures"].as_array().expect("a list").len()
    }

    /// Lets days pass. At the end of each, `relay` runs: it deletes what is older than the
    /// retention, and asks for what waits. Its messages stay in the queues.
    ///
    /// # Panics
    ///
    /// If Postgres refuses a statement or cannot be reached.
    pub async fn pass_days(&self, days: u32) {
        for _ in 0..days {
            self.clock.advance(Duration::from_secs(86_400));
            self.relay.run_once(self.relay_deadline()).await.expect("relay runs");
        }
    }

    /// Returns a deadline for `relay` that leaves it all the time it needs.
    pub fn relay_deadline(&self) -> Timestamp {
        self.clock.now() + Duration::from_secs(3_600)
    }
}
