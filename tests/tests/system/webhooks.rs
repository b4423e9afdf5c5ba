//! A signed event in at the gateway, revenue out of it.

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::signature::seal::Purpose;
use penstock_tests::simulators::stripe::sign;
use penstock_tests::stack::WEBHOOK_SECRET;
use serde_json::json;

use crate::deployed_app::{DeployedApp, charge};

#[tokio::test]
async fn an_event_posted_at_the_gateway_is_a_payment_and_revenue_within_seconds() {
    let app = DeployedApp::new("sys-webhook", &[]).await;
    let gateway = app.stack.gateway().unwrap();
    let key = app.stack.key("read", "the system test").await.unwrap();
    let created = 1_790_000_000;
    let body = format!(
        "{{\n  \"id\": \"evt_1\", \"object\": \"event\", \"created\": {created},\n  \"data\": {{\"object\": {}}}\n}}",
        charge(0, "usd")
    );
    let header = sign(&[WEBHOOK_SECRET], SystemClock.now().as_second(), body.as_bytes());
    // As text, in which the gateway passes JSON on, and as base64, in which it passes unknown types
    // on.
    for (media_type, outcome) in
        [("application/json; charset=utf-8", "stored"), ("application/octet-stream", "known")]
    {
        let headers = [("Stripe-Signature", header.as_str()), ("Content-Type", media_type)];
        let reply = gateway.post("/webhooks/stripe", &headers, body.clone()).await.unwrap();
        assert_eq!(
            (reply.status, reply.json().unwrap()),
            (200, json!({"received": true, "outcome": outcome}))
        );
    }
    app.drain().await;
    assert_eq!(app.outbox().await.processed, 1);
    let day = "startDate=2026-09-21&endDate=2026-09-21&currency=USD";
    let summary = gateway.get(&format!("/metrics/revenue/summary?{day}"), &key).await.unwrap();
    assert_eq!(summary["totalRevenueCents"], "1000", "{summary}");

    let forged = [(
        "Stripe-Signature",
        sign(&["whsec_guess"], SystemClock.now().as_second(), body.as_bytes()),
    )];
    let forged = forged.each_ref().map(|(name, value)| (*name, value.as_str()));
    let reply = gateway.post("/webhooks/stripe", &forged, body.clone()).await.unwrap();
    assert_eq!(reply.status, 400, "{}", reply.body);
}

#[tokio::test]
async fn a_spilled_request_comes_in_by_the_queue_and_is_processed_once() {
    let app = DeployedApp::new("sys-spill", &[]).await;
    let body = format!(
        r#"{{"id":"evt_1","object":"event","created":1790000000,"data":{{"object":{}}}}}"#,
        charge(0, "usd")
    );
    let now = SystemClock.now();
    let text = json!({
        "spill": 1, "source": "stripe", "receivedAt": now, "contentType": "application/json",
        "body": to_base64(body.as_bytes()),
    });
    let sealed = app.stack.seals().seal(Purpose::Webhook, &text.to_string(), now).await.unwrap();
    app.stack.spill().send(vec![sealed.clone(), sealed]).await.unwrap();
    app.until("a processed row", "select count(*) = 1 from outbox where status = 'processed'")
        .await;
    app.drain().await;
    assert_eq!(app.outbox().await.fetched, 1);
    let kept: Vec<u8> = app.sql.query_one("select payload from outbox", &[]).await.unwrap().get(0);
    assert_eq!(kept, body.as_bytes());
}

fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn a_lead_and_events_posted_at_the_gateway_are_in_their_tables_within_seconds() {
    let app = DeployedApp::new("sys-ingest", &[]).await;
    let gateway = app.stack.gateway().unwrap();
    let key = app.stack.key("ingest", "the system test").await.unwrap();
    let headers = [
        ("X-Api-Key", key.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "\"one\""),
    ];
    let lead = "{\"email\":\"ada@example.com\", \"note\":\"\u{fc}\"}";
    for (status, deduplicated) in [(201, false), (200, true)] {
        let reply = gateway.post("/leads", &headers, lead.to_owned()).await.unwrap();
        assert_eq!(
            (reply.status, &reply.json().unwrap()["deduplicated"]),
            (status, &json!(deduplicated))
        );
    }
    // The gateway of `make run` starts the functions itself, as they are deployed.
    let hosting = app.stack.hosting_gateway(0).await.unwrap();
    let reply = hosting.post("/leads", &headers, lead.to_owned()).await.unwrap();
    assert_eq!((reply.status, &reply.json().unwrap()["deduplicated"]), (200, &json!(true)));
    // With the key in the path it is the same sender, and the same lead.
    let path = format!("/leads/{key}");
    for at in [&gateway, &hosting] {
        let reply = at.post(&path, &headers[1..], lead.to_owned()).await.unwrap();
        assert_eq!((reply.status, &reply.json().unwrap()["deduplicated"]), (200, &json!(true)));
    }
    let ready = hosting.reply("/readyz", None).await.unwrap();
    assert_eq!((ready.status, &ready.json().unwrap()["checks"]["db"]["ok"]), (200, &json!(true)));

    let events = json!([
        {"userId": "u1", "sessionId": "s1", "type": "click", "eventId": "e1"},
        {"eventType": "signup", "payload": {"plan": "a"}, "metadata": {"userId": "u1"}, "eventId": "e2"},
    ]);
    let reply = gateway.post("/events", &headers, events.to_string()).await.unwrap();
    assert_eq!((reply.status, &reply.json().unwrap()["eventIds"]), (202, &json!(["e1", "e2"])));
    app.drain().await;
    let kept: Vec<u8> = app
        .sql
        .query_one("select body from leads where email = 'ada@example.com'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, lead.as_bytes());
    let ids: String = app
        .sql
        .query_one("select string_agg(event_id, ' ' order by event_id) from events", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(ids, "e1 e2");
    let stranger = [("X-Api-Key", "guess")];
    assert_eq!(gateway.post("/leads", &stranger, lead.to_owned()).await.unwrap().status, 401);
}
