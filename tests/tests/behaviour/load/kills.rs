//! The function ends at any await: what was begun is found, and no row comes twice or never.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use load::{MARGIN, Request};
use penstock_domain::clock::Clock as _;
use penstock_tests::thorough::{is_thorough, part};

use super::LoadApp;
use super::app::Batch;

/// Polls a future until it is done, or was polled `most` times. Returns whether it is done. It is
/// dropped where it waits, as a process is killed where it waits.
async fn polled(future: impl Future, most: u64) -> bool {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls >= most => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs the schedule's event in an environment of its own, and ends it at an await.
async fn ended_at(app: &LoadApp, polls: u64) -> bool {
    let ports = app.environment();
    let deadline = app.clock.now() + MARGIN + Duration::from_secs(800);
    polled(ports.serve(Request::Due, deadline), polls).await
}

#[tokio::test]
async fn ended_at_each_await_of_a_load_each_row_is_there_once() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(1);
    let mut batches = vec![app.write("events", "2026-11-29", 2).await];
    assert_eq!(app.run().await.loaded, 1);
    let (mut polls, step) = (1, if is_thorough() { 1 } else { 6 });
    loop {
        batches.push(app.write("events", "2026-11-29", 2).await);
        let is_whole = ended_at(&app, polls).await;
        app.run_until_all_is_there().await;
        app.assert_rows("events", &batches.iter().collect::<Vec<_>>());
        if is_whole {
            break;
        }
        polls += step;
    }
    assert!(polls > 20, "it awaits {polls} times");
    // One job a file, however often it was ended.
    assert_eq!(app.bigquery.jobs().len(), batches.len());
}

#[tokio::test]
async fn ended_at_each_await_of_the_first_load_the_table_is_made_once_and_each_row_is_there_once() {
    for n in 0..part(24) {
        let app = LoadApp::new().await;
        let batch = app.write("events", "2026-11-29", 2).await;
        ended_at(&app, 1 + n * 60 / part(24)).await;
        app.run_until_all_is_there().await;
        app.assert_rows("events", &[&batch]);
    }
}

#[tokio::test]
async fn ended_at_each_await_of_a_rebuild_the_day_is_as_it_was_or_as_it_is_to_be() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(1);
    let beside = app.write("events", "2026-11-29", 2).await;
    let mut current = app.write("events", "2026-11-29", 400).await;
    app.run_until_all_is_there().await;
    let (mut polls, step) = (1, if is_thorough() { 4 } else { 12 });
    loop {
        let next = app.rewrite("events", &current, erased(&current)).await;
        let is_whole = ended_at(&app, polls).await;
        let seen = app.bigquery.rows(super::app::DATASET, "events").len();
        let may_be = [&current, &next].map(|batch| batch.rows.len() + beside.rows.len());
        assert!(may_be.contains(&seen), "{seen} rows after {polls} polls, not {may_be:?}");
        app.run_until_all_is_there().await;
        app.assert_rows("events", &[&beside, &next]);
        current = next;
        if is_whole {
            break;
        }
        polls += step;
    }
    assert!(polls > 40, "it awaits {polls} times");
}

/// All rows but the first.
fn erased(batch: &Batch) -> impl Fn(&super::files::Row) -> bool + use<> {
    let first = batch.rows[0].key.clone();
    move |row| row.key != first
}
