//! Sources that a deployment does not pull, or pulls no more.

use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::fetch::windows::left_without_windows;
use crate::stripe_account::account;

#[tokio::test]
async fn what_is_owed_of_a_source_that_is_configured_no_more_fills_no_dead_letter_queue_and_waits()
{
    let app = TestApp::with_settings(account(902, 10), &[("STRIPE_API_KEY", "")]).await;
    assert!(app.fetch.vendors.is_empty());
    left_without_windows(&app, "full", false).await;
    let mut failed = 0;
    for _ in 0..5 {
        app.clock.advance(Duration::from_secs(240));
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        let record = |(i, body): (usize, String)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {}});
        let event = json!({"Records": app.requests.take().into_iter().enumerate().map(record).collect::<Vec<_>>()});
        let reply =
            app.fetch.handle(event, app.clock.now() + Duration::from_secs(900)).await.unwrap();
        failed += reply["batchItemFailures"].as_array().unwrap().len();
    }
    let told: String =
        app.db.scalar("select r.status || ': ' || s.halted from sync_runs r, sync_state s").await;
    assert_eq!(told, "failed: the source is not configured in this deployment");
    assert_eq!(
        failed, 0,
        "each is tried again by SQS and ends as a dead letter, every 4 minutes for ever"
    );
}

#[test]
fn a_deployment_without_any_source_takes_no_wish_for_a_run() {
    // infra/template.yaml joins the names of those that are configured: here, of none.
    let env: penstock_domain::config::Env = [("SOURCES", "")].into_iter().collect();
    let names: Vec<&str> =
        ::admin::AdminConfig::from_env(&env).unwrap().sources.iter().map(|s| s.name()).collect();
    assert!(names.is_empty(), "{names:?}");
}
