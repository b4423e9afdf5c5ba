//! A table that is locked during a run, as by a migration by hand: `fetch` gives up its statement,
//! holds no connection with it, and goes on later (trap 69).

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::elsewhere;
use penstock_tests::test_app::TestApp;
use penstock_tests::victim::leases_run_out;
use serde_json::json;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::stripe_account::{account, assert_true};

/// Only for the day on which nothing is given up.
const TOO_LONG: Duration = Duration::from_secs(60);

/// An app whose `fetch` waits for three seconds in place of [`fetch::PATIENCE`].
async fn impatient(seed: u64) -> TestApp {
    let mut app = TestApp::over(account(seed, 60)).await;
    app.fetch.database = app.db.database_of("fetch", 1).giving_up_after(Duration::from_secs(3));
    app
}

async fn lock(app: &TestApp, tables: &str) -> Client {
    let client = app.db.client().await;
    let lock = format!("begin; lock table {tables} in access exclusive mode");
    client.batch_execute(&lock).await.unwrap();
    client
}

/// Asserts that no statement of ours waits any more.
async fn assert_nothing_is_under_way(app: &TestApp) {
    let waits = "select count(*) from pg_stat_activity where datname = current_database() \
                 and application_name = 'penstock' and state <> 'idle'";
    for _ in 0..100 {
        if app.db.scalar::<i64>(waits).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a statement still waits");
}

/// Asserts that the charges' run goes on, and that the tables come to the vendor's truth.
async fn assert_the_rest_comes(app: &TestApp) {
    app.drain().await;
    for entity in ["refund", "dispute"] {
        app.fetch(entity, Mode::Full).await.unwrap();
    }
    app.drain().await;
    assert_true(app).await;
}

#[tokio::test]
async fn trap_69_a_run_whose_page_waits_on_a_lock_is_given_up_and_goes_on_by_a_message() {
    let app = impatient(96).await;
    let locked = lock(&app, "outbox").await;
    let ended = timeout(TOO_LONG, app.fetch("charge", Mode::Full)).await.expect("given up");
    assert!(matches!(ended, Ok(Outcome::Continues { new_rows: 0, .. })), "{ended:?}");
    assert_nothing_is_under_way(&app).await;
    assert_eq!(app.requests.delays(), [Duration::from_secs(30)]);
    let report: String = app.db.scalar("select status || ': ' || last_error from sync_runs").await;
    assert!(report.starts_with("running: statement outbox."), "{report}");
    assert!(report.contains("57014"), "{report}");
    locked.batch_execute("commit").await.unwrap();
    assert_the_rest_comes(&app).await;
}

#[tokio::test]
async fn trap_69_a_run_that_cannot_even_free_its_lease_is_asked_for_by_relay_after_the_lock() {
    let app = impatient(97).await;
    let all: String = app
        .db
        .scalar("select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'")
        .await;
    let (url, lock_all) =
        (app.db.url(), format!("begin; lock table {all} in access exclusive mode"));
    let (unlock, is_over) = channel::<()>();
    // The first page: the run has begun, and nothing of it can be written any more.
    app.stripe.on_request(1, move || {
        let (locked, has_locked) = channel();
        thread::spawn(move || {
            elsewhere::with_client(&url, async move |client| {
                client.batch_execute(&lock_all).await.unwrap();
                locked.send(()).unwrap();
                is_over.recv().unwrap();
            });
        });
        has_locked.recv().unwrap();
    });
    let ended = timeout(TOO_LONG, app.fetch("charge", Mode::Full)).await.expect("given up");
    assert!(matches!(ended, Err(FetchError::Store(_))), "{ended:?}");
    unlock.send(()).unwrap();
    assert_nothing_is_under_way(&app).await;
    leases_run_out(&app.db).await;
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    assert_the_rest_comes(&app).await;
}

#[tokio::test]
async fn trap_69_an_invocation_that_waits_at_its_deadline_gives_up_before_lambda_ends_it() {
    let app = TestApp::over(account(98, 20)).await;
    let locked = lock(&app, "sync_state").await;
    let request = serde_json::to_value(FetchRequest::new("stripe", "charge", Mode::Full)).unwrap();
    let record = json!({"messageId": "m", "body": request.to_string()});
    for event in [request, json!({"Records": [record]})] {
        let deadline = app.clock.now() + Duration::from_secs(6);
        let served = timeout(TOO_LONG, app.fetch.handle(event.clone(), deadline)).await;
        match served.expect("given up") {
            Ok(reply) => assert_eq!(reply["batchItemFailures"][0]["itemIdentifier"], "m"),
            Err(error) => assert!(error.to_string().contains("not answered"), "{error}"),
        }
        assert_nothing_is_under_way(&app).await;
    }
    locked.batch_execute("commit").await.unwrap();
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}
