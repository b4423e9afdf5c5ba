//! The workers whose draining is measured: the handler of `process`, and a statement that does the
//! same. Each has a connection and a thread of its own, as Lambda environments have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_store::{Connection, Database, Login};
use penstock_testkit::MemoryQueue;
use process::{Normalizers, Ports};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::stock::{Batch, one, run};
use crate::test_app;

const ONE_STATEMENT: &str = include_str!("drain.sql");

/// Keeps a connection's statements from firing triggers.
const NO_TRIGGERS: &str = "set session_replication_role = replica";

/// The code that drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// The handler of `process`.
    Handler,
    /// One statement for each batch, which does all the work inside Postgres. No trigger fires.
    OneStatement,
}

impl Worker {
    /// Opens the worker's only connection.
    pub(super) async fn connect(self, login: Login) -> Connected {
        let database = one(login);
        let connection = database.connection().await.expect("a connection");
        match self {
            Self::Handler => Connected::Handler(Box::new(ports(database))),
            Self::OneStatement => {
                run(&connection, NO_TRIGGERS).await;
                Connected::OneStatement(Box::new(connection))
            }
        }
    }
}

/// A worker with its connection.
pub(super) enum Connected {
    Handler(Box<Ports<SystemClock, MemoryQueue>>),
    OneStatement(Box<Connection>),
}

impl Connected {
    /// Processes a batch.
    pub(super) async fn work(&self, batch: &Batch) {
        match self {
            Self::Handler(ports) => {
                let event = test_app::batch(&batch.bodies, 1);
                let response = ports.handle(event, in_a_minute()).await;
                assert_eq!(response.failures(), 0, "a ticket failed");
            }
            Self::OneStatement(client) => {
                let ids: Vec<Uuid> = batch.ids.iter().map(|id| id.0).collect();
                let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                    [(&ids, Type::UUID_ARRAY), (&SystemClock.now(), Type::TIMESTAMPTZ)];
                client.execute_typed(ONE_STATEMENT, &parameters).await.expect("the statement");
            }
        }
    }
}

/// Drains `batches` with as many workers as `connections`. Each takes the next batch as soon as it
/// has done one. Returns the time from the first start to the last end.
pub(super) fn drain(
    worker: Worker,
    connections: usize,
    login: &Login,
    batches: &[Batch],
) -> Duration {
    let (next, ready) = (AtomicUsize::new(0), Barrier::new(connections));
    let times = side_by_side(connections, async || {
        let connected = worker.connect(login.clone()).await;
        ready.wait();
        let started = Instant::now();
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            connected.work(batch).await;
        }
        (started, Instant::now())
    });
    let started = times.iter().map(|(started, _)| *started).min().expect("a worker");
    let ended = times.iter().map(|(_, ended)| *ended).max().expect("a worker");
    ended - started
}

/// Runs `work` on `count` threads at once, each with a runtime of its own, and returns all results.
pub(super) fn side_by_side<T: Send>(count: usize, work: impl AsyncFn() -> T + Sync) -> Vec<T> {
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let result = runtime.block_on(work());
                results.lock().expect("no worker fails").push(result);
            });
        }
    });
    results.into_inner().expect("no worker fails")
}

/// Returns the ports as the template configures `process`: ties are settled by rank.
pub(super) fn ports(database: Database) -> Ports<SystemClock, MemoryQueue> {
    ports_at(database, SystemClock)
}

/// Returns such ports with a clock of their own.
pub(super) fn ports_at<C>(database: Database, clock: C) -> Ports<C, MemoryQueue> {
    Ports {
        erased: penstock_store::erased_names::Known::default(),
        database,
        witness: process::Witness::default(),
        backlog: process::Backlog::default(),
        reader: Normalizers::from_env(&[("STRIPE_LIVEMODE", "false")].into_iter().collect())
            .expect("the setting is sound"),
        refetches: None,
        clock,
    }
}

/// Returns a deadline that no batch comes near.
pub(super) fn in_a_minute() -> Timestamp {
    SystemClock.now() + Duration::from_secs(60)
}
