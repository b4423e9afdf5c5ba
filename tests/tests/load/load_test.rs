//! The system under load: environments that serve one request at a time, over one Postgres and
//! queues in memory.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ingest::IngestConfig;
use metrics::MetricsConfig;
use penstock_clients::clock::SystemClock;
use penstock_domain::access::hashed;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::ids::KeyId;
use penstock_edge::http::Service as _;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::{MemoryQueue, PrivatePostgres};
use penstock_tests::clock::ShiftedClock;
use penstock_tests::test_app::{WEBHOOK_SECRET, admission, endpoints, seals};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::kinds::{Function, INGEST_KEY};

/// Environments of each function. There are fewer than clients, so that clients wait as behind a
/// concurrency limit.
const ENVIRONMENTS: usize = 16;

/// Environments of `metrics`, each with a client that reads all the time.
pub const READERS: usize = 4;

/// The key of those clients.
pub const READ_KEY: &str = "a read key of the load test";

/// One Postgres, and the queues and environments around it.
pub struct LoadTest {
    pub postgres: PrivatePostgres,
    pub tickets: MemoryQueue,
    pub spill: MemoryQueue,
    pub webhooks: Vec<Mutex<webhook::Ports<ShiftedClock, MemoryQueue>>>,
    ingests: Vec<Mutex<ingest::Ports<ShiftedClock, MemoryQueue>>>,
    next: AtomicUsize,
    slowest: AtomicU64,
}

impl LoadTest {
    pub async fn build(postgres: PrivatePostgres) -> Self {
        let (tickets, spill) = (MemoryQueue::default(), MemoryQueue::default());
        let webhook = || webhook::Ports {
            database: postgres.database_of("webhook"),
            endpoints: endpoints(WEBHOOK_SECRET),
            connections: webhook::Connections::default(),
            public_base_url: None,
            tickets: tickets.clone(),
            requests: MemoryQueue::default(),
            spill: spill.clone(),
            seals: seals(),
            clock: ShiftedClock::default(),
        };
        let ingest = || {
            let database = postgres.database_of("ingest");
            ingest::Ports {
                admission: admission(database.clone(), 1),
                database,
                tickets: tickets.clone(),
                spill: spill.clone(),
                seals: seals(),
                unproven: ingest::UnprovenShare::default(),
                config: IngestConfig { keyless: Vec::new() },
                clock: ShiftedClock::default(),
            }
        };
        let webhooks = (0..ENVIRONMENTS).map(|_| Mutex::new(webhook())).collect();
        let ingests = (0..ENVIRONMENTS).map(|_| Mutex::new(ingest())).collect();
        let_clients_in(&postgres).await;
        Self {
            postgres,
            tickets,
            spill,
            webhooks,
            ingests,
            next: AtomicUsize::new(0),
            slowest: AtomicU64::new(0),
        }
    }

    /// Lets one of the environments answer.
    pub async fn answer(&self, function: Function, event: Value) -> Value {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % ENVIRONMENTS;
        match function {
            Function::Webhook => {
                let webhook = self.webhooks[place].lock().await;
                self.timed(Box::pin(webhook.invoke(event, "invocation"))).await.unwrap()
            }
            Function::Ingest => {
                let request = serde_json::from_value(event).unwrap();
                let ingest = self.ingests[place].lock().await;
                let reply = self.timed(Box::pin(ingest.handle(&request, "invocation"))).await;
                serde_json::to_value(reply).unwrap()
            }
        }
    }

    async fn timed<T>(&self, invocation: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let outcome = invocation.await;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap();
        self.slowest.fetch_max(took, Ordering::Relaxed);
        outcome
    }

    /// Returns how long the slowest invocation took that answered a request.
    pub fn slowest(&self) -> Duration {
        Duration::from_millis(self.slowest.load(Ordering::Relaxed))
    }

    /// Returns the number of connections that all environments together may have: one each. Beside
    /// those that answer requests there are `process`, `relay`, and the readers.
    pub fn environments(&self) -> usize {
        self.webhooks.len() + self.ingests.len() + 2 + READERS
    }

    /// Returns an environment of `metrics`, which everybody may ask whether it is ready.
    pub fn metrics(&self) -> metrics::Ports<SystemClock> {
        let database = self.postgres.database_of("metrics");
        metrics::Ports {
            admission: admission(database.clone(), 1_000_000),
            database,
            config: MetricsConfig::from_env(&Env::default()).unwrap(),
            clock: SystemClock,
            started: SystemClock.now(),
        }
    }

    /// An environment of `process`, in test mode as the events that are pushed.
    pub fn process(&self) -> process::Ports<ShiftedClock, MemoryQueue> {
        process::Ports {
            database: self.postgres.database_of("process"),
            witness: process::Witness::default(),
            backlog: process::Backlog::default(),
            erased: penstock_store::erased_names::Known::default(),
            reader: process::Normalizers::from_env(
                &[("STRIPE_LIVEMODE", "false")].into_iter().collect(),
            )
            .unwrap(),
            refetches: None,
            clock: ShiftedClock::default(),
        }
    }

    /// Runs `relay` so much later that every ticket that has not come is overdue.
    pub fn relay(&self) -> relay::Ports<ShiftedClock, MemoryQueue> {
        relay::Ports {
            database: self.postgres.database_of("relay"),
            tickets: self.tickets.clone(),
            requests: MemoryQueue::default(),
            transactions: MemoryQueue::default(),
            depths: std::sync::Arc::new(MemoryQueue::default()),
            retention: relay::Retention::default(),
            sources: Vec::new(),
            clock: ShiftedClock::by(1_000),
        }
    }

    /// Returns an environment of `bury`.
    pub fn bury(&self) -> bury::Ports<ShiftedClock> {
        bury::Ports {
            database: self.postgres.database_of("bury"),
            seals: seals(),
            clock: ShiftedClock::default(),
        }
    }
}

/// The limits are out of reach: this test does not try them.
async fn let_clients_in(postgres: &PrivatePostgres) {
    let now = SystemClock.now();
    let client = postgres.client().await;
    for (key, scope) in [(INGEST_KEY, Scope::Ingest), (READ_KEY, Scope::Read)] {
        let (sha256, _) = hashed(key.as_bytes());
        let (id, rate_per_second) = (KeyId::new(now).0, Some(1_000_000));
        let key = NewKey { id, name: "load", scope, sha256, rate_per_second };
        assert!(api_keys::insert(&client, key, now).await.unwrap());
    }
}
