//! An event's id is its sender's own, and what another event says under it is kept (trap 70).

use std::time::Duration;

use futures_util::future::join_all;
use penstock_domain::access::{Scope, hashed};
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::KeyId;
use penstock_store::api_keys::{self, NewKey};
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::ingest::spill::cut_off;
use crate::ingest::{Answer, Ingest, answer, environment, post, request};
use crate::stripe_account::account;

/// Registers an ingest key of that name, and returns it.
async fn key_of(app: &TestApp, name: &str, key: &str) -> String {
    let (sha256, _) = hashed(key.as_bytes());
    let (id, scope) = (KeyId::new(app.clock.now()).0, Scope::Ingest);
    let new = NewKey { id, name, scope, sha256, rate_per_second: None };
    assert!(api_keys::insert(&app.db.client().await, new, app.clock.now()).await.unwrap());
    key.to_owned()
}

async fn send(ingest: &Ingest, key: &str, events: &Value) -> Answer {
    let request = request("/events", &[("X-Api-Key", key)], events.to_string().as_bytes());
    answer(ingest, request).await
}

fn event(id: &str, user: &str, payload: &str) -> Value {
    json!({"eventId": id, "userId": user, "sessionId": "s", "type": "t", "payload": payload})
}

fn statuses(answer: &Answer) -> Vec<&str> {
    let results = answer.body["results"].as_array().unwrap();
    results.iter().map(|result| result["status"].as_str().unwrap()).collect()
}

/// The events, and beside them what conflicts with one.
async fn kept(app: &TestApp) -> (String, String) {
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let events = "select coalesce(string_agg(concat_ws(' ', event_id, sender, user_id, payload), '|' \
                  order by event_id, sender), '') from events";
    let conflicting = "select coalesce(string_agg(concat_ws(' ', event_id, sender, \
                       convert_from(body, 'utf8')::json ->> 'payload'), '|' order by event_id, body), '') \
                       from conflicting_events";
    (app.db.scalar(events).await, app.db.scalar(conflicting).await)
}

async fn test_app(seed: u64) -> (TestApp, String, String) {
    let app = TestApp::over(account(seed, 1)).await;
    let shop = key_of(&app, "shop", "a key of the shop, 32 characters").await;
    let till = key_of(&app, "till", "a key of the till, 32 characters").await;
    (app, shop, till)
}

#[tokio::test]
async fn trap_70_two_senders_that_count_alike_have_an_event_each_and_a_rotated_key_is_the_same_sender()
 {
    let (app, shop, till) = test_app(380).await;
    assert_eq!(
        statuses(&send(&app.ingest, &shop, &event("order-1", "a", "A")).await),
        ["accepted"]
    );
    assert_eq!(
        statuses(&send(&app.ingest, &till, &event("order-1", "b", "B")).await),
        ["accepted"]
    );
    let new_key = key_of(&app, "shop", "another key of the shop, rotated").await;
    let again = send(&environment(&app), &new_key, &event("order-1", "a", "A")).await;
    assert_eq!((statuses(&again), &again.body["success"]), (vec!["duplicate"], &json!(true)));
    let (events, conflicting) = kept(&app).await;
    assert_eq!(events, "order-1 shop a \"A\"|order-1 till b \"B\"");
    assert_eq!(conflicting, "");
}

#[tokio::test]
async fn another_event_under_a_used_id_is_kept_beside_the_first_and_its_sender_reads_conflicting() {
    let (app, shop, _) = test_app(381).await;
    let first = json!([event("e1", "a", "1"), event("e2", "a", "2"), event("e2", "a", "2 again")]);
    let reply = send(&app.ingest, &shop, &first).await;
    assert_eq!(statuses(&reply), ["accepted", "accepted", "conflicting"]);
    let told = (reply.status, &reply.body["success"], &reply.body["count"]);
    assert_eq!(told, (202, &json!(false), &json!(2)));
    assert_eq!(reply.body["eventIds"], json!(["e1", "e2"]));
    assert_eq!(reply.body["results"][2]["eventId"], "e2");
    for _ in 0..2 {
        let batch = json!([event("e1", "a", "other"), event("e1", "a", "1")]);
        let other = send(&app.ingest, &shop, &batch).await;
        assert_eq!(statuses(&other), ["conflicting", "duplicate"]);
        let message = "1 of 2 taken; 1 kept as conflicting, because the id is another event's";
        assert_eq!(other.body["message"], message);
    }
    let (events, conflicting) = kept(&app).await;
    assert_eq!(events, "e1 shop a \"1\"|e2 shop a \"2\"");
    assert_eq!(conflicting, "e1 shop other|e2 shop 2 again", "each once");
}

#[tokio::test]
async fn a_replay_under_its_idempotency_key_tells_the_same_conflicts_and_stores_what_a_first_try_did_not()
 {
    let (app, shop, _) = test_app(382).await;
    send(&app.ingest, &shop, &event("e1", "a", "1")).await;
    let batch = json!([event("e1", "a", "other"), event("e1", "a", "1"), event("e2", "a", "2")]);
    let keyed = [("X-Api-Key", shop.as_str()), ("Idempotency-Key", "k")];
    let body = batch.to_string();
    let send = || answer(&app.ingest, request("/events", &keyed, body.as_bytes()));
    let first = send().await;
    assert_eq!(statuses(&first), ["conflicting", "duplicate", "accepted"]);
    // As if the first try had ended before it stored what conflicts.
    let forget = "delete from outbox where entity = 'conflicting_event'";
    app.db.client().await.batch_execute(forget).await.unwrap();
    let again = send().await;
    assert_eq!((again.is_replayed(), &again.body), (true, &first.body));
    assert_eq!(kept(&app).await.1, "e1 shop other");
}

#[tokio::test]
async fn what_conflicts_with_an_event_whose_row_the_outbox_has_forgotten_is_kept_all_the_same() {
    let (app, shop, till) = test_app(383).await;
    send(&app.ingest, &shop, &event("e1", "a", "1")).await;
    kept(&app).await;
    app.db.client().await.batch_execute("delete from outbox").await.unwrap();
    // The outbox cannot tell any more: the table of the events can.
    for (key, payload) in
        [(&shop, "1"), (&shop, "other"), (&shop, "other"), (&till, "1"), (&shop, "1")]
    {
        assert_eq!(
            statuses(&send(&app.ingest, key, &event("e1", "a", payload)).await),
            ["accepted"]
        );
        app.drain().await;
        app.db.client().await.batch_execute("delete from outbox").await.unwrap();
    }
    let (events, conflicting) = kept(&app).await;
    assert_eq!(events, "e1 shop a \"1\"|e1 till a \"1\"");
    assert_eq!(conflicting, "e1 shop other");
}

/// Has the rows with that status worked again, as an operator does.
async fn work_again(app: &TestApp, status: &str) {
    let again = format!("update outbox set status = 'pending' where status = '{status}'");
    app.db.client().await.batch_execute(&again).await.unwrap();
    app.clock.advance(Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
}

/// Makes all rows those of a release that knew no senders.
async fn age(app: &TestApp) {
    let older = "update events set sender = ''; update outbox set sender = null, version_key = '1'";
    app.db.client().await.batch_execute(older).await.unwrap();
}

#[tokio::test]
async fn an_event_of_a_release_that_knew_no_senders_is_the_same_event_if_it_comes_again() {
    let (app, shop, till) = test_app(384).await;
    send(&app.ingest, &shop, &event("e1", "a", "1")).await;
    kept(&app).await;
    age(&app).await;
    for (key, payload) in [(&shop, "1"), (&till, "2")] {
        let sent = send(&app.ingest, key, &event("e1", "a", payload)).await;
        assert_eq!(statuses(&sent), ["accepted"]);
    }
    assert_eq!(kept(&app).await.0, "e1  a \"1\"|e1 till a \"2\"");
}

#[tokio::test]
async fn the_release_before_stores_its_events_by_the_function_that_it_knows() {
    let (app, ..) = test_app(395).await;
    let sql = "select insert_into_outbox('events', 'application/json', null, $1, $1, array[gen_random_uuid()], \
               array['event'], array['e1'], array['1'], array[$1::timestamptz], array[null]::text[], \
               array[convert_to('{\"userId\":\"a\",\"sessionId\":\"s\",\"type\":\"t\",\"payload\":\"1\"}', 'utf8')])";
    let connection = app.db.database_of("ingest", 1).connection().await.unwrap();
    let now = app.clock.now();
    assert_eq!(connection.query(sql, &[&now]).await.unwrap().len(), 1);
    assert_eq!(connection.query(sql, &[&now]).await.unwrap().len(), 0, "it is known");
    app.clock.advance(Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(kept(&app).await.0, "e1  a \"1\"");
}

#[tokio::test]
async fn nor_is_it_two_events_if_both_are_done_at_once_or_the_older_one_last() {
    for older_last in [false, true] {
        let (app, shop, _) = test_app(387).await;
        send(&app.ingest, &shop, &event("e1", "a", "1")).await;
        age(&app).await;
        let older = "update outbox set status = 'dead'";
        if older_last {
            app.db.client().await.batch_execute(older).await.unwrap();
        }
        send(&app.ingest, &shop, &event("e1", "a", "1")).await;
        if older_last {
            kept(&app).await;
            work_again(&app, "dead").await;
        }
        assert_eq!(kept(&app).await, ("e1 shop a \"1\"".to_owned(), String::new()), "{older_last}");
    }
}

#[tokio::test]
async fn an_id_that_we_made_and_its_sender_sends_back_for_another_event_drops_neither() {
    let (app, shop, _) = test_app(388).await;
    let first = json!({"userId": "a", "sessionId": "s", "type": "t", "payload": "1"});
    let id = send(&app.ingest, &shop, &first).await.body["eventId"].as_str().unwrap().to_owned();
    // Rows of one millisecond are in no order.
    app.clock.advance(Duration::from_secs(1));
    send(&app.ingest, &shop, &event(&id, "a", "2")).await;
    let (events, conflicting) = kept(&app).await;
    assert_eq!((events, conflicting), (format!("{id} shop a \"1\""), format!("{id} shop 2")));
}

#[tokio::test]
async fn a_row_that_is_worked_again_conflicts_with_nothing() {
    let (app, shop, _) = test_app(389).await;
    send(&app.ingest, &shop, &event("e1", "a", "1")).await;
    send(&app.ingest, &shop, &event("e1", "a", "2")).await;
    let once = kept(&app).await;
    work_again(&app, "processed").await;
    assert_eq!(kept(&app).await, once);
}

#[tokio::test]
async fn the_id_is_its_senders_too_if_postgres_was_away_and_the_key_is_looked_up_later() {
    let mut app = cut_off(385).await;
    let events = event("e1", "a", "1").to_string();
    assert_eq!(post(&app.ingest, "/events", &[], events.as_bytes()).await.status, 202);
    let spilled = app.spill.take();
    assert!(spilled.iter().all(|message| !message.contains("test app")), "nobody knew the name");
    assert_eq!(app.bring_in(&spilled).await, 0);
    app.ingest = environment(&app);
    let again = post(&app.ingest, "/events", &[], events.as_bytes()).await;
    assert_eq!(statuses(&again), ["duplicate"]);
    assert_eq!(kept(&app).await.0, "e1 test app a \"1\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_bodies_that_race_under_one_id_one_is_the_event_and_each_other_is_kept() {
    let (app, shop, _) = test_app(386).await;
    let environments: Vec<_> = (0..8).map(|_| environment(&app)).collect();
    for round in 0..10 {
        let bodies: Vec<Value> =
            (0..8).map(|n| event(&format!("e{round}"), "a", &format!("{}", n / 2))).collect();
        let sent = environments.iter().zip(&bodies).map(|(ingest, body)| send(ingest, &shop, body));
        let replies = join_all(sent).await;
        let mut told: Vec<&str> = replies.iter().flat_map(statuses).collect();
        told.sort_unstable();
        let conflicting = vec!["conflicting"; 6];
        assert_eq!(told, [vec!["accepted"], conflicting, vec!["duplicate"]].concat(), "{round}");
    }
    kept(&app).await;
    let counts =
        "select (select count(*) from events) || ' ' || (select count(*) from conflicting_events)";
    assert_eq!(app.db.scalar::<String>(counts).await, "10 30");
}
