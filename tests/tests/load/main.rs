//! Load with a fault: requests of many kinds from many clients while Postgres is stopped and
//! started twice. Every request that was answered with success is there exactly once afterwards, by
//! its id and byte for byte.
//!
//! By default 6,000 requests are sent. Both outages last as many answers as in the full test, which
//! sends 20,000 and is run by `PENSTOCK_FULL=1 make test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]
#![allow(clippy::print_stdout, reason = "the counts are worth reading")]

mod books;
mod kinds;
mod load_test;
mod outages;
mod queues;
mod traffic;

use std::sync::Arc;

use load_test::LoadTest;
use traffic::{Plan, Traffic};

const CLIENTS: usize = 32;

/// Sends `requests` requests, repetitions included. A request that is sent again after a 503 counts
/// once.
async fn load(requests: usize) {
    let test = Arc::new(LoadTest::build().await);
    let traffic = Arc::new(Traffic::new(Plan::of(requests, 300)));
    let processing = tokio::spawn(queues::process_beside(test.clone(), traffic.clone()));
    let (answers, ()) =
        tokio::join!(traffic::run(&test, &traffic, CLIENTS), outages::both(&test, &traffic));
    processing.await.unwrap();
    let brought = queues::bring_in(&test, 301).await;
    queues::process_the_rest(&test).await;
    let counts = books::check(&test, &traffic.plan, &answers, brought).await;
    println!("{counts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_with_success_while_postgres_was_stopped_twice_is_there_exactly_once() {
    load(6_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn of_twenty_thousand_requests_what_was_answered_with_success_is_there_exactly_once() {
    load(20_000).await;
}
