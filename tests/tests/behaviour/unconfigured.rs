//! Sources that a deployment does not pull, or pulls no more.

use std::sync::Arc;
use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_tests::plant::Plant;
use serde_json::json;

use crate::books::{NOW, world};
use crate::webhook::{charge_event, send, signed};
use crate::windows::left_without_windows;

#[tokio::test]
async fn what_is_owed_of_a_source_that_is_configured_no_more_fills_no_dead_letter_queue_and_waits()
{
    let plant = Plant::with_settings(world(902, 10), &[("STRIPE_API_KEY", "")]).await;
    assert!(plant.fetch.vendors.is_empty());
    left_without_windows(&plant, "full", false).await;
    let mut failed = 0;
    for _ in 0..5 {
        plant.clock.advance(Duration::from_secs(240));
        plant.relay.run_once(plant.relay_deadline()).await.unwrap();
        let record = |(i, body): (usize, String)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {}});
        let event = json!({"Records": plant.requests.take().into_iter().enumerate().map(record).collect::<Vec<_>>()});
        let reply =
            plant.fetch.handle(event, plant.clock.now() + Duration::from_secs(900)).await.unwrap();
        failed += reply["batchItemFailures"].as_array().unwrap().len();
    }
    let told: String =
        plant.db.scalar("select r.status || ': ' || s.halted from sync_runs r, sync_state s").await;
    assert_eq!(told, "failed: the source is not configured in this deployment");
    assert_eq!(
        failed, 0,
        "each is tried again by SQS and ends as a dead letter, every 4 minutes for ever"
    );
}

#[tokio::test]
async fn without_its_secret_a_webhook_is_no_route_and_what_was_spilled_before_is_stored_all_the_same()
 {
    let mut plant = Plant::over(world(903, 1)).await;
    let gone = plant.nowhere();
    let there = std::mem::replace(&mut plant.webhook.database, gone);
    let event = signed(&plant, &charge_event("evt_1", "ch_1", NOW));
    assert_eq!(send(&plant, event.clone()).await.0, 202);
    plant.webhook.database = there;
    plant.webhook.endpoints =
        ::webhook::endpoints(&std::iter::empty::<(String, String)>().collect(), &Arc::default());
    for source in ["stripe", "hubspot", "gcal"] {
        let mut event = event.clone();
        event["rawPath"] = json!(format!("/webhooks/{source}"));
        let (status, problem) = send(&plant, event).await;
        assert_eq!((status, &problem["detail"]), (404, &json!("There is no such route.")));
    }
    assert_eq!(plant.bring_in(&plant.spill.take()).await, 0);
    assert_eq!(plant.db.scalar::<i64>("select count(*) from outbox").await, 1);
}

#[test]
fn a_deployment_without_any_source_takes_no_wish_for_a_run() {
    // infra/template.yaml joins the names of those that are configured: here, of none.
    let env: penstock_domain::config::Env = [("SOURCES", "")].into_iter().collect();
    let names: Vec<&str> =
        ::admin::AdminConfig::from_env(&env).unwrap().sources.iter().map(|s| s.name()).collect();
    assert!(names.is_empty(), "{names:?}");
}
