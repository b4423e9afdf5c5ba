//! `GET /runs/{runId}` for requested runs: the reason for waiting, the error, the progress.

use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::admin::trigger::{accepted, admin, run};
use crate::stripe_account::{account, assert_true};

/// Works the run `id` to its end, with the help of `relay`, and asserts that it succeeded.
async fn assert_succeeds(app: &TestApp, id: &str) {
    app.drain().await;
    app.clock.advance(Duration::from_secs(600));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    let told = run(app, id).await;
    assert_eq!(told["status"], "succeeded", "{told}");
}

#[tokio::test]
async fn a_run_under_way_is_named_as_what_the_accepted_one_waits_for() {
    let app = TestApp::with_settings(account(67, 150), &[("STRIPE_PAGE_SIZE", "10")]).await;
    let admin = admin(&app).await;
    // There is no time for the sixth page: the run stays open.
    let clock = app.clock.clone();
    app.stripe.on_request(5, move || clock.advance(Duration::from_secs(3_600)));
    app.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap();
    let before: String = app.db.scalar("select id::text from sync_runs").await;
    let begun = "update sync_runs set started_at = started_at - interval '1 day'";
    app.db.client().await.batch_execute(begun).await.unwrap();
    app.requests.take();

    let id = accepted(&admin, "stripe/full", "k").await;
    let told = run(&app, &id).await;
    let charge = &told["waiting"][0];
    assert_eq!(
        (&charge["entity"], &charge["waitsFor"]),
        (&json!("charge"), &json!(before)),
        "{told}"
    );
    assert_succeeds(&app, &id).await;
    assert_ne!(
        told["runs"][0]["runId"],
        json!(before),
        "its bound was frozen before it was asked for"
    );
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_15_a_refused_key_fails_the_accepted_run_says_so_and_lets_it_be_asked_for_again() {
    let app = TestApp::over(account(68, 30)).await;
    let admin = admin(&app).await;
    app.stripe.faults().always("/v1/", Fault::Unauthorized);
    let id = accepted(&admin, "stripe/full", "k1").await;
    for body in app.requests.take() {
        let deadline = app.clock.now() + Duration::from_secs(3_600);
        app.fetch.serve(&serde_json::from_str(&body).unwrap(), deadline).await.unwrap_err();
    }
    let told = run(&app, &id).await;
    assert_eq!(told["status"], "failed", "{told}");
    assert!(told["lastError"].as_str().unwrap().contains("401"), "{told}");
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 0, "paused");
    assert_eq!(app.requests.take(), Vec::<String>::new());

    app.stripe.faults().clear();
    let id = accepted(&admin, "stripe/full", "k2").await;
    assert_succeeds(&app, &id).await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_15_a_refused_key_starts_no_backfill_and_trap_05_a_stale_cursor_does_and_says_why() {
    let app = TestApp::over(account(69, 30)).await;
    let admin = admin(&app).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let full_runs = "select count(*) from sync_runs where mode = 'full'";
    let before: i64 = app.db.scalar(full_runs).await;
    app.stripe.faults().always("/v1/", Fault::Forbidden);
    app.clock.advance(Duration::from_secs(600));
    let id = accepted(&admin, "stripe/incremental", "k1").await;
    for body in app.requests.take() {
        let deadline = app.clock.now() + Duration::from_secs(3_600);
        app.fetch.serve(&serde_json::from_str(&body).unwrap(), deadline).await.unwrap_err();
    }
    let told = run(&app, &id).await;
    assert!(told["lastError"].as_str().unwrap().contains("403"), "{told}");
    assert_eq!(app.db.scalar::<i64>(full_runs).await, before, "no backfill");
    assert!(app.requests.take().is_empty());

    app.stripe.faults().clear();
    app.clock.advance(Duration::from_secs(40 * 86_400));
    let id = accepted(&admin, "stripe/incremental", "k2").await;
    assert_succeeds(&app, &id).await;
    assert_eq!(app.db.scalar::<i64>(full_runs).await, before + 3, "charge, refund and dispute");
    let why = "select last_error from sync_runs where mode = 'full' order by id desc limit 1";
    let why: String = app.db.scalar(why).await;
    assert!(why.contains("over 25 days old"), "{why}");
}

#[tokio::test]
async fn progress_tells_how_much_of_the_known_history_is_behind_a_full_run() {
    let app = TestApp::with_settings(account(71, 400), &[("STRIPE_WINDOW_DAYS", "5")]).await;
    drop(admin(&app).await);
    // In the first run the age of the oldest charge is not known yet.
    let clock = app.clock.clone();
    app.stripe.on_request(5, move || clock.advance(Duration::from_secs(3_600)));
    app.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap();
    let id: String = app.db.scalar("select id::text from sync_runs").await;
    let progress = run(&app, &id).await["progress"].clone();
    assert_eq!(
        (&progress["done"], &progress["estimatedEnd"]),
        (&Value::Null, &Value::Null),
        "{progress}"
    );
    assert!(progress["reached"].is_string(), "{progress}");
    app.drain().await;
    assert!(run(&app, &id).await.get("progress").is_none(), "it is through");

    app.fetch_within("charge", Mode::Full, Duration::ZERO).await.unwrap();
    let id: String = app.db.scalar("select id::text from sync_runs order by id desc limit 1").await;
    let done = async || run(&app, &id).await["progress"]["done"].as_f64().unwrap();
    let mut last = done().await;
    assert!(last < 0.01, "{last}");
    for _ in 0..3 {
        let clock = app.clock.clone();
        app.stripe.on_request(5, move || clock.advance(Duration::from_secs(3_600)));
        app.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap();
        let now = done().await;
        assert!(now > last && now <= 1.0, "{last} then {now}");
        last = now;
    }
    let end = run(&app, &id).await["progress"]["estimatedEnd"].clone();
    assert!(end.as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > app.clock.now(), "{end}");
}

#[tokio::test]
async fn a_run_that_waits_for_a_person_names_no_end() {
    let app = TestApp::with_settings(
        account(904, 900),
        &[("STRIPE_WINDOW_DAYS", "10"), ("STRIPE_PAGE_SIZE", "10")],
    )
    .await;
    drop(admin(&app).await);
    for _ in 0..3 {
        app.fetch_within("charge", Mode::Full, Duration::from_secs(1)).await.unwrap();
        app.clock.advance(Duration::from_secs(60));
    }
    app.stripe.faults().since(1, "/v1/charges", Fault::Unauthorized);
    app.fetch_within("charge", Mode::Full, Duration::from_secs(1)).await.unwrap_err();
    let id: String = app.db.scalar("select id::text from sync_runs").await;
    let told = run(&app, &id).await;
    assert_eq!(told["status"], "failed");
    assert_eq!(told["progress"]["estimatedEnd"], Value::Null, "{told}");
}
