//! Leads: any bytes at all, kept byte for byte, once under an Idempotency-Key (traps 29, 31).

use futures_util::future::join_all;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::ingest::{Answer, answer, environment, post, request};
use crate::stripe_account::account;

async fn test_app(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    app
}

/// Body and state of each lead, after everything was processed.
async fn leads(app: &TestApp) -> Vec<(Vec<u8>, String)> {
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let rows = app
        .db
        .client()
        .await
        .query("select body, state from leads order by received_at, state", &[])
        .await;
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_lead_is_a_row_with_its_bytes_before_the_201_and_whom_to_call_afterwards() {
    let app = test_app(300).await;
    let body = br#"{"email":"ada@example.com", "firstName":"Ada", "lastName":"L" }"#;
    let created = post(&app.ingest, "/leads", &[("Content-Type", "application/json")], body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(
        created.body,
        json!({"ok": true, "lead_id": created.lead_id(), "deduplicated": false})
    );
    let row = "select payload from outbox where status = 'pending' and source = 'leads' and entity = 'lead'";
    assert_eq!(app.db.scalar::<Vec<u8>>(row).await, body);
    app.drain().await;
    let lead = "select id || ' ' || email || ' ' || name || ' ' || content_type || ' ' || state from leads";
    let expected = format!("{} ada@example.com Ada L application/json accepted", created.lead_id());
    assert_eq!(app.db.scalar::<String>(lead).await, expected);
    // Without an Idempotency-Key, the same body again is another lead: two people may send the
    // same.
    assert_eq!(post(&app.ingest, "/leads", &[], body).await.status, 201);
    assert_eq!(leads(&app).await.len(), 2);
}

#[tokio::test]
async fn the_same_key_and_body_is_a_replay_quoted_or_bare_on_any_environment_for_24_hours() {
    let app = test_app(301).await;
    let first = post(&app.ingest, "/leads", &[("Idempotency-Key", "k-1")], b"a").await;
    assert_eq!((first.status, first.is_replayed()), (201, false));
    for (ingest, key) in [(&app.ingest, "\"k-1\""), (&environment(&app), "k-1")] {
        let again = post(ingest, "/leads", &[("idempotency-key", key)], b"a").await;
        assert_eq!((again.status, again.is_replayed()), (200, true));
        assert_eq!(
            again.body,
            json!({"ok": true, "lead_id": first.lead_id(), "deduplicated": true})
        );
    }
    // Another route, another API key and another sender have keys of their own.
    for (path, key) in [("/api/lead", "k-1"), ("/leads", "k-2")] {
        let other = post(&app.ingest, path, &[("Idempotency-Key", key)], b"{}").await;
        assert_eq!(other.status, 201, "{}", other.body);
        assert_ne!(other.lead_id(), first.lead_id());
    }
    app.clock.advance(penstock_store::intake::KEY_LIFE);
    let later = post(&app.ingest, "/leads", &[("Idempotency-Key", "k-1")], b"b").await;
    assert_eq!((later.status, later.is_replayed()), (201, false), "{}", later.body);
    assert_eq!(leads(&app).await.len(), 4);
    app.clock.advance(penstock_store::intake::KEY_LIFE);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from idempotency_keys").await,
        0,
        "and then it is forgotten"
    );
}

#[tokio::test]
async fn trap_29_another_body_under_the_same_key_is_kept_and_told_422_and_so_is_what_is_no_json() {
    let app = test_app(302).await;
    let key = [("Idempotency-Key", "k")];
    let first = post(&app.ingest, "/leads", &key, b"{\"email\":\"a@example.com\"}").await;
    for _ in 0..2 {
        let other = post(&app.ingest, "/leads", &key, b"not json \xff\x00").await;
        assert_eq!(other.status, 422, "{}", other.body);
        assert_eq!(other.body["type"], "urn:penstock:problem:idempotency-key-reused");
    }
    let kept = leads(&app).await;
    let expected = [
        (b"{\"email\":\"a@example.com\"}".to_vec(), "accepted"),
        (b"not json \xff\x00".to_vec(), "conflicting"),
    ];
    assert_eq!(kept, expected.map(|(body, state)| (body, state.to_owned())));
    let conflict: String =
        app.db.scalar("select conflicts_with::text from leads where state = 'conflicting'").await;
    assert_eq!(conflict, first.lead_id());
}

#[tokio::test]
async fn older_senders_read_409_for_a_duplicate_and_invalid_payload_for_what_is_no_lead_which_is_kept()
 {
    let app = test_app(303).await;
    let first = post(&app.ingest, "/api/lead", &[], b"{\"email\":\"a@example.com\"}").await;
    assert_eq!(first.status, 201);
    let again = post(&app.ingest, "/api/lead", &[], b"{\"email\":\"a@example.com\"}").await;
    assert_eq!(again.status, 409);
    let told = (&again.body["ok"], &again.body["lead_id"], &again.body["deduplicated"]);
    assert_eq!(told, (&json!(true), &json!(first.lead_id()), &json!(true)));
    for _ in 0..2 {
        let bad =
            post(&app.ingest, "/api/lead", &[("Content-Type", "application/json")], b"{\"email\":")
                .await;
        assert_eq!(
            (bad.status, &bad.body["ok"], &bad.body["error"]),
            (400, &json!(false), &json!("invalid_payload"))
        );
    }
    assert_eq!(
        post(&app.ingest, "/api/lead", &[], b"email=b%40example.com&name=B").await.status,
        201
    );
    let states: Vec<String> = leads(&app).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["accepted", "accepted", "rejected"]);
}

#[tokio::test]
async fn the_key_of_older_senders_may_be_switched_off_and_a_wrong_one_is_wrong_all_the_same() {
    let mut app = test_app(304).await;
    let bare = || request("/api/lead", &[], b"{}");
    assert_eq!(answer(&app.ingest, bare()).await.status, 401);
    app.ingest.config.keyless = vec!["/api/lead"];
    assert_eq!(answer(&app.ingest, bare()).await.status, 201);
    let wrong = request("/api/lead", &[("X-Api-Key", "guess")], b"{}");
    assert_eq!(answer(&app.ingest, wrong).await.status, 401);
    assert_eq!(answer(&app.ingest, request("/leads", &[], b"{}")).await.status, 401);
}

#[tokio::test]
async fn a_method_and_a_body_over_a_mebibyte_are_refused_by_name() {
    let app = test_app(305).await;
    let mut get = request("/leads", &[], b"");
    get.method = penstock_edge::http::Method::GET;
    let get = answer(&app.ingest, get).await;
    let allow = get.headers["allow"].to_str().unwrap();
    assert_eq!((get.status, allow), (405, "POST, GET, HEAD"), "metrics answers GET");
    let full = vec![b'x'; ingest::BODY_LIMIT];
    assert_eq!(post(&app.ingest, "/leads", &[], &full).await.status, 201);
    assert_eq!(post(&app.ingest, "/leads", &[], &[full, vec![b'x']].concat()).await.status, 413);
    assert_eq!(leads(&app).await.len(), 1);
}

/// The statuses of replies, and how often each came.
fn statuses(answers: &[Answer]) -> std::collections::BTreeMap<u16, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_concurrent_posts_with_one_key_one_is_201_the_others_are_replays_and_there_is_one_row()
 {
    let app = test_app(306).await;
    let environments: Vec<_> = (0..50).map(|_| environment(&app)).collect();
    // Fifty connections that are opened at once could take longer than a sender waits.
    for ingest in &environments {
        ingest.database.ping().await.unwrap();
    }
    let posts = environments
        .iter()
        .map(|ingest| post(ingest, "/leads", &[("Idempotency-Key", "one")], b"{\"n\":1}"));
    let answers = join_all(posts).await;
    assert_eq!(statuses(&answers), [(200, 49), (201, 1)].into());
    assert!(answers.iter().all(|answer| answer.lead_id() == answers[0].lead_id()));
    assert_eq!(leads(&app).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_20_bodies_racing_under_one_key_one_is_the_lead_and_all_are_kept_in_each_of_60_rounds() {
    let app = test_app(307).await;
    let environments: Vec<_> = (0..20).map(|_| environment(&app)).collect();
    for round in 0..60 {
        let key = format!("round-{round}");
        let bodies: Vec<Vec<u8>> =
            (0..20).map(|n| format!("{{\"round\":{round},\"n\":{n}}}").into_bytes()).collect();
        let key = [("Idempotency-Key", key.as_str())];
        let posts = environments
            .iter()
            .zip(&bodies)
            .map(|(ingest, body)| post(ingest, "/leads", &key, body));
        let answers = join_all(posts).await;
        assert_eq!(statuses(&answers), [(201, 1), (422, 19)].into(), "round {round}");
        let (first, winner) =
            answers.iter().zip(&bodies).find(|(answer, _)| answer.status == 201).unwrap();
        app.drain().await;
        let client = app.db.client().await;
        let lead = "select id::text, body, (select count(*) from leads c where c.conflicts_with = l.id) from leads l \
                    where state = 'accepted' order by received_at desc, id desc limit 1";
        let row = client.query_one(lead, &[]).await.unwrap();
        assert_eq!(
            (row.get::<_, String>(0).as_str(), row.get::<_, Vec<u8>>(1)),
            (first.lead_id(), winner.clone())
        );
        assert_eq!(row.get::<_, i64>(2), 19, "round {round}");
        let of_round = format!("%\"round\":{round},%");
        let kept = "select body from leads where convert_from(body, 'UTF8') like $1";
        let rows = client.query(kept, &[&of_round]).await.unwrap();
        let mut kept: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
        let mut sent = bodies.clone();
        kept.sort();
        sent.sort();
        assert_eq!(kept, sent, "round {round}");
        app.clock.advance(std::time::Duration::from_secs(1));
    }
}
