//! From an empty database to the vendor's truth, with faults and changes on the way (traps 1, 4, 5,
//! 7, 8, 9).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::StoreError;
use penstock_tests::elsewhere;
use penstock_tests::simulators::stripe::{AccountSpec, Fault, StripeAccount};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{DAY, NOW, account, assert_true};

#[tokio::test]
async fn a_full_run_brings_the_vendors_truth_and_a_second_one_writes_no_row() {
    let app = TestApp::over(account(1, 800)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(&app).await;

    let digest = "select md5(string_agg(p::text || xmin::text || ctid::text, ',' order by kind, external_id)) from payments p";
    let before: String = app.db.scalar(digest).await;
    app.clock.advance(Duration::from_secs(60));
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_eq!(app.db.scalar::<String>(digest).await, before, "an unchanged row was written again");
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_01_every_version_of_an_object_is_kept_not_only_the_first() {
    let app = TestApp::over(account(2, 50)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    app.stripe.change(200);
    app.clock.advance(Duration::from_secs(600));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let most: i64 = app
        .db
        .scalar("select max(n) from (select count(*) n from outbox group by source, entity, external_id) v")
        .await;
    assert!(most > 2, "an object that changed again and again has one row a version, not {most}");
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_04_refunds_disputes_and_captures_of_old_charges_arrive_by_events() {
    let app = TestApp::over(account(3, 300)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
    // Changes of charges that are up to 90 days old: no later list by `created` would show them.
    app.stripe.change(300);
    app.clock.advance(Duration::from_secs(900));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_05_a_cursor_older_than_25_days_asks_for_full_runs_and_says_why() {
    let app = TestApp::over(account(4, 120)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    app.stripe.change(100);
    app.clock.advance(Duration::from_secs(40 * 86_400));
    let Outcome::Finished { run, .. } = app.fetch("event", Mode::Incremental).await.unwrap() else {
        panic!("the run does not finish");
    };
    let note: String =
        app.db.scalar(&format!("select last_error from sync_runs where id = '{run}'")).await;
    assert!(note.contains("over 25 days old"), "{note}");
    assert_eq!(app.requests.delays().len(), 3, "charge, refund and dispute are asked for");
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_05_a_run_left_unfinished_for_a_month_begins_anew_with_full_runs() {
    let app = TestApp::over(account(12, 80)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    app.stripe.change(150);
    app.clock.advance(Duration::from_secs(60));
    app.stripe.faults().always("/v1/events", Fault::ServerError);
    app.fetch("event", Mode::Incremental).await.unwrap_err();
    app.stripe.faults().clear();
    app.clock.advance(Duration::from_secs(40 * 86_400));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
    let left: String =
        app.db.scalar("select last_error from sync_runs where status = 'failed'").await;
    assert_eq!(left, "left unfinished for so long that it cannot go on");
}

#[tokio::test]
async fn trap_05_full_runs_that_are_owed_are_asked_for_until_they_succeed() {
    let app = TestApp::over(account(5, 60)).await;
    app.requests.refuse(true);
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.requests.refuse(false);
    assert!(app.requests.take().is_empty(), "the messages are lost");
    app.clock.advance(Duration::from_secs(600));
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(round.runs, 3);
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_07_what_becomes_visible_late_is_caught_by_the_overlap() {
    let spec = AccountSpec {
        late_permille: 500,
        ..AccountSpec::between(6, 100, NOW - 90 * DAY, NOW).at(NOW)
    };
    let app = TestApp::over(StripeAccount::new(spec)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    for _ in 0..10 {
        app.stripe.change(40);
        app.clock.advance(Duration::from_secs(30));
        app.fetch("event", Mode::Incremental).await.unwrap();
        app.drain().await;
    }
    app.stripe.settle();
    app.clock.advance(Duration::from_secs(60));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_08_the_watermark_stays_until_the_window_is_drained_and_older_pages_are_not_lost() {
    let app = TestApp::over(account(7, 50)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let watermark = "select watermark::text from sync_state where mode = 'incremental'";
    let before: String = app.db.scalar(watermark).await;

    app.stripe.change(300);
    app.clock.advance(Duration::from_secs(600));
    // Page 1 succeeds; then the vendor fails for good.
    app.stripe.faults().at(2, "/v1/events", Fault::Forbidden);
    app.fetch("event", Mode::Incremental).await.unwrap_err();
    assert_eq!(app.db.scalar::<String>(watermark).await, before);
    let waiting: i64 = app.db.scalar("select count(*) from outbox where status = 'pending'").await;
    assert!(waiting > 0, "page 1 is committed");

    app.stripe.faults().clear();
    // The pull is paused, and tried again a minute later.
    app.clock.advance(Duration::from_secs(60));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_09_a_run_outlives_its_invocation_and_commits_page_by_page() {
    let app = TestApp::with_settings(account(8, 700), &[("STRIPE_RATE_PER_SECOND", "1")]).await;
    let mut invocations = 0;
    loop {
        invocations += 1;
        match app.fetch_within("charge", Mode::Full, Duration::from_secs(3)).await.unwrap() {
            Outcome::Finished { .. } => break,
            Outcome::Continues { .. } => {
                let messages = app.requests.take();
                assert_eq!(
                    messages,
                    [r#"{"source":"stripe","entity":"charge","mode":"full","resume":true}"#]
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(invocations < 50, "the run does not get on");
    }
    assert!(invocations > 2, "one invocation cannot have done it");
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_runs").await, 1, "it is one run");
    let charges: i64 = app.db.scalar("select count(*) from outbox where entity = 'charge'").await;
    assert_eq!(charges, 700);
}

#[tokio::test]
async fn two_runs_of_one_pull_cannot_both_move_the_cursor() {
    let one_window = [("STRIPE_WINDOW_DAYS", "365"), ("STRIPE_CONCURRENCY", "1")];
    let app = TestApp::with_settings(account(9, 250), &one_window).await;
    // Another run takes over the lease while this one waits for page 2, after two requests for the
    // history's bounds.
    let url = app.db.url_of("fetch");
    app.stripe
        .on_request(4, move || elsewhere::execute(&url, "update sync_state set fence = fence + 1"));
    let error = app.fetch("charge", Mode::Full).await.unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::FenceLost(_))), "{error}");
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    assert_eq!(rows, 100, "the page that came after the fence had moved is not committed");
}

#[tokio::test]
async fn a_pull_that_somebody_is_at_is_left_alone() {
    let app = TestApp::over(account(10, 20)).await;
    let client = app.db.client().await;
    app.fetch("charge", Mode::Full).await.unwrap();
    client.batch_execute("update sync_state set lease_until = '2100-01-01'").await.unwrap();
    assert_eq!(app.fetch("charge", Mode::Full).await.unwrap(), Outcome::Busy);
}

#[tokio::test]
async fn years_without_a_sale_cost_one_request_not_one_a_window() {
    let spec = AccountSpec::between(11, 40, NOW - 4_000 * DAY, NOW - 3_950 * DAY).at(NOW);
    let app = TestApp::over(StripeAccount::new(spec)).await;
    app.fetch("charge", Mode::Full).await.unwrap();
    app.drain().await;
    let charges: i64 = app.db.scalar("select count(*) from payments where kind = 'charge'").await;
    assert_eq!(charges, 40);
    let requests = app.stripe.requests_to("/v1/charges").len();
    assert!(requests <= 8, "{requests} requests");
}

#[tokio::test]
async fn a_message_that_comes_twice_or_late_begins_no_second_run() {
    let app = TestApp::over(account(13, 30)).await;
    let request = FetchRequest::new("stripe", "charge", Mode::Full);
    let deadline = app.clock.now() + Duration::from_secs(3_600);
    let late = request.clone().resuming();
    assert_eq!(app.fetch.serve(&late, deadline).await.unwrap(), Outcome::NothingToResume);
    assert!(matches!(app.fetch.serve(&request, deadline).await.unwrap(), Outcome::Finished { .. }));
    assert_eq!(app.fetch.serve(&late, deadline).await.unwrap(), Outcome::NothingToResume);
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_runs").await, 1);
    assert!(
        matches!(app.fetch.serve(&request, deadline).await.unwrap(), Outcome::Finished { .. }),
        "asked for anew"
    );
}

#[tokio::test]
async fn a_full_run_under_way_does_not_stand_for_one_that_is_owed_since() {
    let app = TestApp::with_settings(account(14, 700), &[("STRIPE_RATE_PER_SECOND", "1")]).await;
    // The run was begun by hand and left half-way. Changes come while no run pulls events; then the
    // schedule is switched on.
    let begun = app.fetch_within("charge", Mode::Full, Duration::from_secs(3)).await.unwrap();
    assert!(matches!(begun, Outcome::Continues { .. }), "{begun:?}");
    app.stripe.change(300);
    app.clock.advance(Duration::from_secs(3_600));
    app.fetch("event", Mode::Incremental).await.unwrap();
    for _ in 0..3 {
        app.drain().await;
        app.clock.advance(Duration::from_secs(400));
        app.relay.run_once(app.relay_deadline()).await.unwrap();
    }
    app.drain().await;
    assert_true(&app).await;
    let owed =
        "select count(*) from sync_state where requested_at is not null or run_id is not null";
    assert_eq!(app.db.scalar::<i64>(owed).await, 0);
}
