//! Load with a fault: requests of many kinds from many clients while Postgres is stopped and started twice. What was
//! answered with success is there exactly once afterwards, by its id and byte for byte.
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

/// How many are sent, repetitions included, but not what is tried again after a 503.
const REQUESTS: usize = 20_000;

const CLIENTS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_with_success_while_postgres_was_stopped_twice_is_there_exactly_once() {
    let test = Arc::new(LoadTest::build().await);
    let traffic = Arc::new(Traffic::new(Plan::of(REQUESTS, 300)));
    let processing = tokio::spawn(queues::process_beside(test.clone(), traffic.clone()));
    let (answers, ()) =
        tokio::join!(traffic::run(&test, &traffic, CLIENTS), outages::both(&test, &traffic));
    processing.await.unwrap();
    let brought = queues::bring_in(&test, 301).await;
    queues::process_the_rest(&test).await;
    let counts = books::check(&test, &traffic.plan, &answers, brought).await;
    println!("{counts}");
}
