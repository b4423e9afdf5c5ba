//! `process`: rows of the outbox become payments, contacts and calendar events, each once.

use std::time::Duration;

use penstock_tests::test_app::TestApp;

mod arrivals;
pub mod batches;
mod classes;
mod corrections;
mod money;
mod outages;
mod outbox;
mod ties;
mod two_sources;
mod unreadable;
mod versions;

/// Ends or cancels what waits for the payments, again and again, by a function of Postgres: as an
/// administrator does, or the limit of a role. A backend that waits for a row is left alone: it
/// cleans up, and another holds the row while it ends.
async fn signal_waiting(app: &TestApp, signal: &str) {
    let signal = format!(
        "select count({signal}(pid)) from pg_locks where not granted and relation = 'payments'::regclass \
         and database = (select oid from pg_database where datname = current_database())"
    );
    loop {
        app.db.scalar::<i64>(&signal).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
