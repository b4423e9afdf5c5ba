//! What no increment shows, and the daily full run finds.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::template::Template;

use crate::gcal::test_app::GcalTestApp;

/// Serves the request of the rule that reads the whole calendar.
async fn daily(test: &GcalTestApp) {
    let template = Template::read();
    let fetch = template.resource("FetchFunction");
    let rules = fetch["Events"].as_object().unwrap();
    let inputs = rules.values().filter_map(|rule| rule["Properties"]["Input"].as_str());
    let mut requests = inputs.map(|text| serde_json::from_str::<FetchRequest>(text).unwrap());
    let request = requests
        .find(|request| request.source == "gcal" && request.mode == Mode::Full)
        .expect("no rule reads the whole calendar");
    test.serve(&request, Duration::from_secs(3_600)).await.unwrap();
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
