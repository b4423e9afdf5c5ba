//! `POST /webhooks/gcal`: which notifications are accepted, and what they cause.

use std::time::Duration;

use fetch::Outcome;
use http::StatusCode;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_edge::http::{Reply, Service as _};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_tests::elsewhere;
use penstock_tests::simulators::gcal::Fault;
use serde_json::{Value, json};

use crate::gcal::test_app::GcalTestApp;

/// Returns a request as the gateway sends it to the function.
pub async fn send(test: &GcalTestApp, method: &str, headers: &[(&str, String)]) -> Reply {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let event = json!({
        "version": "2.0",
        "routeKey": "POST /webhooks/gcal",
        "rawPath": "/webhooks/gcal",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": {"method": method, "path": "/webhooks/gcal", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"}, "stage": "$default", "requestId": "r"},
        "isBase64Encoded": false,
    });
    let request = serde_json::from_value(event).unwrap();
    test.app.webhook.handle(&request, "invocation").await
}

/// Returns the headers of a notification of the one open channel.
pub fn notification(test: &GcalTestApp, state: &str) -> Vec<(&'static str, String)> {
    test.google.channels()[0].notify(state)
}

async fn watched(seed: u64) -> GcalTestApp {
    let test = GcalTestApp::filled(seed, 60).await;
    test.fetch(Mode::Watch).await.unwrap();
    test
}

const OWED: &str =
    "select count(*) from sync_state where source = 'gcal' and requested_at is not null";

#[tokio::test]
async fn a_change_is_pushed_asked_for_and_read() {
    let test = watched(401).await;
    for state in ["sync", "exists", "not_exists"] {
        test.change(20);
        let reply = send(&test, "POST", &notification(&test, state)).await;
        assert_eq!(reply.status_code, StatusCode::OK, "{reply:?}");
        assert_eq!(
            test.app.db.scalar::<i64>(OWED).await,
            1,
            "it stands in Postgres before the reply"
        );
        test.app.drain().await;
        test.assert_true().await;
        assert_eq!(test.app.db.scalar::<i64>(OWED).await, 0);
    }
}

#[tokio::test]
async fn a_request_that_the_queue_lost_is_made_again_by_relay() {
    let test = watched(402).await;
    test.change(20);
    for _ in 0..30 {
        send(&test, "POST", &notification(&test, "exists")).await;
    }
    drop(test.app.requests.take());
    test.app.clock.advance(Duration::from_secs(600));
    assert_eq!(test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().runs, 1);
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn who_does_not_know_the_channels_token_asks_for_nothing() {
    let test = watched(403).await;
    let good = notification(&test, "exists");
    let with = |name: &str, value: Option<&str>| {
        let mut headers: Vec<_> = good.iter().filter(|(key, _)| *key != name).cloned().collect();
        headers.extend(
            value.map(|value| {
                (good.iter().find(|(key, _)| *key == name).unwrap().0, value.to_owned())
            }),
        );
        headers
    };
    for headers in [
        with("x-goog-channel-token", None),
        with("x-goog-channel-token", Some("")),
        with("x-goog-channel-token", Some("a1b2")),
        with("x-goog-channel-id", None),
        with("x-goog-channel-id", Some("another")),
        with("x-goog-resource-state", None),
        with("x-goog-resource-state", Some("exploded")),
        Vec::new(),
    ] {
        let reply = send(&test, "POST", &headers).await;
        assert_eq!(reply.status_code, StatusCode::BAD_REQUEST, "{headers:?}");
        let said: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (said["status"].as_u64(), said["title"].is_string()),
            (Some(400), true),
            "{said}"
        );
    }
    assert_eq!(send(&test, "GET", &good).await.status_code, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(test.app.db.scalar::<i64>(OWED).await, 0);
    assert_eq!(test.app.requests.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_push_does_not_try_a_refused_account_again() {
    let test = watched(404).await;
    test.google.faults().always("/calendar/v3/calendars", Fault::Forbidden);
    test.fetch(Mode::Incremental).await.unwrap_err();
    let reply = send(&test, "POST", &notification(&test, "exists")).await;
    assert_eq!(reply.status_code, StatusCode::OK);
    assert_eq!(test.app.requests.take(), Vec::<String>::new());
    let halted = "select count(*) from sync_state where source = 'gcal' and halted is not null and requested_at is null";
    assert_eq!(test.app.db.scalar::<i64>(halted).await, 1);
}

#[tokio::test]
async fn where_postgres_is_away_google_is_asked_to_come_again() {
    let test = watched(405).await;
    let headers = notification(&test, "exists");
    test.app
        .db
        .client()
        .await
        .batch_execute("alter table sync_state rename to away")
        .await
        .unwrap();
    let reply = send(&test, "POST", &headers).await;
    assert_eq!(reply.status_code, StatusCode::SERVICE_UNAVAILABLE);
    test.app
        .db
        .client()
        .await
        .batch_execute("alter table away rename to sync_state")
        .await
        .unwrap();
    assert_eq!(send(&test, "POST", &headers).await.status_code, StatusCode::OK);
}

#[tokio::test]
async fn a_push_that_finds_a_run_under_way_is_followed_as_soon_as_that_run_ends() {
    let test = watched(406).await;
    test.change(120);
    // The calendar changes again between two pages, and Google sends a notification. Its message
    // finds the lease busy.
    let (google, clock, url) =
        (test.google.handle(), test.app.clock.clone(), test.app.db.url_of("webhook"));
    test.google.on_request(2, move || {
        clock.advance(Duration::from_secs(1));
        google.with(|calendar| calendar.change(20));
        elsewhere::with_client(&url, async move |client| {
            let why = Some("Google says that the calendar has changed");
            let (mode, unless) = (Mode::Incremental, Unless::Paused);
            pending::request(client, "gcal", &["event"], mode, why, unless, clock.now())
                .await
                .unwrap();
        });
    });
    let outcome = test.fetch(Mode::Incremental).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    assert_eq!(
        test.app.db.scalar::<i64>(OWED).await,
        1,
        "the run that ended began before the push"
    );
    let resume = FetchRequest::new("gcal", "event", Mode::Incremental).resuming();
    let by_id = FetchRequest::refetches("gcal", "event");
    assert_eq!(
        test.app.requests.take(),
        [&by_id, &resume].map(|request| serde_json::to_string(request).unwrap()),
        "asked for at once; events were deleted too"
    );
    test.serve(&by_id, Duration::from_secs(3_600)).await.unwrap();
    test.serve(&resume, Duration::from_secs(3_600)).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(OWED).await, 0);
    assert_eq!(test.app.requests.take(), Vec::<String>::new(), "once");
}
