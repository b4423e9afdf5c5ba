//! Changes that no increment shows, and that the daily full run finds.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::due::Due;
use penstock_domain::fetch_request::{FetchRequest, Mode};

use crate::gcal::test_app::GcalTestApp;

/// Serves what the daily rule asks for.
async fn daily(test: &GcalTestApp) {
    test.app.due(Due::Full).await;
    for request in test.app.requests.take() {
        let request: FetchRequest = serde_json::from_str(&request).unwrap();
        let outcome = test.serve(&request, Duration::from_secs(3_600)).await.unwrap();
        assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    }
    test.app.drain().await;
}

async fn increment(test: &GcalTestApp) {
    let outcome = test.fetch(Mode::Incremental).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    test.app.drain().await;
}

#[tokio::test]
async fn trap_12_what_vanishes_without_a_tombstone_is_gone_after_the_daily_full_run() {
    let test = GcalTestApp::filled(501, 60).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    let birthday = test.google.with(|calendar| calendar.present()[7].clone());
    test.google.with(|calendar| calendar.vanish(&birthday));
    increment(&test).await;
    let there = format!(
        "select count(*) from calendar_events where external_id = '{birthday}' and deleted_at is null"
    );
    assert_eq!(test.app.db.scalar::<i64>(&there).await, 1, "no increment tells");
    test.app.clock.advance(Duration::from_secs(20 * 3_600));
    daily(&test).await;
    assert_eq!(test.app.db.scalar::<i64>(&there).await, 0);
    test.assert_true().await;
}

#[tokio::test]
async fn instances_beyond_what_google_expanded_come_with_the_daily_full_run() {
    let test = GcalTestApp::with(502, 20).await;
    test.google.with(|calendar| calendar.expand("standup", 730));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    let instances = "select count(*) from calendar_events where recurring_event_id = 'standup'";
    assert_eq!(test.app.db.scalar::<i64>(instances).await, 730);

    test.app.clock.advance(Duration::from_secs(30 * 86_400));
    test.google.with(|calendar| calendar.expand("standup", 730));
    increment(&test).await;
    assert_eq!(test.app.db.scalar::<i64>(instances).await, 730, "no increment tells");
    daily(&test).await;
    assert_eq!(test.app.db.scalar::<i64>(instances).await, 760);
    test.assert_true().await;
}
