//! Faults in which Postgres refuses no connection, and does not do what it is told: a lock,
//! silence, a full disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_testkit::PrivatePostgres;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::beside::Beside;
use crate::load_test::LoadTest;
use crate::traffic::{Plan, Progress, Traffic};
use crate::{CLIENTS, books, queues, traffic};

/// The connections that the functions may have in production (`docs/OPERATIONS.md`, "Functions").
const BUDGET: i64 = 75;

/// Lambda gives `webhook` and `ingest` this long. Then the gateway would answer in their place.
const TIME: Duration = Duration::from_secs(20);

/// All that came is processed this long after the end of a long fault. The long ones run alone;
/// beside other tests it would be a measure of those.
const CAUGHT_UP: Duration = Duration::from_secs(60);

/// Answers before the fault.
const BEFORE: usize = 300;

/// Spilled requests that end a short fault, if each takes its time: many clients have waited once.
const SLOW: usize = 16;

/// Spilled requests that end a short fault, if they take no time.
const QUICK: usize = 500;

/// Requests that are not sent before the end of the fault.
const AFTERWARDS: usize = 300;

/// A fault of Postgres.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// A person or a migration holds a table of this name.
    Locked(&'static str),
    /// All tables but this one are held.
    LockedBeside(&'static str),
    /// All processes of the server are stopped (SIGSTOP). Connections are taken by the kernel.
    Silent,
    /// No file of the server can grow.
    FullDisk,
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// As long as most clients need to meet it.
    ForSeconds,
    /// Five minutes.
    ForMinutes,
}

/// Sends requests of all kinds, has the fault in the middle of them, and checks that all of them
/// were answered, connections stayed few, and all that was accepted is there soon afterwards.
pub async fn under_load(fault: Fault, held: Held) {
    let test = Arc::new(LoadTest::build(fault.postgres().await).await);
    let requests = match (held, fault) {
        (Held::ForMinutes, Fault::FullDisk) => 6_000,
        (Held::ForMinutes, _) => 3_000,
        (Held::ForSeconds, Fault::FullDisk) => 3_000,
        (Held::ForSeconds, _) => 1_000,
    };
    let traffic = Arc::new(Traffic::new(Plan::of(requests, 302)));
    let beside = Beside::start(&test);
    let processing = tokio::spawn(queues::process_beside(test.clone(), traffic.clone()));
    let (answers, ended_at) =
        tokio::join!(traffic::run(&test, &traffic, CLIENTS), fault.happens(&test, &traffic, held));
    processing.await.unwrap();
    let brought = queues::bring_in(&test, 303).await;
    queues::process_the_rest(&test).await;
    let caught_up = ended_at.elapsed();
    let (connections, reads) = beside.end().await;
    let counts = books::check(&test, &traffic.plan, &answers, brought).await;
    let slowest = test.slowest();
    let figures = format!(
        "{fault:?}: at most {connections} connections of {} environments; slowest {slowest:?}; \
         {reads:?}; caught up after {caught_up:?}\n{counts}",
        test.environments()
    );
    println!("{figures}");
    assert!(connections <= BUDGET, "{figures}");
    assert!(slowest < TIME, "{figures}");
    assert!(held == Held::ForSeconds || caught_up < CAUGHT_UP, "{figures}");
    // SQS takes what Postgres does not.
    assert_eq!(counts.unavailable(), 0, "{figures}");
    // Otherwise the test tried nothing.
    assert!(counts.spilled() > 0 && reads.answered > 0, "{figures}");
}

impl Fault {
    async fn postgres(self) -> PrivatePostgres {
        match self {
            Self::FullDisk => PrivatePostgres::on_a_small_disk().await,
            _ => PrivatePostgres::new().await,
        }
    }

    /// Has the fault begin and end in the middle of the requests. Returns when it ended.
    async fn happens(self, test: &LoadTest, traffic: &Traffic, held: Held) -> Instant {
        traffic.allow(BEFORE + CLIENTS);
        traffic.until(BEFORE).await;
        let lock = self.begin(test).await;
        traffic.allow(traffic.plan.sends() - AFTERWARDS);
        match held {
            Held::ForSeconds => {
                let enough = if matches!(self, Self::FullDisk) { QUICK } else { SLOW };
                let is_enough = |_: &Progress| test.spill.delays().len() >= enough;
                traffic.progress().wait_for(is_enough).await.unwrap();
            }
            Held::ForMinutes => sleep(Duration::from_secs(300)).await,
        }
        self.end(test, lock).await;
        let ended_at = Instant::now();
        traffic.allow(usize::MAX);
        ended_at
    }

    async fn begin(self, test: &LoadTest) -> Option<Client> {
        let postgres = &test.postgres;
        match self {
            Self::Locked(table) => Some(lock(test, table).await),
            Self::LockedBeside(table) => {
                let others = "select string_agg(quote_ident(tablename), ', ') from pg_tables \
                              where schemaname = 'public' and tablename <> $1";
                let row = postgres.client().await.query_one(others, &[&table]).await.unwrap();
                Some(lock(test, row.get(0)).await)
            }
            Self::Silent => {
                postgres.freeze().await;
                None
            }
            Self::FullDisk => {
                postgres.fill_disk().await;
                None
            }
        }
    }

    async fn end(self, test: &LoadTest, lock: Option<Client>) {
        match self {
            Self::Locked(_) | Self::LockedBeside(_) => {
                lock.expect("it was locked").batch_execute("commit").await.unwrap();
            }
            Self::Silent => test.postgres.thaw().await,
            Self::FullDisk => test.postgres.empty_disk().await,
        }
    }
}

/// Locks tables. Several of them take several attempts: each transaction that holds one of them and
/// waits for another is a deadlock, which Postgres ends on either side.
async fn lock(test: &LoadTest, tables: &str) -> Client {
    let client = test.postgres.client().await;
    let lock = format!("begin; lock table {tables} in access exclusive mode");
    while let Err(error) = client.batch_execute(&lock).await {
        assert_eq!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED), "{error:?}");
        client.batch_execute("rollback").await.unwrap();
    }
    client
}
