//! A full run that pages through several windows of its history side by side (docs/adr/0023; traps
//! 8, 9, 14).

use std::collections::BTreeSet;
use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::stripe::{Fault, Request, RetryAfter};
use penstock_tests::test_app::TestApp;
use serde_json::Value;

use crate::admin::trigger::{admin, run};
use crate::rolodex::runs;
use crate::stripe_account::{account, assert_true};

/// Windows of ten days, about ten pages each. A request times out after ten seconds: on a machine
/// with much to do, one that does not hang may take some.
async fn test_app(seed: u64, at_once: usize) -> TestApp {
    let at_once = at_once.to_string();
    let settings = [
        ("STRIPE_CONCURRENCY", at_once.as_str()),
        ("STRIPE_WINDOW_DAYS", "10"),
        ("STRIPE_PAGE_SIZE", "10"),
        ("STRIPE_TIMEOUT_SECONDS", "10"),
        ("STRIPE_RATE_PER_SECOND", "1000"),
    ];
    TestApp::with_settings(account(seed, 900), &settings).await
}

async fn finish(app: &TestApp) {
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(app).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_windows").await, 0);
}

fn hung(app: &TestApp) -> Vec<Request> {
    app.stripe.requests().into_iter().filter(|request| request.fault == Some(Fault::Hang)).collect()
}

#[tokio::test]
async fn windows_are_paged_side_by_side_up_to_the_limit_and_no_further() {
    let each = [1, 3, 5].map(async |at_once| {
        let app = test_app(200, at_once).await;
        app.stripe.faults().since(20, "/v1/charges", Fault::Hang);
        // The first pause is longer than the time that is left.
        let outcome =
            app.fetch_within("charge", Mode::Full, Duration::from_millis(1)).await.unwrap();
        assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
        let waiting: BTreeSet<String> =
            hung(&app).into_iter().map(|request| request.query).collect();
        assert_eq!(waiting.len(), at_once);
        app.stripe.faults().clear();
        finish(&app).await;
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn a_window_whose_reply_hangs_holds_up_no_other() {
    let app = test_app(201, 3).await;
    app.stripe.faults().at(9, "/v1/charges", Fault::Hang);
    finish(&app).await;
    let query = hung(&app).remove(0).query;
    let charges = app.stripe.requests_to("/v1/charges");
    let asked: Vec<usize> = (0..charges.len()).filter(|at| charges[*at].query == query).collect();
    assert_eq!(asked.len(), 2, "once without an answer, once more");
    assert!(asked[1] - asked[0] > 5, "{} others meanwhile", asked[1] - asked[0] - 1);
}

#[tokio::test]
async fn trap_14_a_pause_that_one_window_is_told_is_kept_by_all() {
    let app = test_app(202, 4).await;
    app.stripe.faults().at(9, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(4)));
    let before = app.clock.now();
    finish(&app).await;
    let charges = app.stripe.requests_to("/v1/charges");
    let told = charges.iter().position(|request| request.fault.is_some()).unwrap();
    assert_eq!(charges.iter().filter(|request| request.fault.is_some()).count(), 1);
    // Requests that were sent before the pause may still arrive; all later ones are sent 4 s
    // later.
    let early =
        charges[told + 1..].iter().filter(|request| request.at < before.as_second() + 4).count();
    assert!(early <= 3, "{early} requests during the pause");
}

#[tokio::test]
async fn trap_16_an_unusable_reply_in_one_window_moves_no_other_and_is_asked_for_again() {
    let app = test_app(203, 4).await;
    // Two, because which window meets them is left to chance, and three in one would end the run.
    for nth in [7, 9] {
        app.stripe.faults().at(nth, "/v1/charges", Fault::TruncatedJson);
    }
    finish(&app).await;
    assert_eq!(
        app.db.scalar::<String>("select string_agg(distinct status, ' ') from sync_runs").await,
        "succeeded"
    );
}

#[tokio::test]
async fn trap_09_a_run_of_many_windows_outlives_its_invocations_and_is_one_run() {
    let app = test_app(204, 4).await;
    let mut invocations = 0;
    loop {
        let clock = app.clock.clone();
        app.stripe.on_request(20, move || clock.advance(Duration::from_secs(3_600)));
        invocations += 1;
        match app.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap() {
            Outcome::Finished { .. } => break,
            Outcome::Continues { .. } => assert!(invocations < 50, "the run does not get on"),
            other => panic!("{other:?}"),
        }
    }
    assert!(invocations > 2, "one invocation cannot have done it");
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_runs").await, 1);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 900);
    finish(&app).await;
}

#[tokio::test]
async fn the_first_full_run_tells_how_far_it_is_once_its_windows_reach_the_beginning() {
    let app = test_app(205, 4).await;
    drop(admin(&app).await);
    let told = async || {
        let id: String = app.db.scalar("select id::text from sync_runs").await;
        run(&app, &id).await["progress"].clone()
    };
    let mut last = 0.0;
    for _ in 0..4 {
        let clock = app.clock.clone();
        app.stripe.on_request(20, move || clock.advance(Duration::from_secs(3_600)));
        app.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap();
        let progress = told().await;
        if app.db.scalar::<bool>("select windows_complete from sync_state").await {
            let done = progress["done"].as_f64().unwrap();
            assert!(done >= last && done <= 1.0, "{last}, then {progress}");
            last = done;
        } else {
            assert_eq!(
                progress["done"],
                Value::Null,
                "nobody knows yet how old the account is: {progress}"
            );
        }
        assert!(progress["reached"].is_string(), "{progress}");
    }
    assert!(last > 0.0, "{last}");
    finish(&app).await;
}

#[tokio::test]
async fn a_full_run_whose_order_tells_nothing_counts_by_what_there_was_the_last_time() {
    let (app, server) = runs::test_app(206, 40).await;
    drop(admin(&app).await);
    runs::run(&app, "person", Mode::Full).await;
    let clock = app.clock.clone();
    server.account().on_request(move |number, _| {
        if number % 3 == 0 {
            clock.advance(Duration::from_secs(100_000));
        }
    });
    runs::fetch(&app, "person", Mode::Full).await.unwrap();
    let id: String =
        app.db.scalar("select run_id::text from sync_state where run_id is not null").await;
    let progress = run(&app, &id).await["progress"].clone();
    let done = progress["done"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&done), "{progress}");
    assert_eq!(progress["reached"], Value::Null);
}

/// Leaves a full run as code from before windows did: its window is in the row of the run itself,
/// and the time before that window is not read yet.
pub async fn left_without_windows(app: &TestApp, mode: &str, complete: bool) {
    let now = app.clock.now();
    let sql = format!(
        "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at) \
         values ('00000000-0000-7000-8000-000000000001', 'stripe', 'charge', '{mode}', 'running', '{now}', '{now}'); \
         insert into sync_state (source, entity, mode, run_id, run_started, window_from, window_to, upper_bound, fence, \
                                 updated_at, windows_complete) \
         values ('stripe', 'charge', '{mode}', '00000000-0000-7000-8000-000000000001', '{now}', \
                 '{now}'::timestamptz - interval '31 days', '{now}', '{now}', 1, '{now}', {complete})"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_full_run_that_code_from_before_windows_has_left_reads_what_lies_before_its_window() {
    for complete in [false, true] {
        let app = TestApp::over(account(900, 300)).await;
        left_without_windows(&app, "full", complete).await;
        app.fetch_all().await.unwrap();
        app.drain().await;
        let (ours, run): (i64, String) = (
            app.db.scalar("select count(*) from outbox where entity = 'charge'").await,
            app.db.scalar("select status from sync_runs where entity = 'charge'").await,
        );
        assert_eq!((ours, run.as_str()), (300, "succeeded"), "complete: {complete}");
        assert_true(&app).await;
    }
}

#[tokio::test]
async fn a_full_run_that_is_begun_anew_by_hand_reads_all() {
    let settings = [("STRIPE_WINDOW_DAYS", "10"), ("STRIPE_PAGE_SIZE", "10")];
    let app = TestApp::with_settings(account(912, 300), &settings).await;
    app.fetch_within("charge", Mode::Full, Duration::from_secs(2)).await.unwrap();
    drop(app.requests.take());
    // docs/OPERATIONS.md, "To begin a full run anew".
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md"))
            .unwrap();
    let sql = &page[page.find("To begin a full run anew").unwrap()..];
    let sql = sql.split("```sql").nth(1).unwrap().split("```").next().unwrap();
    let open = "select count(*) from sync_windows";
    assert!(app.db.scalar::<i64>(open).await > 0);
    let client = app.db.client().await;
    client.batch_execute(&sql.replace("now()", "'infinity'::timestamptz")).await.unwrap();
    assert_eq!(app.db.scalar::<i64>(open).await, 0);
    app.fetch_within("charge", Mode::Full, Duration::from_secs(86_400)).await.unwrap();
    let read: i64 = app
        .db
        .scalar("select count(distinct external_id) from outbox where entity = 'charge'")
        .await;
    let run: String =
        app.db.scalar("select string_agg(status, ' ' order by id) from sync_runs").await;
    assert_eq!((read, run.as_str()), (300, "running succeeded"));
}
