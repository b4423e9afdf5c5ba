//! Work that goes on by messages to itself: it may take as many as it needs, and rests after 16 in
//! a row that brought nothing (trap 66).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, MAX_IDLE_HOPS, Mode};
use penstock_store::refetch::{self, Cause};
use penstock_store::{begin, commit};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{account, assert_true};

const MINUTE: Duration = Duration::from_secs(60);

/// An invocation that has none brings nothing.
const NO_TIME: Duration = Duration::ZERO;

/// Serves `request`, and then each message that goes on with it once its delay is over. Returns the
/// outcome that sent none, and how many messages there were.
async fn follow(app: &TestApp, mut request: FetchRequest, time: Duration) -> (Outcome, u32) {
    for hops in 0..1_000 {
        let deadline = app.clock.now() + time + fetch::MARGIN;
        let outcome = app.fetch.serve(&request, deadline).await.unwrap();
        let delay = app.requests.delays().first().copied();
        let Some(body) = app.requests.take().pop() else { return (outcome, hops) };
        app.clock.advance(delay.unwrap_or_default() + Duration::from_secs(1));
        request = serde_json::from_str(&body).unwrap();
    }
    panic!("it goes on for ever");
}

async fn asked_again(app: &TestApp) -> usize {
    app.relay.run_once(app.relay_deadline()).await.unwrap().runs
}

#[tokio::test]
async fn trap_66_a_backfill_takes_as_many_messages_as_it_needs() {
    let app = TestApp::with_settings(
        account(950, 600),
        &[("STRIPE_RATE_PER_SECOND", "1"), ("STRIPE_PAGE_SIZE", "10")],
    )
    .await;
    let request = FetchRequest::new("stripe", "charge", Mode::Full);
    let (outcome, hops) = follow(&app, request, Duration::from_millis(100)).await;
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    assert!(hops > MAX_IDLE_HOPS, "{hops} messages");
}

#[tokio::test]
async fn trap_66_a_run_that_no_message_moves_says_so_rests_and_is_asked_for_again() {
    let app = TestApp::over(account(951, 20)).await;
    let log = CapturedLog::start();
    let request = FetchRequest::new("stripe", "charge", Mode::Full);
    let (outcome, hops) = follow(&app, request, NO_TIME).await;
    let Outcome::Stopped { run, reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!((hops, reason.as_str()), (MAX_IDLE_HOPS, "16 messages in a row have not moved it"));
    let report = format!("select status || ': ' || last_error from sync_runs where id = '{run}'");
    assert_eq!(app.db.scalar::<String>(&report).await, format!("failed: {reason}"));
    let lines = log.text();
    let stalled: Vec<&str> = lines.lines().filter(|line| line.contains("pull_stalled")).collect();
    assert_eq!(stalled.len(), 1);
    assert!(stalled[0].contains(r#""entity":"charge","mode":"full","hops":16"#), "{}", stalled[0]);

    app.clock.advance(15 * MINUTE);
    assert_eq!(asked_again(&app).await, 0, "it rests");
    app.clock.advance(4 * MINUTE);
    assert_eq!(asked_again(&app).await, 1, "it is not lost");
    app.drain().await;
    for entity in ["refund", "dispute"] {
        app.fetch(entity, Mode::Full).await.unwrap();
    }
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from sync_runs where status <> 'succeeded'").await,
        0
    );
}

#[tokio::test]
async fn trap_66_a_run_that_a_rule_asks_for_meanwhile_counts_anew() {
    let app = TestApp::over(account(952, 20)).await;
    app.fetch_within("event", Mode::Incremental, NO_TIME).await.unwrap();
    let (mut rounds, request) = (0, FetchRequest::new("stripe", "event", Mode::Incremental));
    app.requests.take();
    for _ in 0..2 {
        app.clock.advance(MINUTE);
        let (outcome, hops) = follow(&app, request.clone(), NO_TIME).await;
        assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome:?}");
        rounds += hops;
    }
    assert_eq!(rounds, 2 * MAX_IDLE_HOPS);
}

#[tokio::test]
async fn trap_66_objects_that_no_message_brings_wait_for_relay() {
    let app = TestApp::over(account(953, 20)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    let id = app.stripe.truth().into_iter().find(|object| object.id.starts_with("ch_")).unwrap().id;
    let log = CapturedLog::start();
    let now = app.clock.now();
    let mut connection = app.db.database(1).connection().await.unwrap();
    let tx = begin(&mut connection).await.unwrap();
    let wish = [("stripe", "charge", id.as_str())];
    refetch::request(&tx, &wish, Cause::Pushed, now, now).await.unwrap();
    commit(tx).await.unwrap();
    let (outcome, hops) = follow(&app, FetchRequest::refetches("stripe", "charge"), NO_TIME).await;
    assert_eq!((outcome, hops), (Outcome::Refetched { objects: 0 }, MAX_IDLE_HOPS));
    assert!(log.text().contains("pull_stalled"));

    app.clock.advance(20 * MINUTE);
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().refetches, 1);
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}

#[tokio::test]
async fn trap_66_a_reconciliation_waits_for_process_ever_longer_and_rests_in_the_end() {
    let app = TestApp::over(account(954, 100)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app.clock.advance(120 * MINUTE);
    app.db
        .client()
        .await
        .batch_execute("delete from payments where kind = 'charge'")
        .await
        .unwrap();
    let began = app.clock.now();
    let request = FetchRequest::new("stripe", "charge", Mode::Reconcile);
    let (outcome, hops) = follow(&app, request, 5 * MINUTE).await;
    assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome:?}");
    assert_eq!(hops, MAX_IDLE_HOPS + 1, "the first had mended");
    let waited = app.clock.now().duration_since(began).as_secs();
    assert!((1_200..1_500).contains(&waited), "{waited} s");

    app.work_tickets().await;
    app.clock.advance(20 * MINUTE);
    assert_eq!(asked_again(&app).await, 1);
    app.drain().await;
    assert_true(&app).await;
}
