use std::time::Duration;

use penstock_tests::simulators::stripe::sign;
use penstock_tests::test_app::{TestApp, WEBHOOK_SECRET};
use serde_json::{Value, json};

use super::{SECRET_OF_EU, connect_eu};
use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, posted, send};

/// A charge's event, signed with `secret` and sent to `path`.
fn event(app: &TestApp, id: &str, secret: &str, path: &str) -> Value {
    let body = charge_event(id, "ch_1", NOW);
    let signature = sign(&[secret], app.stripe.now(), body.as_bytes());
    let mut event = posted(&body, &json!({"Stripe-Signature": signature}));
    event["rawPath"] = json!(path);
    event
}

async fn status(app: &TestApp, secret: &str, path: &str) -> u64 {
    send(app, event(app, "evt_1", secret, path)).await.0
}

#[tokio::test]
async fn each_connection_has_its_own_path_and_its_own_secret() {
    let app = TestApp::over(account(1311, 1)).await;
    connect_eu(&app, 1312, 1).await;
    app.connect("portal-2", "hubspot", &[("webhook_secret", SECRET_OF_EU)]).await;
    for (path, secret, expected) in [
        ("/webhooks/stripe", WEBHOOK_SECRET, 200),
        ("/webhooks/stripe/stripe", WEBHOOK_SECRET, 200),
        ("/webhooks/stripe/stripe-eu", SECRET_OF_EU, 200),
        ("/webhooks/stripe/stripe-eu", WEBHOOK_SECRET, 400),
        ("/webhooks/stripe", SECRET_OF_EU, 400),
        ("/webhooks/stripe/nobody", SECRET_OF_EU, 404),
        ("/webhooks/stripe/portal-2", SECRET_OF_EU, 404),
        ("/webhooks/hubspot/stripe-eu", SECRET_OF_EU, 404),
        ("/webhooks/nobody/stripe-eu", SECRET_OF_EU, 404),
    ] {
        assert_eq!(status(&app, secret, path).await, expected, "{path}");
    }
    // The same event of the same object, in two connections.
    app.drain().await;
    let rows =
        "select string_agg(source || ' ' || external_id, ', ' order by source) from payments";
    assert_eq!(app.db.scalar::<String>(rows).await, "stripe ch_1, stripe-eu ch_1");
}

#[tokio::test]
async fn a_paused_connection_takes_what_is_pushed_and_a_removed_one_is_no_route_a_minute_later() {
    let app = TestApp::over(account(1313, 1)).await;
    connect_eu(&app, 1314, 1).await;
    let path = "/webhooks/stripe/stripe-eu";
    app.set_state("stripe-eu", "paused").await;
    assert_eq!(status(&app, SECRET_OF_EU, path).await, 200);
    app.set_state("stripe-eu", "removed").await;
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&app, SECRET_OF_EU, path).await, 404);
    app.set_state("stripe-eu", "active").await;
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&app, SECRET_OF_EU, path).await, 200);
}

#[tokio::test]
async fn while_postgres_is_away_a_connection_that_was_pushed_to_before_goes_on_by_the_queue() {
    let mut app = TestApp::over(account(1315, 1)).await;
    connect_eu(&app, 1316, 1).await;
    let path = "/webhooks/stripe/stripe-eu";
    assert_eq!(status(&app, SECRET_OF_EU, path).await, 200);
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.webhook.database, gone);
    app.clock.advance(Duration::from_secs(300));
    let (code, reply) = send(&app, event(&app, "evt_2", SECRET_OF_EU, path)).await;
    assert_eq!((code, &reply["outcome"]), (202, &json!("spilled")));
    // Its name is not known here, and no secret of it either: the vendor sends it again.
    let unknown = event(&app, "evt_3", SECRET_OF_EU, "/webhooks/stripe/stripe-us");
    assert_eq!(send(&app, unknown).await.0, 503);
    app.webhook.database = there;
    app.set_state("stripe-eu", "removed").await;
    assert_eq!(app.bring_in(&app.spill.take()).await, 0, "it was taken before");
    let rows =
        "select string_agg(source || ' ' || version_key, ', ' order by version_key) from outbox";
    assert_eq!(app.db.scalar::<String>(rows).await, "stripe-eu evt_1, stripe-eu evt_2");
}

#[tokio::test]
async fn names_that_nobody_has_cost_an_environment_ten_questions_a_second_at_most() {
    let app = TestApp::over(account(1317, 1)).await;
    let mut codes = Vec::new();
    for stranger in 0..30 {
        let path = format!("/webhooks/stripe/stranger-{stranger}");
        codes.push(status(&app, SECRET_OF_EU, &path).await);
    }
    assert_eq!(codes, [[404; 10].as_slice(), &[503; 20]].concat());
    assert_eq!(status(&app, SECRET_OF_EU, "/webhooks/stripe/stranger-1").await, 404);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&app, SECRET_OF_EU, "/webhooks/stripe/stranger-29").await, 404);
}
