//! Connections whose vendor does not answer: they rest, one request finds out, and they go on.

use std::time::Duration;

use fetch::{FetchError, Outcome};
use jiff::Timestamp;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::due::Due;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::stripe::{Fault, RetryAfter};
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::stripe_account::{account, assert_true};

/// Serves every message, what `relay` asks for each minute, and the rule each quarter of an hour.
async fn minutes_pass(app: &TestApp, minutes: u32) {
    for minute in 0..minutes {
        if minute.is_multiple_of(15) {
            app.due(Due::Incremental).await;
        }
        app.clock.advance(Duration::from_secs(60));
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        for body in app.requests.take() {
            let deadline = app.clock.now() + Duration::from_secs(300);
            let event = json!({"Records": [{"messageId": "m", "body": body}]});
            let reply = app.fetch.handle(event, deadline).await.unwrap();
            assert_eq!(reply["batchItemFailures"], json!([]), "no message comes again");
        }
    }
}

fn asked(app: &TestApp) -> usize {
    app.stripe.requests().len()
}

#[tokio::test]
async fn a_connection_that_fails_rests_and_one_request_at_a_time_finds_out() {
    let app = TestApp::over(account(1_401, 30)).await;
    app.stripe.faults().always("/v1/", Fault::ServerError);
    let error = app.fetch("charge", Mode::Full).await.unwrap_err();
    let is_silence =
        matches!(error, FetchError::Vendor(VendorError::Unavailable { attempts: 5, .. }));
    assert!(is_silence, "{error}");
    assert_eq!(app.requests.delays(), [Duration::from_secs(5)], "the run goes on by a message");

    let before = asked(&app);
    for entity in ["charge", "refund", "dispute"] {
        let outcome = app.fetch(entity, Mode::Full).await.unwrap();
        assert!(matches!(outcome, Outcome::Rests { .. }), "{entity}: {outcome:?}");
    }
    assert_eq!(asked(&app), before, "nothing is asked of a vendor while its connection rests");

    let mut rests = Vec::new();
    for _ in 0..9 {
        let rest: i64 =
            app.db.scalar("select extract(epoch from rests_until)::bigint from circuits").await;
        let left = Timestamp::from_second(rest + 1).unwrap().duration_since(app.clock.now());
        app.clock.advance(left.unsigned_abs());
        let (before, now) = (asked(&app), app.clock.now().as_second());
        app.fetch("refund", Mode::Full).await.unwrap_err();
        assert_eq!(asked(&app), before + 1, "one request finds out");
        let until: i64 =
            app.db.scalar("select extract(epoch from rests_until)::bigint from circuits").await;
        rests.push(until - now);
    }
    let wanted = [10, 20, 40, 80, 160, 320, 640, 900, 900];
    assert!(rests.iter().zip(wanted).all(|(rest, wanted)| (wanted - rest).abs() <= 1), "{rests:?}");
    let why: String = app.db.scalar("select why from circuits").await;
    assert!(why.contains("status 500"), "{why}");
    let told: String = app
        .db
        .scalar("select status || ': ' || last_error from sync_runs where entity = 'refund'")
        .await;
    assert!(told.starts_with("running: ") && told.ends_with("asked again after 900 s"), "{told}");
}

#[tokio::test]
async fn a_vendor_that_comes_back_is_pulled_again_within_minutes_and_no_person_is_needed() {
    let app = TestApp::over(account(1_402, 60)).await;
    app.fetch_all().await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    app.clock.advance(Duration::from_secs(3_600));
    app.stripe.faults().always("/v1/", Fault::ServerError);
    // What the rules ask for meanwhile is not lost, whoever finds out.
    app.fetch("charge", Mode::Full).await.unwrap_err();
    minutes_pass(&app, 40).await;
    let failures: i32 = app.db.scalar("select failures from circuits").await;
    assert!((6..=12).contains(&failures), "{failures} tries in 40 minutes");
    app.stripe.change(50);
    app.stripe.faults().clear();
    minutes_pass(&app, 25).await;
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from circuits").await, 0);
    assert_true(&app).await;
    let left: i64 = app
        .db
        .scalar(
            "select count(*) from sync_state where run_id is not null or requested_at is not null",
        )
        .await;
    assert_eq!(left, 0, "nothing is left over");
}

#[tokio::test]
async fn one_list_that_fails_for_good_does_not_keep_the_others_from_their_turn() {
    let app = TestApp::over(account(1_403, 40)).await;
    app.stripe.faults().always("/v1/refunds", Fault::ServerError);
    app.fetch("refund", Mode::Full).await.unwrap_err();
    app.fetch("charge", Mode::Full).await.unwrap();
    app.fetch("dispute", Mode::Full).await.unwrap();
    minutes_pass(&app, 30).await;
    let done = "select string_agg(distinct entity, ' ' order by entity) from sync_runs where status = 'succeeded'";
    assert_eq!(app.db.scalar::<String>(done).await, "charge dispute event");
}

#[tokio::test]
async fn a_vendor_that_makes_all_wait_is_waited_for_by_nobody() {
    let app = TestApp::over(account(1_404, 40)).await;
    app.stripe.faults().always("/v1/", Fault::TooMany(RetryAfter::Seconds(1)));
    let before = app.clock.now();
    let outcome = app.fetch("charge", Mode::Full).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    let waited = app.clock.now().duration_since(before).as_secs();
    assert!(waited <= 7, "{waited} s in an environment");
    app.clock.advance(Duration::from_secs(6));
    let (before, requests) = (app.clock.now(), asked(&app));
    app.fetch("charge", Mode::Full).await.unwrap();
    assert_eq!((asked(&app), app.clock.now()), (requests + 1, before), "nobody waits any more");
    let told: String = app.db.scalar("select status || ': ' || last_error from sync_runs").await;
    assert_eq!(told, "running: the vendor asks for a pause of 1 s; asked again after 10 s");
    let person =
        FetchRequest { unpause: true, ..FetchRequest::new("stripe", "charge", Mode::Full) };
    app.stripe.faults().clear();
    let deadline = app.clock.now() + Duration::from_secs(300);
    let outcome = app.fetch.serve(&person, deadline).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "a person need not wait: {outcome:?}");
}
