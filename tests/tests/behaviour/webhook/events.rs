//! The effect of pushed events: thin or whole, modelled or not, old or new, in any order.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount};
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;
use serde_json::json;

use crate::stripe_account::{DAY, NOW, account, assert_true};
use crate::webhook::{charge_event, post, send, signed};

#[tokio::test]
async fn objects_that_we_do_not_model_are_stored_and_processed_and_not_dead() {
    let app = TestApp::over(account(206, 1)).await;
    let event = |id: &str, object: &str| {
        format!(
            r#"{{"id":"{id}","object":"event","created":{NOW},"type":"x","data":{{"object":{object}}}}}"#
        )
    };
    for body in [
        event("evt_1", r#"{"id":"pi_1","object":"payment_intent","amount":"odd"}"#),
        event("evt_2", r#"{"object":"balance","available":[]}"#),
        event("evt_3", r#"{"id":"cus_1","object":"customer"}"#),
        thin("evt_4", "billing.meter", "mtr_1"),
        r#"{"id":"evt_5","object":"v2.core.event","created":"2026-05-31T23:59:59Z","data":{"reason":"none"}}"#
            .to_owned(),
    ] {
        assert_eq!(post(&app, &body).await, "stored");
    }
    assert!(app.requests.take().is_empty(), "nothing to look at");
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let client = app.db.client().await;
    let sql =
        "select entity || ' ' || external_id || ' ' || status from outbox order by version_key";
    let kept: Vec<String> =
        client.query(sql, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
    let expected = [
        "payment_intent pi_1",
        "balance evt_2",
        "customer cus_1",
        "billing.meter mtr_1",
        "v2.core.event evt_5",
    ];
    assert_eq!(kept, expected.map(|key| format!("{key} processed")));
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}

fn thin(id: &str, kind: &str, object: &str) -> String {
    let at = Timestamp::from_second(NOW).unwrap();
    format!(
        r#"{{"id":"{id}","object":"v2.core.event","type":"v1.x.updated","livemode":false,"created":"{at}",
            "related_object":{{"id":"{object}","type":"{kind}","url":"/v1/x/{object}"}}}}"#
    )
}

#[tokio::test]
async fn a_thin_event_has_its_object_read_once_however_often_it_comes_and_even_where_the_message_is_lost()
 {
    let app = TestApp::over(account(207, 1)).await;
    let truth = app.stripe.truth().remove(0);
    let body = thin("evt_thin", "charge", &truth.id);
    assert_eq!(post(&app, &body).await, "stored");
    // Nobody knows whether the first reply was preceded by its messages.
    assert_eq!(post(&app, &body).await, "known");
    let asked = app.requests.take();
    let ask = r#"{"source":"stripe","entity":"charge","mode":"object","resume":true}"#;
    assert_eq!(asked, [ask, ask]);
    let waits: String = app.db.scalar("select external_id from refetch_requests").await;
    assert_eq!(waits, truth.id);
    // The message is lost here. The request is still in Postgres.
    app.clock.advance(Duration::from_secs(400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().refetches, 1);
    app.drain().await;
    let raw: String = app.db.scalar("select raw_status from payments").await;
    assert_eq!(raw, truth.raw_status);
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    app.db.assert_nothing_waits().await;
    assert_eq!(post(&app, &body).await, "known");
    assert!(app.requests.take().is_empty(), "its row is processed");
}

/// Pushes every event once or twice, in any order, and processes them in batches of any size.
async fn push_in_disorder(app: &TestApp, events: &[String], rng: &mut fastrand::Rng) {
    let mut sent: Vec<&String> =
        events.iter().chain(events.iter().filter(|_| rng.bool())).collect();
    rng.shuffle(&mut sent);
    for body in sent {
        post(app, body).await;
        if rng.u8(0..40) == 0 {
            app.drain().await;
        }
    }
    app.drain().await;
}

#[tokio::test]
async fn doubled_deliveries_in_any_order_end_in_the_simulators_truth() {
    for seed in 210..210 + part(3) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let app = TestApp::over(account(seed, 60)).await;
        app.fetch_all().await.unwrap();
        app.drain().await;
        for _ in 0..3 {
            let events: Vec<String> =
                app.stripe.change(60).into_iter().map(|event| event.body).collect();
            app.stripe.settle();
            app.clock.advance(Duration::from_secs(60));
            push_in_disorder(&app, &events, &mut rng).await;
        }
        assert_true(&app).await;
        // A list of the same events brings nothing new.
        app.fetch("event", Mode::Incremental).await.unwrap();
        let twice = "select count(*) from (select version_key from outbox where version_key like 'evt\\_%' group by 1 having count(*) > 1) t";
        assert_eq!(app.db.scalar::<i64>(twice).await, 0, "an event is one row, pushed or pulled");
    }
}

#[tokio::test]
async fn trap_06_pushed_events_of_old_and_new_api_versions_are_both_read() {
    let spec = AccountSpec {
        upgraded_at: Some(NOW - 10 * DAY),
        ..AccountSpec::between(214, 120, NOW - 25 * DAY, NOW).at(NOW)
    };
    let app = TestApp::over(StripeAccount::new(spec)).await;
    let events: Vec<String> =
        app.stripe.account().history().into_iter().map(|event| event.body).collect();
    push_in_disorder(&app, &events, &mut fastrand::Rng::with_seed(214)).await;
    let versions: i64 = app
        .db
        .scalar("select count(distinct api_version) from outbox where version_key like 'evt\\_%'")
        .await;
    assert_eq!(versions, 2);
    assert_true(&app).await;
}

#[tokio::test]
async fn an_update_that_is_pushed_changes_the_payment_and_one_that_is_older_does_not() {
    let app = TestApp::over(account(215, 1)).await;
    let paid = charge_event("evt_2", "ch_1", NOW - 10);
    post(&app, &paid).await;
    app.drain().await;
    let pending = paid.replace("evt_2", "evt_1").replace(
        &format!("\"created\": {}, \"type\"", NOW - 10),
        &format!("\"created\": {}, \"type\"", NOW - 20),
    );
    post(&app, &pending.replace("succeeded", "pending")).await;
    app.drain().await;
    assert_eq!(app.db.scalar::<String>("select status from payments").await, "collected");
    let failed = paid.replace("evt_2", "evt_3").replace(
        &format!("\"created\": {}, \"type\"", NOW - 10),
        &format!("\"created\": {NOW}, \"type\""),
    );
    post(&app, &failed.replace("succeeded", "failed")).await;
    app.drain().await;
    assert_eq!(app.db.scalar::<String>("select status from payments").await, "failed");
    let at: i64 =
        app.db.scalar("select extract(epoch from version_at)::bigint from payments").await;
    assert_eq!(at, NOW);
}

#[tokio::test]
async fn one_event_that_comes_many_times_at_once_is_one_row_and_every_sender_reads_200() {
    let mut app = TestApp::over(account(216, 1)).await;
    app.webhook.database = app.db.database_of("webhook", 8);
    let body = charge_event("evt_1", "ch_1", NOW);
    let outcomes = futures_util::future::join_all((0..30).map(|_| post(&app, &body))).await;
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "stored").count(), 1, "{outcomes:?}");
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 1);
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 1);
}

#[tokio::test]
async fn trap_26_whatever_is_signed_is_kept_byte_for_byte_and_holds_nothing_else_up() {
    let app = TestApp::over(account(217, 1)).await;
    let event = |id: &str, created: &str, object: &str| {
        format!(
            r#"{{"id":"{id}","object":"event","created":{created},"data":{{"object":{object}}}}}"#
        )
    };
    let charge = r#"{"id":"ch_1","object":"charge"}"#;
    let odd = [
        event("evt_nul\\u0000", "1780272000", charge),
        event("evt_surrogate\\ud800", "1780272000", charge),
        event("evt_huge", "1e400", charge),
        event("evt_before_postgres", "-300000000000", charge),
        event("evt_never", "99999999999999999999", charge),
        event("evt_text", "\"yesterday\"", charge),
        event("evt_null", "null", "null"),
        event("evt_no_id", "1780272000", r#"{"object":"charge"}"#),
        event(
            "evt_long",
            "1780272000",
            &format!(r#"{{"id":"{}","object":"charge"}}"#, "c".repeat(300)),
        ),
        event("evt_twice", "1780272000", r#"{"id":"ch_2","id":"ch_3","object":"charge"}"#),
        format!("{}{}", "[".repeat(200), "]".repeat(200)),
        event("evt_deep", "1780272000", &format!("{}{}", "[".repeat(200), "]".repeat(200))),
        "\u{feff}{}".to_owned(),
        "\u{202e}\u{1f4a9}'; drop table outbox; --".to_owned(),
    ];
    for body in &odd {
        assert_eq!(post(&app, body).await, "stored", "{body}");
    }
    post(&app, &charge_event("evt_good", "ch_good", NOW)).await;
    let client = app.db.client().await;
    for body in &odd {
        let kept = client
            .query("select from outbox where payload = $1", &[&body.as_bytes()])
            .await
            .unwrap();
        assert_eq!(kept.len(), 1, "{body}");
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let known =
        "select string_agg(external_id || ' ' || status, ', ' order by external_id) from payments";
    assert_eq!(
        app.db.scalar::<String>(known).await,
        "ch_1 unreadable, ch_good collected",
        "the others are dead letters, or mean nothing"
    );
}

#[tokio::test]
async fn trap_79_a_webhooks_url_with_a_query_is_taken() {
    let app = TestApp::over(account(219, 1)).await;
    let mut event = signed(&app, &charge_event("evt_1", "ch_1", NOW));
    event["rawQueryString"] = json!("env=live&utm_source=stripe");
    assert_eq!(send(&app, event).await.0, 200);
}
