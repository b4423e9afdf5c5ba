//! The outages, timed by the number of replies and never by the clock.

use crate::load_test::LoadTest;
use crate::traffic::Traffic;

/// Requests that may begin while Postgres stops, so that it stops in the middle of them.
const WHILE_STOPPING: usize = 200;

/// Replies between the order to stop and the order to start.
const AWAY: usize = 1_000;

/// The number of these replies during which SQS accepts nothing either.
const ALL_AWAY: usize = 200;

/// Requests that may begin while Postgres starts.
const WHILE_STARTING: usize = 300;

/// Postgres is stopped twice, once in order and once as by a crash. Between the two SQS loses
/// tickets.
pub async fn both(test: &LoadTest, traffic: &Traffic) {
    let requests = traffic.plan.sends();
    // Postgres is stopped after this many answers.
    let (first, second) = (requests / 4, requests * 3 / 5);
    traffic.allow(first + WHILE_STOPPING);
    traffic.until(first).await;
    test.postgres.stop_fast().await;
    away(test, traffic, first).await;

    traffic.allow(second + WHILE_STOPPING);
    traffic.until(requests * 7 / 20).await;
    test.tickets.refuse(true);
    traffic.until(requests * 11 / 20).await;
    test.tickets.refuse(false);

    traffic.until(second).await;
    test.postgres.stop_immediate().await;
    away(test, traffic, second).await;
    traffic.allow(usize::MAX);
}

/// Holds Postgres away for a fixed number of replies, however fast the clients are and however slow
/// the server is.
async fn away(test: &LoadTest, traffic: &Traffic, since: usize) {
    traffic.allow(since + AWAY + WHILE_STARTING);
    traffic.until(since + AWAY / 2).await;
    test.spill.refuse(true);
    traffic.until(since + AWAY / 2 + ALL_AWAY).await;
    test.spill.refuse(false);
    traffic.until(since + AWAY).await;
    test.postgres.start().await;
}
