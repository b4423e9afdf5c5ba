//! Postgres still knows what a queue has lost.

use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::json;

use crate::stripe_account::{account, assert_true};

#[tokio::test]
async fn losing_every_queue_loses_no_data() {
    let app = TestApp::over(account(70, 400)).await;
    app.fetch_all().await.unwrap();
    assert!(app.tickets.take().len() > 4);
    assert_eq!(
        app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed,
        0,
        "their time has not come"
    );
    app.clock.advance(Duration::from_secs(400));
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert!(
        (400..420).contains(&round.oldest_pending_s),
        "waiting for {} s",
        round.oldest_pending_s
    );
    let ticketed = round.ticketed;
    assert!(ticketed > 400);
    app.tickets.take();
    assert_eq!(
        app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed,
        0,
        "not again at once"
    );
    app.clock.advance(Duration::from_secs(400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed, ticketed);
    app.drain().await;
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().oldest_pending_s, 0);
    assert_true(&app).await;
}

#[tokio::test]
async fn a_queue_that_takes_nothing_stops_neither_fetch_nor_the_truth() {
    let app = TestApp::over(account(71, 200)).await;
    app.tickets.refuse(true);
    app.fetch_all().await.unwrap();
    app.tickets.refuse(false);
    app.clock.advance(Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn a_run_that_stopped_half_way_and_lost_its_message_is_asked_for_again() {
    let app = TestApp::with_settings(account(72, 600), &[("STRIPE_RATE_PER_SECOND", "1")]).await;
    app.fetch_within("charge", Mode::Full, Duration::from_secs(2)).await.unwrap();
    assert_eq!(app.requests.take().len(), 1, "and lost");
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 0, "it may yet go on");
    app.clock.advance(Duration::from_secs(200));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    app.fetch("refund", Mode::Full).await.unwrap();
    app.fetch("dispute", Mode::Full).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn processed_rows_are_cleared_after_their_retention_and_only_those() {
    let app = TestApp::over(account(73, 50)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    let before: i64 = app.db.scalar("select count(*) from outbox").await;
    app
        .db
        .client()
        .await
        .batch_execute("update outbox set status = 'dead' where external_id = (select min(external_id) from outbox)")
        .await
        .unwrap();
    app.clock.advance(Duration::from_secs(34 * 86_400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().purged, 0);
    app.clock.advance(Duration::from_secs(2 * 86_400));
    let purged =
        app.relay.run_once(app.clock.now() + Duration::from_secs(60)).await.unwrap().purged;
    assert_eq!(purged, u64::try_from(before).unwrap() - 1);
    assert_eq!(app.db.scalar::<String>("select status from outbox").await, "dead");
}

#[tokio::test]
async fn a_purge_that_fails_or_hangs_starves_neither_the_other_tables_nor_the_alarm() {
    for fault in ["raise exception 'no'", "perform pg_sleep(60)"] {
        let app = TestApp::over(account(74, 5)).await;
        app.fetch_all().await.unwrap();
        app.clock.advance(Duration::from_secs(401 * 86_400));
        // More than a statement deletes.
        let old = "insert into run_requests (id, source, mode, entities, requested_at) \
                   select gen_random_uuid(), 'stripe', 'full', '{charge}', '2000-01-01' \
                   from generate_series(1, 2500)";
        let trap = format!(
            "{old}; \
             create function fault() returns trigger language plpgsql as $$ begin {fault}; return null; end $$; \
             create trigger fault before delete on not_ours for each statement execute function fault()"
        );
        app.db.client().await.batch_execute(&trap).await.unwrap();
        let log = CapturedLog::start();
        // A statement has the 3 s that are left of the round.
        let deadline = app.clock.now() + Duration::from_secs(13);
        let round = tokio::time::timeout(Duration::from_secs(30), app.relay.run_once(deadline));
        let error = round.await.expect("the round ends in time").unwrap_err();
        assert_eq!(error.to_string(), "not purged: not_ours", "the round has failed for Lambda");
        assert_eq!(app.db.scalar::<i64>("select count(*) from run_requests").await, 0);
        let lines = log.text();
        let failed: Vec<&str> = lines.lines().filter(|l| l.contains("not_purged")).collect();
        assert_eq!(failed.len(), 1, "once a round: {lines}");
        assert!(failed[0].contains("\"table\":\"not_ours\""), "{lines}");
        let relayed = lines.lines().find(|line| line.contains("relayed")).expect("a line");
        assert!(relayed.contains("\"oldest_pending_s\":34646"), "{relayed}");
    }
}

#[tokio::test]
async fn trap_66_a_message_of_relay_begins_a_lineage_of_its_own() {
    let app = TestApp::over(account(79, 200)).await;
    app.let_in().await;
    app.fetch_all().await.unwrap();
    app.fetch_within("charge", Mode::Full, Duration::ZERO).await.unwrap();
    let aws = FakeAws::start().await;
    let start = async |name: &str| {
        let env = [aws.environment().as_slice(), &[("DATABASE_URL", app.db.url_of(name))]].concat();
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        RuntimeHost::start(&binary(name), &env).await
    };
    // Any other function tells Lambda which invocation a message comes from.
    let event = json!({
        "version": "2.0", "rawPath": "/leads", "rawQueryString": "", "body": "a lead",
        "headers": {"x-api-key": INGEST_KEY}, "isBase64Encoded": false,
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
    });
    assert_eq!(start("ingest").await.invoke(event).await.reply()["statusCode"], 201);
    let told = aws.take_lineages();
    assert!(told.len() == 1 && told[0].as_ref().unwrap().starts_with("Root=1-"), "{told:?}");
    aws.take();

    let round = start("relay").await.invoke(json!({})).await.reply();
    assert!(round["ticketed"].as_u64() > Some(100), "several tickets: {round}");
    assert_eq!(round["runs"], 1, "and a single message");
    let told = aws.take_lineages();
    assert!(told.len() >= 2 && told.iter().all(Option::is_none), "{told:?}");
}

#[tokio::test]
async fn tickets_are_sent_though_nobody_knows_which_pull_is_silent_and_the_round_fails_after_them()
{
    let app = TestApp::over(account(80, 20)).await;
    app.fetch_all().await.unwrap();
    app.tickets.take();
    app.clock.advance(Duration::from_secs(400));
    let on = app.db.client().await;
    on.batch_execute("alter table sync_state rename column known_since to away").await.unwrap();
    let log = CapturedLog::start();
    app.relay.run_once(app.relay_deadline()).await.unwrap_err();
    assert!(!app.tickets.take().is_empty());
    let lines = log.text();
    // Missing data is what the alarm goes off at.
    assert!(lines.contains("relayed") && !lines.contains("stalest_pull"), "{lines}");

    on.batch_execute("alter table sync_state rename column away to known_since").await.unwrap();
    app.tickets.refuse(true);
    app.clock.advance(Duration::from_secs(400));
    let log = CapturedLog::start();
    app.relay.run_once(app.relay_deadline()).await.unwrap_err();
    assert!(log.text().contains("\"stalest_s\":0,\"source\":\"stripe\""), "{}", log.text());
}
