//! Clients of the services that Penstock replaces go on working: a test for each row of
//! docs/OLDER-CLIENTS.md.

use penstock_testkit::TestDatabase;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::ingest::spill::cut_off;
use crate::ingest::{Answer, answer, pointers, post, request};
use crate::metrics::{READ_KEY, Reply, add_key, config, event, ports, send};
use crate::stripe_account::account;

async fn test_app(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app
}

async fn get(database: &TestDatabase, path: &str) -> Reply {
    let ports = ports(database.database_of("metrics", 1), config());
    send(&ports, &event("GET", path, &[("x-api-key", READ_KEY)])).await
}

/// Posts an event, and returns the reply with the id that was made for it.
async fn typed(app: &TestApp, body: &Value) -> (Answer, String) {
    let reply = post(&app.ingest, "/events", &[], body.to_string().as_bytes()).await;
    let id = reply.body["eventId"].as_str().unwrap_or_default().to_owned();
    (reply, id)
}

#[tokio::test]
async fn an_event_by_type_is_201_with_success_event_id_and_message_whatever_the_objects_hold() {
    let app = test_app(400).await;
    let odd = json!({"userId": 42, "sessionId": {"a": 1}, "occurredAt": "yesterday", "": [null], "nested": {"x": {}}});
    let (reply, id) = typed(
        &app,
        &json!({"eventType": "signup", "payload": odd, "metadata": odd, "extra": true, "type": 7}),
    )
    .await;
    assert_eq!((reply.status, id.len()), (201, 36), "{}", reply.body);
    assert_eq!(
        reply.body,
        json!({
            "success": true, "eventId": id, "message": "1 taken", "count": 1, "eventIds": [id],
            "results": [{"index": 0, "status": "accepted", "eventId": id}],
        })
    );
    let (again, _) = typed(&app, &json!({"eventType": "a", "payload": {}, "eventId": 7})).await;
    assert_eq!((again.status, &again.body["eventId"]), (201, &json!("7")));
    let (same, _) = typed(&app, &json!({"eventType": "a", "payload": {}, "eventId": 7})).await;
    assert_eq!((same.status, &same.body["results"][0]["status"]), (201, &json!("duplicate")));
    let (other, _) = typed(&app, &json!({"eventType": "b", "payload": {}, "eventId": 7})).await;
    assert_eq!((other.status, &other.body["success"]), (202, &json!(false)), "nothing was created");
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let kept = "select string_agg(concat_ws(' ', type, user_id, session_id, clock_skew), '|' order by type) from events";
    assert_eq!(app.db.scalar::<String>(kept).await, "a|signup 42");
    // The other shape, and an array, are Penstock's own: 202.
    let user = json!({"userId": "u", "sessionId": "s", "type": "t"});
    for body in [user.clone(), json!([{"eventType": "a", "payload": {}}]), json!([user])] {
        let reply = post(&app.ingest, "/events", &[], body.to_string().as_bytes()).await;
        assert_eq!(reply.status, 202, "{body}");
    }
}

#[tokio::test]
async fn an_event_by_type_is_201_while_postgres_is_away_too_so_that_nobody_sends_it_again() {
    let app = cut_off(401).await;
    let (reply, id) = typed(&app, &json!({"eventType": "signup", "payload": {}})).await;
    assert_eq!((reply.status, id.len(), app.spill.take().len()), (201, 36, 1));
}

#[tokio::test]
async fn an_event_by_type_without_a_payload_or_with_metadata_that_is_no_object_is_a_400() {
    let app = test_app(402).await;
    for (body, wrong) in [
        (json!({"eventType": "a"}), "#/payload"),
        (json!({"eventType": "a", "payload": null}), "#/payload"),
        (json!({"eventType": "", "payload": {}}), "#/eventType"),
        (json!({"eventType": "a", "payload": {}, "metadata": "x"}), "#/metadata"),
    ] {
        let (reply, _) = typed(&app, &body).await;
        assert_eq!((reply.status, pointers(&reply)), (400, vec![wrong]), "{body}");
    }
}

#[tokio::test]
async fn a_journey_has_its_count_and_each_event_its_user_and_its_bounds_may_be_dates() {
    let app = test_app(403).await;
    add_key(&app.db.client().await, READ_KEY, penstock_store::api_keys::Scope::Read).await;
    for (id, at) in [
        ("a", "2026-03-01T00:00:00Z"),
        ("b", "2026-03-01T23:59:59Z"),
        ("c", "2026-03-02T00:00:00Z"),
    ] {
        let event =
            json!({"userId": "u", "sessionId": "s", "type": "t", "eventId": id, "occurredAt": at});
        post(&app.ingest, "/events", &[], event.to_string().as_bytes()).await;
    }
    app.drain().await;
    let journey = get(&app.db, "/users/u/journey?from=2026-03-01&to=2026-03-02").await;
    assert_eq!((&journey.body["userId"], &journey.body["count"]), (&json!("u"), &json!(2)));
    let events = journey.body["events"].as_array().unwrap();
    let told: Vec<_> = events.iter().map(|event| (&event["eventId"], &event["userId"])).collect();
    assert_eq!(told, [(&json!("b"), &json!("u")), (&json!("a"), &json!("u"))]);
    assert_eq!(journey.body["from"], "2026-03-01T00:00:00Z");
    for bad in ["2026-02-30", "01/03/2026", "2026-03"] {
        let refused = get(&app.db, &format!("/users/u/journey?from={bad}")).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (400, &json!("#/query/from")),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn health_says_what_monitors_of_the_older_service_read_with_the_database_and_without() {
    let app = test_app(404).await;
    for n in 0..3 {
        post(&app.ingest, "/leads", &[], format!("lead {n}").as_bytes()).await;
    }
    let health = get(&app.db, "/health").await;
    let resident = health.body["memory"]["rss"].as_u64().unwrap();
    assert!((1 << 20..1 << 40).contains(&resident), "{resident} bytes");
    assert_eq!(
        (health.status, health.body),
        (
            200,
            json!({
                "ok": true, "status": "ok", "timestamp": "2026-03-15T12:00:00Z", "uptime": 42.0, "uptimeS": 42,
                "memory": {"rss": resident}, "database": "connected", "bufferSize": 3,
            })
        )
    );
    let away = ports(app.nowhere(), config());
    let health = send(&away, &event("GET", "/health", &[])).await;
    let told = ["ok", "status", "database", "bufferSize"].map(|name| &health.body[name]);
    assert_eq!(health.status, 200);
    assert_eq!(told, [&json!(true), &json!("degraded"), &json!("disconnected"), &Value::Null]);
}

#[tokio::test]
async fn another_body_under_a_used_key_at_api_lead_is_409_with_the_first_lead_and_is_kept() {
    let app = test_app(405).await;
    let key = [("Idempotency-Key", "form-7")];
    let first = post(&app.ingest, "/api/lead", &key, b"{\"email\":\"a@example.com\"}").await;
    assert_eq!(first.status, 201);
    for body in ["{\"email\":\"b@example.com\"}", "{\"email\":\"b@example.com\"}", "unreadable"] {
        let other = post(&app.ingest, "/api/lead", &key, body.as_bytes()).await;
        let told = ["ok", "lead_id", "deduplicated"].map(|name| &other.body[name]);
        assert_eq!(other.status, 409, "{}", other.body);
        assert_eq!(told, [&json!(true), &json!(first.lead_id()), &json!(true)]);
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let kept = "select string_agg(state || ' ' || convert_from(body, 'utf8'), '|' order by state, body) from leads";
    assert_eq!(
        app.db.scalar::<String>(kept).await,
        "accepted {\"email\":\"a@example.com\"}|conflicting unreadable|conflicting {\"email\":\"b@example.com\"}"
    );
}

#[tokio::test]
async fn each_route_that_takes_leads_or_events_may_be_set_to_ask_for_no_key() {
    let mut app = test_app(406).await;
    let event = json!({"eventType": "a", "payload": {}, "eventId": "e1"}).to_string();
    let routes = [("/api/lead", "{}"), ("/leads", "x"), ("/events", event.as_str())];
    for (open, _) in routes {
        app.ingest.config.keyless = vec![open];
        for (path, body) in routes {
            let reply = answer(&app.ingest, request(path, &[], body.as_bytes())).await;
            assert_eq!(
                reply.status,
                if path == open { 201 } else { 401 },
                "{path} while {open} is open"
            );
            let wrong = request(path, &[("X-Api-Key", "guess")], body.as_bytes());
            assert_eq!(
                answer(&app.ingest, wrong).await.status,
                401,
                "a key that is sent must be good"
            );
        }
    }
    // The ids of senders without a key are not those of any key.
    assert_eq!(
        post(&app.ingest, "/events", &[], event.as_bytes()).await.body["results"][0]["status"],
        "accepted"
    );
    app.drain().await;
    let senders =
        "select string_agg(sender, '|' order by sender) from events where event_id = 'e1'";
    assert_eq!(app.db.scalar::<String>(senders).await, "senders without a key|test app");
}

#[test]
fn the_routes_without_a_key_are_set_by_a_variable_each() {
    let keyless = |env: &[(&str, &str)]| {
        ingest::IngestConfig::from_env(&env.iter().copied().collect()).map(|config| config.keyless)
    };
    assert_eq!(keyless(&[]).unwrap(), Vec::<&str>::new());
    let all = [("LEGACY_LEAD_KEY", "off"), ("LEADS_KEY", "off"), ("EVENTS_KEY", "off")];
    assert_eq!(keyless(&all).unwrap(), ["/api/lead", "/leads", "/events"]);
    assert_eq!(keyless(&[("EVENTS_KEY", "off"), ("LEADS_KEY", "required")]).unwrap(), ["/events"]);
    assert!(keyless(&[("LEADS_KEY", "no")]).unwrap_err().to_string().contains("LEADS_KEY"));
}
