//! Measures how fast `process` drains the outbox, on one, two and four connections. It is compared
//! with one SQL statement a batch that does the same without any trigger, on as many connections.

use std::time::{Duration, Instant};

use penstock_store::revenue;
use penstock_testkit::CuttingProxy;

use super::drain_workers::{Worker, drain, in_a_minute, ports};
use super::figures::{Figures, median, per_second};
use super::say;
use super::stock::{Copy, Stock, one};
use crate::test_app;

/// Charges of the simulated year. Refunds, disputes and events come in addition.
const CHARGES: u32 = 20_000;

/// An odd number, for the median.
const ROUNDS: usize = 5;

/// The numbers of connections, each with a worker of its own.
const CONNECTIONS: [usize; 3] = [1, 2, 4];

/// `process` folds a fifth as many deltas as it processes rows: 10,000 after each 50,000. A round
/// has fewer rows, so the same share is folded at its end.
const ROWS_PER_DELTA: usize = 5;

/// Deltas that one statement folds.
const DELTAS: u32 = 10_000;

/// Switches off what keeps the revenue sums.
const UNTRIGGERED: &str = "alter table payments disable trigger user";

/// The rates of one number of connections, by round.
#[derive(Default)]
struct Rates {
    handler: Vec<f64>,
    /// Those of the handler if all deltas are folded.
    folded: Vec<f64>,
    statement: Vec<f64>,
}

/// The outcome of a drain.
struct Drained {
    rate: f64,
    /// The rate if all deltas are folded.
    folded: f64,
    /// A digest of the payments.
    payments: String,
}

/// Measures the rounds in turn, so that the machine's other load is shared by all.
pub(super) async fn measure(figures: &mut Figures) {
    say(&format!("drain: pulling {CHARGES} charges and what belongs to them through fetch"));
    let stock = Stock::of(CHARGES).await;
    say(&format!("drain: {}", stock.contents().await));
    let mut rates = CONNECTIONS.map(|_| Rates::default());
    let mut untriggered = Vec::new();
    for round in 1..=ROUNDS {
        for (connections, rates) in CONNECTIONS.into_iter().zip(&mut rates) {
            let ours = drained(&stock, Worker::Handler, connections, "").await;
            let other = drained(&stock, Worker::OneStatement, connections, "").await;
            assert_eq!(ours.payments, other.payments, "both must do the same");
            say(&format!(
                "drain: round {round} of {ROUNDS} on {connections}: {:.0} rows/s, with all folded {:.0}, \
                 in SQL without triggers {:.0}",
                ours.rate, ours.folded, other.rate
            ));
            rates.handler.push(ours.rate);
            rates.folded.push(ours.folded);
            rates.statement.push(other.rate);
        }
        untriggered.push(drained(&stock, Worker::Handler, 1, UNTRIGGERED).await.rate);
    }
    for (connections, rates) in CONNECTIONS.into_iter().zip(&rates) {
        note(figures, connections, rates);
    }
    figures.note("drain_speedup_4", ratio(&rates[2].handler, &rates[0].handler));
    figures.note("drain_sql_speedup_4", ratio(&rates[2].statement, &rates[0].statement));
    figures.note("drain_rows_s_without_buckets", median(&untriggered));
    figures.note("bucket_cost_ratio", ratio(&rates[0].handler, &untriggered));
    figures.note("process_messages_per_batch", messages_per_batch(&stock).await);
    super::history::measure(&stock, figures).await;
}

fn note(figures: &mut Figures, connections: usize, rates: &Rates) {
    figures.note(format!("drain_rows_s_{connections}"), median(&rates.handler));
    figures.note(format!("drain_sql_rows_s_{connections}"), median(&rates.statement));
    figures.note(format!("drain_ratio_{connections}"), ratio(&rates.handler, &rates.statement));
    let folded = ratio(&rates.folded, &rates.statement);
    figures.note(format!("drain_folded_ratio_{connections}"), folded);
}

/// Returns the median of the rounds' ratios.
fn ratio(of: &[f64], to: &[f64]) -> f64 {
    median(&of.iter().zip(to).map(|(a, b)| a / b).collect::<Vec<_>>())
}

/// Drains the whole stock. Runs `before` first.
async fn drained(stock: &Stock, worker: Worker, connections: usize, before: &str) -> Drained {
    let copy = stock.copy().await;
    copy.run(before).await;
    copy.run("checkpoint").await;
    let rows = stock.batches().iter().map(|batch| batch.ids.len()).sum();
    let drained = drain(worker, connections, &copy.login(), stock.batches());
    let waiting: i64 = copy.scalar("select count(*) from outbox where status <> 'processed'").await;
    assert_eq!(waiting, 0, "{worker:?} left rows");
    let (mut took, mut rest) = (drained, Duration::ZERO);
    if worker == Worker::Handler && before.is_empty() {
        assert_exact(&copy).await;
        took += fold(&copy, rows / ROWS_PER_DELTA).await;
        rest = fold(&copy, usize::MAX).await;
        assert_exact(&copy).await;
    }
    let payments = copy.digest().await;
    Drained { rate: per_second(rows, took), folded: per_second(rows, took + rest), payments }
}

/// Folds up to `most` deltas, and returns the time that it took.
async fn fold(copy: &Copy, most: usize) -> Duration {
    let database = copy.database();
    let connection = database.connection().await.expect("the copy");
    let started = Instant::now();
    let mut left = u64::try_from(most).expect("a count");
    while left > 0 {
        let some = u32::try_from(left).unwrap_or(u32::MAX).min(DELTAS);
        let folded = revenue::fold(&connection, some).await.expect("folding");
        left -= folded.expect("nobody else folds");
        if folded < Some(u64::from(some)) {
            break;
        }
    }
    started.elapsed()
}

/// Asserts that the revenue sums are those of the payments.
async fn assert_exact(copy: &Copy) {
    let wrong: i64 = copy.scalar(include_str!("wrong_sums.sql")).await;
    assert_eq!(wrong, 0, "days whose sums are not those of their payments");
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
