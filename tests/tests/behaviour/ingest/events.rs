//! Product events: both shapes, one or many, each with a result of its own (traps 31, 32).

use futures_util::future::join_all;
use penstock_domain::clock::Clock as _;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::ingest::{environment, pointers, post};
use crate::stripe_account::account;

async fn test_app(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app
}

async fn processed(app: &TestApp) -> i64 {
    app.drain().await;
    app.db.assert_nothing_waits().await;
    app.db.scalar("select count(*) from events").await
}

fn event(id: &str) -> Value {
    json!({"userId": "u", "sessionId": "s", "type": "click", "eventId": id})
}

#[tokio::test]
async fn both_shapes_become_the_same_kind_of_row() {
    let app = test_app(320).await;
    let own = r#"{"userId":"u1","sessionId":"s1","type":"click","payload":{"x": 1.0},"occurredAt":"2026-06-01T10:00:00+02:00","eventId":"e1"}"#;
    let reply = post(&app.ingest, "/events", &[], own.as_bytes()).await;
    assert_eq!(reply.status, 202);
    let result = json!({"index": 0, "status": "accepted", "eventId": "e1"});
    assert_eq!(
        reply.body,
        json!({"success": true, "message": "1 taken", "count": 1, "eventIds": ["e1"], "eventId": "e1", "results": [result]})
    );
    let typed = r#"{"eventType":"signup","payload":[1],"metadata":{"userId":"u2","sessionId":"s2","occurredAt":"2026-06-01T08:00:00Z"},"eventId":"e2"}"#;
    assert_eq!(post(&app.ingest, "/events", &[], typed.as_bytes()).await.status, 201);
    assert_eq!(
        post(&app.ingest, "/events", &[], br#"{"eventType":"tick","payload":0,"eventId":"e3"}"#)
            .await
            .status,
        201
    );
    assert_eq!(processed(&app).await, 3);
    let line = "select string_agg(concat_ws(' ', event_id, user_id, session_id, type, payload, occurred_at at time zone 'UTC', \
                occurred_at = received_at, clock_skew), '|' order by event_id) from events";
    let now = app
        .db
        .scalar::<String>(
            "select (received_at at time zone 'UTC')::text from events where event_id = 'e3'",
        )
        .await;
    assert_eq!(
        app.db.scalar::<String>(line).await,
        format!(
            "e1 u1 s1 click {{\"x\": 1.0}} 2026-06-01 08:00:00 f|e2 u2 s2 signup [1] 2026-06-01 08:00:00 f|e3 tick 0 {now} t"
        )
    );
}

#[tokio::test]
async fn one_bad_event_sinks_no_other_unless_all_or_nothing_is_asked_for() {
    let app = test_app(321).await;
    let batch =
        json!([event("e1"), {"userId": "", "type": 1, "occurredAt": "yesterday"}, event("e3"), 7])
            .to_string();
    let atomic = post(&app.ingest, "/events?atomic=true", &[], batch.as_bytes()).await;
    assert_eq!(atomic.status, 400);
    assert_eq!(
        pointers(&atomic),
        ["#/1/userId", "#/1/sessionId", "#/1/type", "#/1/occurredAt", "#/3"]
    );
    assert_eq!(processed(&app).await, 0);

    let reply = post(&app.ingest, "/events", &[], batch.as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let told = (
        &reply.body["success"],
        &reply.body["count"],
        &reply.body["eventIds"],
        reply.body.get("eventId"),
    );
    assert_eq!(told, (&json!(false), &json!(2), &json!(["e1", "e3"]), None));
    let statuses: Vec<_> = reply.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["accepted", "rejected", "accepted", "rejected"]);
    assert_eq!(
        reply.body["results"][3]["errors"],
        json!([{"pointer": "#/3", "detail": "must be an object"}])
    );
    assert_eq!(processed(&app).await, 2);
    for (path, status) in
        [("/events?atomic=yes", 400), ("/events?x=1", 202), ("/events?atomic=false", 202)]
    {
        assert_eq!(
            post(&app.ingest, path, &[], event("e1").to_string().as_bytes()).await.status,
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn trap_31_ids_of_the_client_or_of_its_key_make_a_retry_the_same_events() {
    let app = test_app(322).await;
    let batch =
        json!([event("e1"), {"eventType": "a", "payload": 1}, {"eventType": "a", "payload": 1}])
            .to_string();
    let keyed = [("Idempotency-Key", "\"batch-1\"")];
    let first = post(&app.ingest, "/events", &keyed, batch.as_bytes()).await;
    let ids = first.body["eventIds"].as_array().unwrap();
    assert_eq!((ids.len(), &ids[0]), (3, &json!("e1")));
    assert_ne!(ids[1], ids[2], "equal events of one batch are two");
    let again = post(&environment(&app), "/events", &keyed, batch.as_bytes()).await;
    assert_eq!((again.status, again.is_replayed(), &again.body), (202, true, &first.body));
    assert_eq!(processed(&app).await, 3);
    // The client's own id is enough, whatever else the event has.
    let known = post(&app.ingest, "/events", &[], event("e1").to_string().as_bytes()).await;
    assert_eq!((known.status, &known.body["results"][0]["status"]), (202, &json!("duplicate")));
    // Without either, a retry cannot be told from another event.
    for _ in 0..2 {
        assert_eq!(
            post(&app.ingest, "/events", &[], br#"{"eventType":"a","payload":1}"#).await.status,
            201
        );
    }
    assert_eq!(processed(&app).await, 5);
    let other = post(&app.ingest, "/events", &keyed, event("e9").to_string().as_bytes()).await;
    assert_eq!(other.status, 422);
    assert_eq!(processed(&app).await, 5);
}

#[tokio::test]
async fn a_replay_tells_which_events_were_known_before_the_first_try() {
    let app = test_app(323).await;
    post(&app.ingest, "/events", &[], event("e2").to_string().as_bytes()).await;
    let batch = json!([event("e1"), event("e2"), event("e1")]).to_string();
    let first = post(&app.ingest, "/events", &[("Idempotency-Key", "k")], batch.as_bytes()).await;
    let statuses = |body: &Value| {
        body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&first.body), ["accepted", "duplicate", "duplicate"]);
    let again = post(&app.ingest, "/events", &[("Idempotency-Key", "k")], batch.as_bytes()).await;
    assert_eq!((again.is_replayed(), &again.body), (true, &first.body));
    assert_eq!(processed(&app).await, 2);
}

#[tokio::test]
async fn trap_32_events_of_the_far_future_and_past_are_kept_and_flagged() {
    let app = test_app(324).await;
    let at = |id: &str, time: &str| json!({"eventType": "a", "payload": 1, "eventId": id, "occurredAt": time});
    let now = app.clock.now();
    let hours = |n: i64| (now + jiff::SignedDuration::from_hours(n)).to_string();
    let batch = json!([
        at("a", "0001-01-01T00:00:00Z"),
        at("b", "9999-12-30T00:00:00Z"),
        at("c", &hours(25)),
        at("d", &hours(23)),
        at("e", &hours(-24 * 365 * 9)),
        at("f", &hours(-24 * 365 * 11)),
    ]);
    assert_eq!(post(&app.ingest, "/events", &[], batch.to_string().as_bytes()).await.status, 202);
    assert_eq!(processed(&app).await, 6);
    let flags = "select string_agg(event_id || ':' || coalesce(clock_skew, ''), ' ' order by event_id) from events";
    assert_eq!(app.db.scalar::<String>(flags).await, "a:past b:future c:future d: e: f:past");
    for bad in [
        "-009999-01-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        "2026-06-01",
        "9999-12-31T00:00:00Z",
        "1780272000",
        "",
    ] {
        let reply = post(&app.ingest, "/events", &[], at("x", bad).to_string().as_bytes()).await;
        assert_eq!((reply.status, pointers(&reply)), (400, vec!["#/occurredAt"]), "{bad}");
    }
}

#[tokio::test]
async fn a_thousand_events_are_one_request_and_one_more_is_a_413() {
    let app = test_app(325).await;
    let events: Vec<Value> = (0..1_001).map(|n| event(&n.to_string())).collect();
    assert_eq!(
        post(&app.ingest, "/events", &[], json!(events).to_string().as_bytes()).await.status,
        413
    );
    let reply =
        post(&app.ingest, "/events", &[], json!(events[..1_000]).to_string().as_bytes()).await;
    assert_eq!((reply.status, &reply.body["count"]), (202, &json!(1_000)));
    assert_eq!(processed(&app).await, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_share_events_in_opposite_orders_do_not_wait_for_each_other_for_ever() {
    let app = test_app(326).await;
    let events: Vec<Value> = (0..200).map(|n| event(&format!("{n:03}"))).collect();
    let there = json!(events).to_string();
    let back = json!(events.into_iter().rev().collect::<Vec<_>>()).to_string();
    let environments: Vec<_> = (0..8).map(|_| environment(&app)).collect();
    for _ in 0..5 {
        let posts = environments.iter().enumerate().map(|(n, ingest)| {
            post(
                ingest,
                "/events",
                &[],
                if n % 2 == 0 { there.as_bytes() } else { back.as_bytes() },
            )
        });
        assert!(join_all(posts).await.iter().all(|answer| answer.status == 202));
    }
    assert!(app.spill.take().is_empty(), "nothing went round Postgres");
    assert_eq!(processed(&app).await, 200);
}

#[tokio::test]
async fn a_key_that_is_used_again_a_day_later_takes_new_events_and_of_an_id_twice_in_a_batch_the_first_stands()
 {
    let app = test_app(327).await;
    let nightly = [("Idempotency-Key", "nightly")];
    for night in 0..2 {
        let body = json!([{"eventType": "report", "payload": night}]).to_string();
        let reply = post(&app.ingest, "/events", &nightly, body.as_bytes()).await;
        assert_eq!(
            (reply.status, &reply.body["results"][0]["status"]),
            (202, &json!("accepted")),
            "night {night}"
        );
        app.clock.advance(penstock_store::intake::KEY_LIFE);
    }
    assert_eq!(processed(&app).await, 2);
    let id = |n: i32| if n == 3 || n == 15 { "same".to_owned() } else { format!("id-{}", 40 - n) };
    let batch: Vec<Value> =
        (0..20).map(|n| json!({"eventType": "t", "payload": n, "eventId": id(n)})).collect();
    let reply = post(&app.ingest, "/events", &[], json!(batch).to_string().as_bytes()).await;
    let status = |n: usize| reply.body["results"][n]["status"].clone();
    assert_eq!((status(3), status(15)), (json!("accepted"), json!("conflicting")));
    assert_eq!(processed(&app).await, 21);
    assert_eq!(
        app.db.scalar::<String>("select payload from events where event_id = 'same'").await,
        "3"
    );
}
