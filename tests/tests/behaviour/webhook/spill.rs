//! While Postgres is away, the request takes the way through SQS and comes in by itself, once.

use std::sync::Arc;
use std::time::Duration;

use penstock_clients::queue::Outlet as _;
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::CuttingProxy;
use penstock_tests::test_app::{TestApp, batch, endpoints};
use serde_json::{Value, json};

use crate::stripe_account::{NOW, account, assert_true};
use crate::webhook::{charge_event, post, queues, send, signed};

/// Takes the database away from the function. Returns the pool that restores it.
fn cut_off(app: &mut TestApp) -> Database {
    let gone = app.nowhere();
    std::mem::replace(&mut app.webhook.database, gone)
}

#[tokio::test]
async fn while_postgres_is_away_events_are_202_and_afterwards_each_is_one_row_in_whatever_order_and_however_often()
 {
    let mut app = TestApp::over(account(230, 40)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    let events: Vec<String> = app.stripe.change(50).into_iter().map(|event| event.body).collect();
    app.stripe.settle();
    // The first came before the outage.
    post(&app, &events[0]).await;
    let there = cut_off(&mut app);
    for body in &events {
        let (status, reply) = send(&app, signed(&app, body)).await;
        assert_eq!((status, reply), (202, json!({"received": true, "outcome": "spilled"})));
    }
    let mut spilled = app.spill.take();
    assert_eq!(spilled.len(), events.len());
    assert_eq!(app.bring_in(&spilled[..10]).await, 10, "Postgres is still away");

    app.webhook.database = there;
    fastrand::Rng::with_seed(230).shuffle(&mut spilled);
    // Long after the signatures expired, and after the secret was revoked.
    app.clock.advance(Duration::from_secs(7_200));
    app.webhook.endpoints = endpoints("whsec_another");
    for bodies in spilled.chunks(10).chain(spilled.chunks(7)) {
        assert_eq!(app.bring_in(bodies).await, 0);
    }
    let pushed: i64 =
        app.db.scalar("select count(*) from outbox where version_key like 'evt\\_%'").await;
    assert_eq!(pushed, i64::try_from(events.len()).unwrap(), "each exactly once");
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn an_event_whose_day_has_no_leaf_in_the_outbox_is_spilled_and_comes_in_once_there_is_one() {
    let app = TestApp::over(account(237, 1)).await;
    let client = app.db.client().await;
    let detach = "alter table outbox detach partition outbox_before";
    client.batch_execute(detach).await.unwrap();
    let body = charge_event("evt_1", "ch_1", NOW);
    assert_eq!(send(&app, signed(&app, &body)).await.0, 202);
    let spilled = app.spill.take();
    assert_eq!(app.bring_in(&spilled).await, 1, "there is no leaf yet");

    let attach = "do $$ begin execute format( \
                      'alter table outbox attach partition outbox_before for values from (minvalue) to (%L)', \
                      (select from_id from outbox_leaves order by from_id limit 1)); end $$";
    client.batch_execute(attach).await.unwrap();
    assert_eq!(app.bring_in(&spilled).await, 0);
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn what_was_spilled_is_the_row_that_it_would_have_been() {
    let mut app = TestApp::over(account(231, 1)).await;
    let row = "select payload || convert_to(content_type || source || entity || external_id || version_key || version_at \
               || coalesce(api_version, '') || received_at, 'UTF8') from outbox";
    for body in [charge_event("evt_1", "ch_1", NOW), "\u{0}no json\u{e4}".to_owned()] {
        post(&app, &body).await;
        let direct: Vec<u8> = app.db.scalar(row).await;
        app.db.client().await.batch_execute("delete from outbox").await.unwrap();
        let there = cut_off(&mut app);
        assert_eq!(send(&app, signed(&app, &body)).await.0, 202);
        app.webhook.database = there;
        app.clock.advance(Duration::from_secs(600));
        assert_eq!(app.bring_in(&app.spill.take()).await, 0);
        assert_eq!(app.db.scalar::<Vec<u8>>(row).await, direct);
        app.db.client().await.batch_execute("delete from outbox").await.unwrap();
    }
}

#[tokio::test]
async fn without_postgres_and_sqs_or_with_a_body_too_large_for_it_nothing_is_promised() {
    let mut app = TestApp::over(account(232, 1)).await;
    app.webhook.database = app.nowhere();
    let refused = |reply: &Value| {
        let problem: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!((&reply["statusCode"], &problem["status"]), (&json!(503), &json!(503)));
        assert_eq!(reply["headers"]["retry-after"], "30");
    };
    for queue in queues(&app) {
        queue.refuse(true);
    }
    let body = charge_event("evt_1", "ch_1", NOW);
    refused(&app.webhook.invoke(signed(&app, &body), "invocation").await.unwrap());
    for queue in queues(&app) {
        queue.refuse(false);
    }
    let large = format!("{body}{}", " ".repeat(200_000));
    refused(&app.webhook.invoke(signed(&app, &large), "invocation").await.unwrap());
    assert!(app.spill.take().is_empty());
    assert_eq!(send(&app, signed(&app, &format!("{body}{}", " ".repeat(190_000)))).await.0, 202);
}

#[tokio::test]
async fn a_postgres_that_is_silent_counts_as_away() {
    let mut app = TestApp::over(account(233, 1)).await;
    let proxy = CuttingProxy::start(app.db.login_of("webhook")).await;
    app.webhook.database =
        Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    post(&app, &charge_event("evt_1", "ch_1", NOW)).await;
    // Another transaction has locked the table: the insert neither succeeds nor fails.
    let other = app.db.client().await;
    other.batch_execute("begin; lock table outbox in access exclusive mode").await.unwrap();
    let body = charge_event("evt_2", "ch_2", NOW);
    assert_eq!(send(&app, signed(&app, &body)).await.0, 202);
    other.batch_execute("commit").await.unwrap();
    // The state that the last request left does not spoil the next one.
    assert_eq!(post(&app, &charge_event("evt_3", "ch_3", NOW)).await, "stored");
    assert_eq!(app.bring_in(&app.spill.take()).await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 3);
}

#[tokio::test]
async fn a_connection_cut_at_any_point_of_the_commit_leaves_each_event_exactly_once() {
    let mut app = TestApp::over(account(234, 1)).await;
    let proxy = CuttingProxy::start(app.db.login_of("webhook")).await;
    let pool =
        || Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    app.webhook.database = pool();
    post(&app, &charge_event("evt_0", "ch_0", NOW)).await;
    let messages = proxy.messages();
    let mut sent = 1;
    for cut in [penstock_testkit::Cut::BeforeForwarding, penstock_testkit::Cut::AfterForwarding] {
        for nth in 1..=messages {
            app.webhook.database = pool();
            proxy.cut_at(nth, cut, || {});
            let body = charge_event(&format!("evt_{sent}"), &format!("ch_{sent}"), NOW);
            assert_eq!(send(&app, signed(&app, &body)).await.0, 202, "{cut:?} {nth}");
            sent += 1;
        }
    }
    app.webhook.database = pool();
    for bodies in app.spill.take().chunks(10) {
        assert_eq!(app.bring_in(bodies).await, 0);
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, sent);
    // The event that was committed before the connection broke got no ticket then, and does now.
    app.work_tickets().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, sent);
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn a_message_that_is_no_spilled_request_fails_alone_and_the_others_are_stored() {
    let mut app = TestApp::over(account(235, 1)).await;
    let there = cut_off(&mut app);
    assert_eq!(send(&app, signed(&app, &charge_event("evt_1", "ch_1", NOW))).await.0, 202);
    app.webhook.database = there;
    app.spill.send("no json".to_owned(), Duration::ZERO).await.unwrap();
    let mut bodies = app.spill.take();
    bodies.insert(0, bodies[0].replace("\"stripe\"", "\"nobody\""));
    assert_eq!(app.bring_in(&bodies).await, 2);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 1);
    // bury records messages that have been received too often. One that was changed behind its seal
    // is not believed, and stays.
    assert_eq!(app.bury.handle(batch(&bodies, 5)).await.failures(), 1);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 1);
}

#[tokio::test]
async fn an_outage_longer_than_the_queue_tries_ends_in_rows_and_no_dead_letters() {
    let mut app = TestApp::over(account(236, 1)).await;
    let truth = app.stripe.truth().remove(0);
    let thin = format!(
        r#"{{"id":"evt_thin","object":"v2.core.event","created":"2026-06-01T00:00:00Z","related_object":{{"id":"{}","type":"charge"}}}}"#,
        truth.id
    );
    let there = cut_off(&mut app);
    let gone = app.nowhere();
    let bury = std::mem::replace(&mut app.bury.database, gone);
    for body in [charge_event("evt_1", "ch_1", NOW), thin] {
        assert_eq!(send(&app, signed(&app, &body)).await.0, 202);
    }
    let spilled = app.spill.take();
    for _ in 0..5 {
        assert_eq!(app.bring_in(&spilled).await, 2);
    }
    assert_eq!(
        app.bury.handle(batch(&spilled, 1)).await.failures(),
        2,
        "still away: they stay in the DLQ"
    );
    app.bury.database = bury;
    app.webhook.database = there;
    for receives in [2, 3] {
        assert_eq!(app.bury.handle(batch(&spilled, receives)).await.failures(), 0);
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    app.clock.advance(Duration::from_secs(1));
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!((round.ticketed, round.refetches), (2, 1), "at once, by themselves");
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 2);
    app.db.assert_nothing_waits().await;
}
