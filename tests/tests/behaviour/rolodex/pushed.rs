//! A vendor's webhook is a file of its folder, and a secret that the deployment names.

use hmac::{Hmac, KeyInit as _, Mac as _};
use penstock_domain::clock::Clock as _;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::rolodex::runs::{people, test_app};
use crate::rolodex::{WEBHOOK_SECRET, sign_with};
use crate::webhook::send;

fn signed(body: &str, secret: &str) -> Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    json!({
        "version": "2.0", "rawPath": "/webhooks/rolodex", "rawQueryString": "", "body": body,
        "headers": {"x-rolodex-signature": signature},
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"}, "isBase64Encoded": false,
    })
}

fn card(app: &TestApp, id: &str, text: &str, version: u64) -> String {
    json!({"id": id, "text": text, "updated": app.clock.now(), "version": version}).to_string()
}

async fn rows(app: &TestApp) -> i64 {
    app.db.scalar("select count(*) from outbox").await
}

#[tokio::test]
async fn a_card_that_is_pushed_is_stored_once_and_processed() {
    let (app, _server) = test_app(91, 0).await;
    let body = card(&app, "p001", "new@example.org", 1);
    for outcome in ["stored", "known"] {
        let reply = send(&app, signed(&body, WEBHOOK_SECRET)).await;
        assert_eq!(reply, (200, json!({"received": true, "outcome": outcome})));
    }
    app.drain().await;
    assert_eq!(people(&app).await, ["p001 new@example.org"]);
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn a_card_that_is_not_signed_with_the_secret_is_a_400_and_leaves_no_row() {
    let (app, _server) = test_app(92, 0).await;
    let body = card(&app, "p001", "new@example.org", 1);
    let mut without = signed(&body, WEBHOOK_SECRET);
    without["headers"] = json!({});
    let mut changed = signed(&body, WEBHOOK_SECRET);
    changed["body"] = json!(body.replace("new", "old"));
    for (event, why) in [
        (signed(&body, "another secret"), "Not verified: no signature matches the body."),
        (changed, "Not verified: no signature matches the body."),
        (without, "X-Rolodex-Signature is missing."),
    ] {
        let (status, problem) = send(&app, event).await;
        assert_eq!((status, &problem["detail"]), (400, &json!(why)));
    }
    assert_eq!(rows(&app).await, 0);
}

#[tokio::test]
async fn while_one_secret_replaces_another_both_sign() {
    let (mut app, _server) = test_app(93, 0).await;
    let pushed = |version| card(&app, "p001", "new@example.org", version);
    let bodies = [1, 2, 3, 4].map(pushed);
    sign_with(&mut app, Some(r#"{"signingSecrets":["new","old"]}"#));
    assert_eq!(send(&app, signed(&bodies[0], "old")).await.0, 200);
    assert_eq!(send(&app, signed(&bodies[1], "new")).await.0, 200);
    sign_with(&mut app, Some("new"));
    assert_eq!(send(&app, signed(&bodies[2], "old")).await.0, 400);
    assert_eq!(send(&app, signed(&bodies[3], "new")).await.0, 200);
    assert_eq!(rows(&app).await, 3);
}

#[tokio::test]
async fn a_card_that_comes_while_postgres_is_away_is_stored_when_it_is_back() {
    let (mut app, _server) = test_app(94, 0).await;
    let body = card(&app, "p001", "new@example.org", 1);
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.webhook.database, gone);
    let reply = send(&app, signed(&body, WEBHOOK_SECRET)).await;
    assert_eq!(reply, (202, json!({"received": true, "outcome": "spilled"})));
    app.webhook.database = there;
    // Not even a secret that is taken away meanwhile keeps it out: it was verified before.
    sign_with(&mut app, None);
    assert_eq!(send(&app, signed(&body, WEBHOOK_SECRET)).await.0, 404);
    let spilled = app.spill.take();
    for _ in 0..2 {
        assert_eq!(app.bring_in(&spilled).await, 0);
    }
    assert_eq!(rows(&app).await, 1);
    app.drain().await;
    assert_eq!(people(&app).await, ["p001 new@example.org"]);
    app.db.assert_nothing_waits().await;
}
