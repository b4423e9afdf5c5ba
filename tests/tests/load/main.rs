//! Load with a fault: requests of many kinds from many clients while Postgres is stopped and
//! started twice, locked, silent, or without room on its disk. Every request that was answered with
//! success is there exactly once afterwards, by its id and byte for byte. Connections are counted
//! throughout.
//!
//! By default 6,000 requests are sent. Both outages last as many answers as in the full test, which
//! sends 20,000 and is run by `PENSTOCK_FULL=1 make test`. That also has the other faults last for
//! five minutes; by default they last for seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]
#![allow(clippy::print_stdout, reason = "the counts are worth reading")]

mod beside;
mod books;
mod faults;
mod kinds;
mod load_test;
mod outages;
mod queues;
mod traffic;

use std::sync::Arc;

use faults::{Fault, Held};
use load_test::LoadTest;
use penstock_testkit::PrivatePostgres;
use traffic::{Plan, Traffic};

const CLIENTS: usize = 32;

/// Sends `requests` requests, repetitions included. A request that is sent again after a 503 counts
/// once.
async fn load(requests: usize) {
    let test = Arc::new(LoadTest::build(PrivatePostgres::new().await).await);
    let traffic = Arc::new(Traffic::new(Plan::of(requests, 300)));
    let processing = tokio::spawn(queues::process_beside(test.clone(), traffic.clone()));
    let (answers, ()) =
        tokio::join!(traffic::run(&test, &traffic, CLIENTS), outages::both(&test, &traffic));
    processing.await.unwrap();
    let brought = queues::bring_in(&test, 301).await;
    queues::process_the_rest(&test).await;
    let counts = books::check(&test, &traffic.plan, &answers, brought).await;
    println!("{counts}");
    // Otherwise the test tried nothing.
    assert!(counts.spilled() > 1_000 && counts.unavailable() > 200, "{counts}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_69_under_load_with_the_outbox_locked_connections_stay_few_and_nothing_is_lost() {
    faults::under_load(Fault::Locked("outbox"), Held::ForSeconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_69_under_load_with_every_other_table_locked_connections_stay_few_and_nothing_is_lost()
{
    faults::under_load(Fault::LockedBeside("outbox"), Held::ForSeconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_with_a_silent_postgres_all_are_answered_and_nothing_is_lost() {
    faults::under_load(Fault::Silent, Held::ForSeconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_with_a_full_disk_all_are_answered_and_nothing_is_lost() {
    faults::under_load(Fault::FullDisk, Held::ForSeconds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn trap_69_the_outbox_may_be_locked_for_five_minutes_under_load() {
    faults::under_load(Fault::Locked("outbox"), Held::ForMinutes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn trap_69_every_other_table_may_be_locked_for_five_minutes_under_load() {
    faults::under_load(Fault::LockedBeside("outbox"), Held::ForMinutes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn postgres_may_be_silent_for_five_minutes_under_load() {
    faults::under_load(Fault::Silent, Held::ForMinutes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: PENSTOCK_FULL=1 make test"]
async fn the_disk_may_be_full_for_five_minutes_under_load() {
    faults::under_load(Fault::FullDisk, Held::ForMinutes).await;
}
