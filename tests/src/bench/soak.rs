//! Sends rows through the outbox for 60 simulated days, with retention on: the rate of the last
//! days against that of the first, and what the tables take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, JSON};
use penstock_domain::ticket::{GRACE, Ticket};
use penstock_edge::config;
use penstock_store::outbox::{self, Arrival};
use penstock_store::{Transaction, begin, commit};
use penstock_testkit::{MemoryQueue, TestDatabase};

use super::drain_workers::{ports_at, side_by_side};
use super::figures::{Figures, median, per_second};
use super::say;
use super::soak_rows::{Arrivals, Templates, Version};
use super::soak_sizes::{self, Sizes};
use super::stock::{MESSAGES, Stock, one, run};
use crate::clock::StoppedClock;
use crate::test_app;

/// Simulated days: longer than the outbox keeps its rows, by as long as sizes must be flat.
const DAYS: usize = 60;

/// The first days, in which tables and caches fill.
const WARM_UP: usize = 5;

/// Days whose rates are compared.
const COMPARED: usize = 10;

/// Rounds of `relay` in a day.
const ROUNDS: usize = 4;

/// Rows if `ROWS` is not set.
const DEFAULT_ROWS: usize = 200_000;

/// Rows that one transaction inserts.
const PAGE: usize = 500;

/// Rows that a worker inserts and then processes.
const TURN: usize = 1_000;

/// Workers, each with its own connections.
const WORKERS: usize = 2;

/// Days after which sizes are reported.
const REPORTED: [usize; 5] = [15, 30, 40, 50, 60];

/// Charges that are rendered. Refunds, disputes and events come in addition.
const CHARGES: u32 = 2_000;

/// A day here lasts seconds. With its default of a minute, autovacuum would come once in some days.
const VACUUM_OFTEN: &str = "alter system set autovacuum_naptime = '1s'";
const VACUUM_AS_BEFORE: &str = "alter system reset autovacuum_naptime";

/// A database that is used for some simulated days.
struct Soak {
    db: TestDatabase,
    templates: Templates,
    arrivals: Arrivals,
    rows_a_day: usize,
}

/// Measures as many rows as the variable `ROWS` says.
pub(super) async fn measure(figures: &mut Figures) {
    let rows = config::from_process().parsed_or("ROWS", DEFAULT_ROWS).expect("ROWS is a number");
    let rows_a_day = rows / DAYS;
    let stock = Stock::of(CHARGES).await;
    let templates = Templates::of(&stock).await;
    drop(stock);
    let arrivals = Arrivals::new(&templates, rows_a_day);
    let mut soak = Soak { db: TestDatabase::new().await, templates, arrivals, rows_a_day };
    soak.configure(VACUUM_OFTEN).await;
    soak.db.by_day().await;
    let (rates, sizes) = soak.days().await;
    note_rates(figures, &rates);
    soak_sizes::note(figures, &soak.db, &sizes).await;
    soak.configure(VACUUM_AS_BEFORE).await;
    figures.note("soak_rows", per_second(rows_a_day * DAYS, Duration::from_secs(1)));
}

fn note_rates(figures: &mut Figures, rates: &[f64]) {
    let first = median(&rates[WARM_UP..WARM_UP + COMPARED]);
    let last = median(&rates[DAYS - COMPARED..]);
    figures.note("soak_rows_s_first", first);
    figures.note("soak_rows_s_last", last);
    figures.note("soak_last_to_first_ratio", last / first);
}

impl Soak {
    async fn configure(&self, setting: &str) {
        let client = self.db.client().await;
        run(&client, setting).await;
        run(&client, "select pg_reload_conf()").await;
    }

    /// Lets all days pass. Returns the rows per second of each day, and the sizes of some.
    async fn days(&mut self) -> (Vec<f64>, Vec<(usize, Sizes)>) {
        // After all leaves that a new database has.
        let first = SystemClock.now().as_second() / 86_400 + 20;
        let first = Timestamp::from_second(first * 86_400).expect("a time");
        self.relay(first).await;
        let (mut rates, mut sizes) = (Vec::new(), Vec::new());
        for day in 1..=DAYS {
            let midnight = first + i64::try_from(24 * (day - 1)).expect("some days").hours();
            let (rows, took) = self.day(midnight).await;
            rates.push(per_second(rows, took));
            if REPORTED.contains(&day) {
                sizes.push((day, Sizes::of(&self.db).await));
            }
            if day % 5 == 0 {
                say(&format!("soak: day {day} of {DAYS}: {:.0} rows/s", rates[day - 1]));
            }
        }
        (rates, sizes)
    }

    /// Lets a day pass. Returns its rows, and the time that they took.
    async fn day(&mut self, midnight: Timestamp) -> (usize, Duration) {
        let (mut rows, mut took) = (0, Duration::ZERO);
        let length = i64::try_from(24 / ROUNDS).expect("some hours").hours();
        let mut from = midnight;
        for _ in 0..ROUNDS {
            let to = from + length;
            let arriving =
                self.arrivals.take(&self.templates, self.rows_a_day / ROUNDS, (from, to));
            let started = Instant::now();
            self.pass(&arriving);
            self.relay(to).await;
            took += started.elapsed();
            rows += arriving.len();
            from = to;
        }
        (rows, took)
    }

    /// Inserts and processes rows, side by side.
    fn pass(&self, arriving: &[(Timestamp, Version)]) {
        let turns: Vec<_> = arriving.chunks(TURN).collect();
        let next = AtomicUsize::new(0);
        side_by_side(WORKERS, async || {
            let database = one(self.db.login_of("fetch"));
            let mut connection = database.connection().await.expect("a connection");
            let process = one(self.db.login_of("process"));
            while let Some(turn) = turns.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut tickets = Vec::new();
                for page in turn.chunks(PAGE) {
                    let tx = begin(&mut connection).await.expect("a transaction");
                    let ids = self.insert(&tx, page).await;
                    commit(tx).await.expect("a commit");
                    tickets.extend(Ticket::split(&ids).map(|ticket| ticket.to_body()));
                }
                let now = turn.last().expect("rows").0;
                let ports = ports_at(process.clone(), StoppedClock(now));
                for bodies in tickets.chunks(MESSAGES) {
                    let event = test_app::batch(bodies, 1);
                    let response = ports.handle(event, now + 1.minute()).await;
                    assert_eq!(response.failures(), 0, "a ticket failed");
                }
            }
        });
    }

    /// Lets `relay` fold, delete what is too old and make room for the days to come.
    async fn relay(&self, now: Timestamp) {
        let ports = relay::Ports {
            database: one(self.db.login_of("relay")),
            tickets: MemoryQueue::default(),
            requests: MemoryQueue::default(),
            transactions: MemoryQueue::default(),
            depths: std::sync::Arc::new(MemoryQueue::default()),
            retention: relay::Retention::default(),
            sources: vec!["stripe"],
            clock: StoppedClock(now),
        };
        let round = ports.run_once(now + 1.hour()).await.expect("a round");
        assert_eq!(round.ticketed, 0, "no row waits for long");
    }

    /// Renders and inserts a page of rows.
    async fn insert(&self, tx: &Transaction<'_>, page: &[(Timestamp, Version)]) -> Vec<OutboxId> {
        let mut payloads = vec![Vec::new(); page.len()];
        let mut items: Vec<Item<'_>> = Vec::with_capacity(page.len());
        for ((at, version), payload) in page.iter().zip(&mut payloads) {
            let item = self.templates.render(*version, *at, payload);
            items.push(Item { payload, ..item });
        }
        let received_at = page.last().expect("rows").0;
        let arrival = Arrival {
            source: "stripe",
            media: JSON,
            received_at,
            ticket_due_at: received_at + GRACE,
            ..Arrival::default()
        };
        outbox::insert(tx, arrival, &items).await.expect("a page")
    }
}
