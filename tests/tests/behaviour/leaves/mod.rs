//! The outbox by day of arrival: one leaf a day (docs/adr/0052-partitions.md).

mod hundred_days;
mod plans;
mod retiring;
mod twins;

use std::time::Duration;

use penstock_domain::clock::{Clock, elapsed};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;

const DAY: Duration = Duration::from_secs(86_400);

/// Starts the functions at noon of a day that has a leaf of its own.
pub async fn app_by_day(seed: u64, settings: &[(&str, &str)]) -> TestApp {
    let app = TestApp::with_settings(account(seed, 1), settings).await;
    let first = app.db.by_day().await;
    let now = app.clock.now();
    let noon = DAY - Duration::from_secs(now.as_second().unsigned_abs() % 86_400) + DAY / 2;
    app.clock.advance(elapsed(now, first).max(noon));
    let noon = app.clock.now().as_second().rem_euclid(86_400).unsigned_abs();
    app.clock.advance(DAY + DAY / 2 - Duration::from_secs(noon));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app
}

/// The leaves by name, oldest first.
async fn leaves(app: &TestApp) -> Vec<String> {
    let sql = "select name from outbox_leaves order by to_id";
    app.db.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The name of the leaf of today.
fn today(app: &TestApp) -> String {
    format!("outbox_p{}", app.clock.now().strftime("%Y%m%d"))
}

async fn rows(app: &TestApp) -> i64 {
    app.db.scalar("select count(*) from outbox").await
}
