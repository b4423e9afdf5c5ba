//! Measures how fast `process` drains the outbox. It is compared with one SQL statement that does
//! the same, and with a run without the triggers that keep the revenue buckets.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_store::Database;
use penstock_testkit::{CuttingProxy, MemoryQueue};
use process::Normalizers;
use process::Ports;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::figures::{Figures, median, per_second};
use super::say;
use super::stock::{Batch, Copy, Stock, one};
use crate::test_app;

/// Charges of the simulated year. Refunds, disputes and events come in addition.
const CHARGES: u32 = 10_000;

/// An odd number, for the median.
const ROUNDS: usize = 5;

const ONE_STATEMENT: &str = include_str!("drain.sql");

/// A deadline that no batch comes near.
fn in_a_minute() -> Timestamp {
    SystemClock.now() + Duration::from_secs(60)
}

/// The code that drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// The handler of `process`.
    Handler,
    /// One statement for each batch, which does all the work inside Postgres.
    OneStatement,
}

/// Measures the rounds in turn, so that the machine's other load is shared by all.
pub(super) async fn measure(figures: &mut Figures) {
    say(&format!("drain: pulling {CHARGES} charges and what belongs to them through fetch"));
    let stock = Stock::of(CHARGES).await;
    say(&format!("drain: {}", stock.contents().await));
    let (mut handler, mut statement, mut untriggered) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (rate, result) = drained(&stock, Worker::Handler, "").await;
        let (other, same) = drained(&stock, Worker::OneStatement, "").await;
        assert_eq!(result, same, "the statement must do what the handler does");
        let (free, same) =
            drained(&stock, Worker::Handler, "alter table payments disable trigger user").await;
        assert_eq!(result, same, "triggers do not change payments");
        say(&format!(
            "drain: round {round} of {ROUNDS}: {rate:.0} rows/s, in one statement {other:.0}, without triggers {free:.0}"
        ));
        handler.push(rate);
        statement.push(other);
        untriggered.push(free);
    }
    let ratio =
        |of: &[f64], to: &[f64]| median(&of.iter().zip(to).map(|(a, b)| a / b).collect::<Vec<_>>());
    figures.note("drain_rows_s", median(&handler));
    figures.note("drain_one_statement_rows_s", median(&statement));
    figures.note("drain_ratio", ratio(&handler, &statement));
    figures.note("drain_rows_s_without_buckets", median(&untriggered));
    figures.note("bucket_cost_ratio", ratio(&handler, &untriggered));
    figures.note("process_messages_per_batch", messages_per_batch(&stock).await);
    super::history::measure(&stock, figures).await;
}

/// Returns the rows per second over the whole stock, and a digest of the result.
async fn drained(stock: &Stock, worker: Worker, before: &str) -> (f64, String) {
    let copy = stock.copy().await;
    copy.run(before).await;
    copy.run("checkpoint").await;
    let mut bench = Bench::over(&copy).await;
    for batch in stock.batches() {
        bench.work(worker, batch).await;
    }
    let waiting = "select count(*) from outbox where status <> 'processed'";
    let waiting: i64 =
        bench.client().await.query_one(waiting, &[]).await.expect("the outbox").get(0);
    assert_eq!(waiting, 0, "{worker:?} left rows");
    (bench.rate(worker), copy.digest().await)
}

/// The ports of both workers, and the rows and time of each.
pub(super) struct Bench {
    ports: Ports<SystemClock, MemoryQueue>,
    spent: [(usize, Duration); 2],
}

impl Bench {
    /// Opens the connection that both workers use.
    pub(super) async fn over(copy: &Copy) -> Self {
        let database = copy.database();
        drop(database.connection().await.expect("a connection"));
        Self { ports: ports(database), spent: Default::default() }
    }

    async fn client(&self) -> penstock_store::Connection {
        self.ports.database.connection().await.expect("a connection")
    }

    /// Lets a worker process a batch, and adds its rows and its time.
    pub(super) async fn work(&mut self, worker: Worker, batch: &Batch) {
        let took = match worker {
            Worker::Handler => {
                let event = test_app::batch(&batch.bodies, 1);
                let started = Instant::now();
                let response = self.ports.handle(event, in_a_minute()).await;
                let took = started.elapsed();
                assert_eq!(response.failures(), 0, "a ticket failed");
                took
            }
            Worker::OneStatement => {
                let client = self.client().await;
                let ids: Vec<Uuid> = batch.ids.iter().map(|id| id.0).collect();
                let started = Instant::now();
                in_one_statement(&client, &ids, SystemClock.now()).await;
                started.elapsed()
            }
        };
        let (rows, total) = &mut self.spent[worker as usize];
        *rows += batch.ids.len();
        *total += took;
    }

    /// Returns a worker's rows per second so far.
    pub(super) fn rate(&self, worker: Worker) -> f64 {
        let (rows, total) = self.spent[worker as usize];
        per_second(rows, total)
    }
}

/// Returns the ports as the template configures `process`: ties are settled by rank.
fn ports(database: Database) -> Ports<SystemClock, MemoryQueue> {
    Ports {
        database,
        witness: process::Witness::default(),
        backlog: process::Backlog::default(),
        reader: Normalizers::from_env(&[("STRIPE_LIVEMODE", "false")].into_iter().collect())
            .expect("the setting is sound"),
        refetches: None,
        clock: SystemClock,
    }
}

async fn in_one_statement(client: &Client, ids: &[Uuid], now: Timestamp) {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&ids, Type::UUID_ARRAY), (&now, Type::TIMESTAMPTZ)];
    client.execute_typed(ONE_STATEMENT, &parameters).await.expect("the statement");
}

/// Returns the protocol messages of a full batch on an open connection. A statement is five of
/// them.
async fn messages_per_batch(stock: &Stock) -> f64 {
    let copy = stock.copy().await;
    let proxy = CuttingProxy::start(copy.login()).await;
    let ports = ports(one(proxy.login()));
    drop(ports.database.connection().await.expect("a connection"));
    let before = proxy.messages();
    let batch = test_app::batch(&stock.batches()[0].bodies, 1);
    let response = ports.handle(batch, in_a_minute()).await;
    assert_eq!(response.failures(), 0, "a ticket failed");
    f64::from(u32::try_from(proxy.messages() - before).expect("few messages"))
}
