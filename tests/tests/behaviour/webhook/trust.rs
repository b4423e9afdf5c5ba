//! Whose word a message of the queue `spill` is (trap 75): only what our own functions have sealed
//! is stored, and nothing else becomes a row or a letter with its body.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::seals::Seals;
use penstock_domain::clock::Clock as _;
use penstock_domain::signature::seal::Purpose;
use penstock_tests::test_app::{TestApp, batch, seals};
use serde_json::json;

use crate::stripe_account::{NOW, account};
use crate::webhook::{base64, charge_event, send, signed};

/// The form of a webhook before messages were sealed.
fn by_hand(body: &str, received_at: Timestamp) -> String {
    json!({
        "spill": 1, "source": "stripe", "receivedAt": received_at, "contentType": "application/json",
        "body": base64(body.as_bytes()),
    })
    .to_string()
}

#[tokio::test]
async fn trap_75_a_message_made_by_hand_is_no_money_and_no_letter() {
    let app = TestApp::over(account(238, 1)).await;
    let charge = charge_event("evt_forged", "ch_forged", NOW).replace("700", "99999999");
    let lead = json!({
        "intake": 1, "route": "leads", "atomic": false, "scope": "07".repeat(32), "verified": true,
        "idempotencyKey": null, "seed": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11",
        "receivedAt": app.clock.now(), "contentType": "text/plain", "body": base64(b"a lead"),
    });
    let messages = [by_hand(&charge, app.clock.now()), lead.to_string()];
    assert_eq!(app.bring_in(&messages).await, 2, "refused, and given back to SQS");
    assert_eq!(app.bury.handle(batch(&messages, 6)).await.failures(), 2, "left where they are");
    let rows = "select (select count(*) from outbox) + (select count(*) from dead_letters)";
    assert_eq!(app.db.scalar::<i64>(rows).await, 0, "nobody has believed them");
}

/// Rows and letters together.
const KEPT: &str = "select (select count(*) from outbox) + (select count(*) from dead_letters)";

fn with_secrets(webhook: &str, ingest: &str) -> Seals {
    let env = [("WEBHOOK_SPILL_SECRET", webhook), ("INGEST_SPILL_SECRET", ingest)];
    Seals::from_env(&env.into_iter().collect(), &Arc::new(Aws::default()))
}

#[tokio::test]
async fn trap_75_a_sender_can_seal_nothing_in_the_name_of_another() {
    let app = TestApp::over(account(239, 1)).await;
    let now = app.clock.now();
    let text = by_hand(&charge_event("evt_1", "ch_1", NOW), now);
    // `ingest` knows its own secret only. It cannot even claim to be `webhook`.
    let own = with_secrets("", "seals of ingest");
    assert!(own.seal(Purpose::Webhook, &text, now).await.is_err());
    let by_ingest = own.seal(Purpose::Ingest, &text, now).await.unwrap();
    let renamed = by_ingest.replacen(".ingest.", ".webhook.", 1);
    assert_eq!(app.bring_in(&[by_ingest, renamed]).await, 2);
    assert_eq!(app.db.scalar::<i64>(KEPT).await, 0);
    let by_webhook = seals().seal(Purpose::Webhook, &text, now).await.unwrap();
    assert_eq!(app.bring_in(&[by_webhook]).await, 0, "its own is believed");
    assert_eq!(app.db.scalar::<i64>(KEPT).await, 1);
}

#[tokio::test]
async fn a_message_that_is_sent_again_after_its_time_is_not_believed() {
    let app = TestApp::over(account(240, 1)).await;
    let now = app.clock.now();
    let text = by_hand(&charge_event("evt_1", "ch_1", NOW), now);
    let message = [seals().seal(Purpose::Webhook, &text, now).await.unwrap()];
    app.clock.advance(Duration::from_secs(15 * 86_400 + 1));
    assert_eq!(app.bring_in(&message).await, 1);
    assert_eq!(app.bury.handle(batch(&message, 6)).await.failures(), 1);
    assert_eq!(app.db.scalar::<i64>(KEPT).await, 0);
}

#[tokio::test]
async fn a_secret_that_was_replaced_by_mistake_costs_no_request() {
    let mut app = TestApp::over(account(241, 1)).await;
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.webhook.database, gone);
    assert_eq!(send(&app, signed(&app, &charge_event("evt_1", "ch_1", NOW))).await.0, 202);
    app.webhook.database = there;
    let spilled = app.spill.take();
    (app.webhook.seals, app.bury.seals) = (with_secrets("new", "x"), with_secrets("new", "x"));
    assert_eq!(app.bring_in(&spilled).await, 1);
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 1, "it waits");
    let both = r#"{"signingSecrets":["new","seals of webhook"]}"#;
    app.bury.seals = with_secrets(both, "x");
    assert_eq!(app.bury.handle(batch(&spilled, 7)).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 1);
}
