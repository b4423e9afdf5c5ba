//! Stripe's webhooks: raw bytes, event ids as version keys, a row before the reply (traps 27, 28,
//! 30).

mod events;
mod kills;
pub mod secrets;
mod spill;
mod trust;
mod whose;

use std::time::Duration;

use penstock_domain::ticket::Ticket;
use penstock_testkit::MemoryQueue;
use penstock_tests::simulators::stripe::sign;
use penstock_tests::test_app::{TestApp, WEBHOOK_SECRET};
use serde_json::{Value, json};

use crate::stripe_account::{NOW, account};

/// Returns the gateway's event for a body, signed or not.
pub fn posted(body: &str, headers: &Value) -> Value {
    let mut all = json!({"content-type": "application/json; charset=utf-8", "host": "api.example"});
    all.as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
    json!({
        "version": "2.0", "rawPath": "/webhooks/stripe", "rawQueryString": "", "headers": all, "body": body,
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"}, "isBase64Encoded": false,
    })
}

/// Returns the same, signed with the app's secret at the app's time.
pub fn signed(app: &TestApp, body: &str) -> Value {
    posted(
        body,
        &json!({"Stripe-Signature": sign(&[WEBHOOK_SECRET], app.stripe.now(), body.as_bytes())}),
    )
}

/// Status and body of the reply.
pub async fn send(app: &TestApp, event: Value) -> (u64, Value) {
    let reply = app.webhook.invoke(event, "invocation").await.unwrap();
    (
        reply["statusCode"].as_u64().unwrap(),
        serde_json::from_str(reply["body"].as_str().unwrap()).unwrap(),
    )
}

/// Posts a signed body, and returns what became of it.
pub async fn post(app: &TestApp, body: &str) -> String {
    let (status, reply) = send(app, signed(app, body)).await;
    assert_eq!((status, &reply["received"]), (200, &json!(true)), "{reply}");
    reply["outcome"].as_str().unwrap().to_owned()
}

pub fn charge_event(id: &str, charge: &str, created: i64) -> String {
    format!(
        "{{\n  \"id\": \"{id}\", \"object\": \"event\", \"api_version\": \"2026-10-28.endive\", \"created\": {created}, \
         \"type\": \"charge.updated\",\n  \"data\": {{\"object\": {{\"id\": \"{charge}\", \"object\": \"charge\", \
         \"amount\": 700, \"amount_captured\": 700, \"captured\": true, \"created\": {created}, \"currency\": \"usd\", \
         \"description\": \"\u{fc}\", \"status\": \"succeeded\"}}}}\n}}"
    )
}

async fn rows(app: &TestApp) -> i64 {
    app.db.scalar("select count(*) from outbox").await
}

#[tokio::test]
async fn trap_27_the_signature_is_over_the_raw_bytes_encoded_or_not_and_its_header_comes_in_any_case()
 {
    let app = TestApp::over(account(200, 1)).await;
    let raw = charge_event("evt_1", "ch_1", NOW);
    let header = sign(&[WEBHOOK_SECRET], app.stripe.now(), raw.as_bytes());
    for (name, encoded) in
        [("Stripe-Signature", false), ("stripe-signature", true), ("STRIPE-SIGNATURE", true)]
    {
        let mut event = posted(&raw, &json!({name: header.as_str()}));
        if encoded {
            event["body"] = json!(base64(raw.as_bytes()));
            event["isBase64Encoded"] = json!(true);
        }
        assert_eq!(send(&app, event).await.0, 200, "{name}");
    }
    let kept: Vec<u8> = app.db.scalar("select payload from outbox").await;
    assert_eq!(kept, raw.as_bytes(), "byte for byte, once");
    // The same JSON in another spelling is not the signed text.
    let minified = serde_json::from_str::<Value>(&raw).unwrap().to_string();
    let (status, problem) =
        send(&app, posted(&minified, &json!({"Stripe-Signature": header}))).await;
    assert_eq!((status, &problem["type"]), (400, &json!("urn:penstock:problem:bad-signature")));
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn what_is_not_signed_well_is_a_400_that_says_why_and_leaves_no_row() {
    let app = TestApp::over(account(201, 1)).await;
    let body = charge_event("evt_1", "ch_1", NOW);
    let now = app.stripe.now();
    let good = |at| sign(&[WEBHOOK_SECRET], at, body.as_bytes());
    for (header, why) in [
        (json!({}), "Stripe-Signature is missing."),
        (json!({"Stripe-Signature": ""}), "Not verified: the signature header names no time."),
        (
            json!({"Stripe-Signature": format!("t={now},v0=ab")}),
            "Not verified: the signature header has no signature of scheme v1.",
        ),
        (
            json!({"Stripe-Signature": sign(&["whsec_other"], now, body.as_bytes())}),
            "Not verified: no signature matches the body.",
        ),
        (
            json!({"Stripe-Signature": good(now - 301)}),
            "Not verified: the signature is more than 300 seconds old.",
        ),
    ] {
        let reply = app.webhook.invoke(posted(&body, &header), "invocation").await.unwrap();
        let problem: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!((reply["statusCode"].as_u64().unwrap(), &problem["detail"]), (400, &json!(why)));
        assert_eq!(reply["headers"]["content-type"], "application/problem+json");
        assert_eq!(
            (&reply["headers"]["x-request-id"], &problem["requestId"]),
            (&json!("invocation"), &json!("invocation"))
        );
    }
    assert_eq!(rows(&app).await, 0);
    for at in [now - 300, now + 86_400] {
        assert_eq!(send(&app, posted(&body, &json!({"Stripe-Signature": good(at)}))).await.0, 200);
    }
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_a_413_and_other_methods_and_paths_are_told_apart() {
    let app = TestApp::over(account(202, 1)).await;
    let full = "x".repeat(webhook::BODY_LIMIT);
    assert_eq!(post(&app, &full).await, "stored");
    assert_eq!(send(&app, signed(&app, &format!("{full}x"))).await.0, 413);
    for (place, value, status) in
        [("/requestContext/http/method", "GET", 405), ("/rawPath", "/webhooks/nobody", 404)]
    {
        let mut event = signed(&app, "{}");
        *event.pointer_mut(place).unwrap() = json!(value);
        let (got, problem) = send(&app, event).await;
        assert_eq!((got, &problem["status"]), (status, &json!(status)), "{problem}");
    }
    assert_eq!(rows(&app).await, 1);
}

#[tokio::test]
async fn trap_28_the_version_key_is_the_events_own_id_and_without_one_the_hash_of_the_body() {
    let app = TestApp::over(account(203, 1)).await;
    let body = charge_event("evt_1", "ch_1", NOW);
    assert_eq!(post(&app, &body).await, "stored");
    // Replayed with other headers and another signature, it is the same event.
    app.clock.advance(Duration::from_secs(40));
    let mut again = signed(&app, &body);
    again["headers"]["stripe-event-id"] = json!("evt_other");
    again["headers"]["idempotency-key"] = json!("other");
    let (status, reply) = send(&app, again).await;
    assert_eq!((status, &reply["outcome"]), (200, &json!("known")));
    let key: String = app
        .db
        .scalar("select entity || ' ' || external_id || ' ' || version_key from outbox")
        .await;
    assert_eq!(key, "charge ch_1 evt_1");

    for odd in [
        "",
        "not json",
        "\u{0}",
        "[1]",
        "{\"object\":\"event\"}",
        "{\"id\":\"\",\"object\":\"event\"}",
    ] {
        assert_eq!(post(&app, odd).await, "stored", "{odd:?}");
        assert_eq!(post(&app, odd).await, "known", "{odd:?}");
    }
    assert_eq!(rows(&app).await, 7);
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let kept: i64 = app.db.scalar("select count(*) from outbox where entity = 'unknown' and external_id = version_key and external_id = 'sha256:' || encode(sha256(payload), 'hex')").await;
    assert_eq!(kept, 6);
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from payments").await,
        1,
        "the good one is done all the same"
    );
}

#[tokio::test]
async fn trap_30_the_row_is_committed_and_its_ticket_sent_before_the_reply_and_nothing_is_left_to_do_after_it()
 {
    let app = TestApp::over(account(204, 1)).await;
    assert_eq!(post(&app, &charge_event("evt_1", "ch_1", NOW)).await, "stored");
    // The process is frozen or gone from here on; the rest is in Postgres and the queues.
    let row: uuid::Uuid = app.db.scalar("select id from outbox where status = 'pending'").await;
    let tickets = app.tickets.take();
    assert_eq!(Ticket::parse(&tickets[0]).unwrap().ids[0].0, row);
    assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
    let paid: String = app
        .db
        .scalar("select kind || ' ' || external_id || ' ' || amount || ' ' || status from payments")
        .await;
    assert_eq!(paid, "charge ch_1 700 collected");
}

#[tokio::test]
async fn a_ticket_that_is_lost_changes_no_reply_and_relay_sends_another() {
    let app = TestApp::over(account(205, 1)).await;
    app.tickets.refuse(true);
    assert_eq!(post(&app, &charge_event("evt_1", "ch_1", NOW)).await, "stored");
    app.tickets.refuse(false);
    app.clock.advance(Duration::from_secs(400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed, 1);
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 1);
}

/// The three queues that `webhook` sends to.
pub fn queues(app: &TestApp) -> [&MemoryQueue; 3] {
    [&app.tickets, &app.requests, &app.spill]
}
