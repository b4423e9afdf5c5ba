//! Sources that a deployment does not pull, or no longer pulls.

use std::sync::Arc;
use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::fetch::windows::left_without_windows;
use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, send, signed};

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
    let told =
        "select r.status || ': ' || s.halted from sync_runs r, sync_state s where s.mode = 'full'";
    let told: String = app.db.scalar(told).await;
    assert_eq!(told, "failed: the source is not configured in this deployment");
    assert_eq!(
        failed, 0,
        "each is tried again by SQS and ends as a dead letter, every 4 minutes for ever"
    );
}

#[tokio::test]
async fn without_its_secret_a_webhook_is_no_route_and_what_was_spilled_before_is_stored_all_the_same()
 {
    let mut app = TestApp::over(account(903, 1)).await;
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.webhook.database, gone);
    let event = signed(&app, &charge_event("evt_1", "ch_1", NOW));
    assert_eq!(send(&app, event.clone()).await.0, 202);
    app.webhook.database = there;
    app.webhook.endpoints =
        ::webhook::endpoints(&std::iter::empty::<(String, String)>().collect(), &Arc::default());
    for source in ["stripe", "hubspot", "gcal"] {
        let mut event = event.clone();
        event["rawPath"] = json!(format!("/webhooks/{source}"));
        let (status, problem) = send(&app, event).await;
        assert_eq!((status, &problem["detail"]), (404, &json!("There is no such route.")));
    }
    assert_eq!(app.bring_in(&app.spill.take()).await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 1);
}

#[test]
fn a_deployment_without_any_source_takes_no_wish_for_a_run() {
    // infra/template.yaml joins the names of the configured sources: here there is none.
    let env: penstock_domain::config::Env = [("SOURCES", "")].into_iter().collect();
    let names: Vec<&str> =
        ::admin::AdminConfig::from_env(&env).unwrap().sources.iter().map(|s| s.name()).collect();
    assert!(names.is_empty(), "{names:?}");
}
