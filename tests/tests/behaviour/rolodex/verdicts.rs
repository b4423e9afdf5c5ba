//! How a source reads its vendor's refusals: wait, stop, start over, gone (traps 13, 14, 15).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;

use crate::rolodex::runs::{HOUR, fetch, ghosts, people, run, test_app};

#[tokio::test]
async fn a_limit_by_the_second_waits_and_uses_up_no_attempt() {
    let (app, server) = test_app(90, 5).await;
    server.account().refuse(20, 400, "slow down");
    let before = app.clock.now();
    run(&app, "person", Mode::Full).await;
    assert!(app.clock.now() >= before + Duration::from_secs(40));
    assert_eq!(people(&app).await, server.account().truth('p'));
}

#[tokio::test]
async fn a_limit_by_the_day_stops_the_run_with_its_reason_and_it_goes_on_when_the_limit_is_over() {
    let (app, server) = test_app(91, 25).await;
    server.account().on_request(|n, account| {
        if n == 2 {
            account.refuse(1, 403, "enough for today");
        }
    });
    let outcome = fetch(&app, "person", Mode::Full).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Stopped { reason, .. } if reason == "enough for today"),
        "{outcome:?}"
    );
    let report = "select status || ': ' || last_error from sync_runs";
    assert_eq!(app.db.scalar::<String>(report).await, "failed: enough for today");
    assert!(
        app.db.scalar::<bool>("select bool_and(halted is null) from sync_state").await,
        "nobody has to see to it"
    );
    assert!(app.requests.take().is_empty());

    app.clock.advance(HOUR / 2);
    assert_eq!(
        app.relay.run_once(app.relay_deadline()).await.unwrap().runs,
        0,
        "not before the limit may be over"
    );
    app.clock.advance(HOUR);
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    assert_eq!(
        app.db.scalar::<String>("select string_agg(status, ',') from sync_runs").await,
        "succeeded"
    );
    assert_eq!(server.account().requests.len(), 4, "page 1 was not asked for again");
}

#[tokio::test]
async fn trap_13_a_cursor_that_expired_ends_the_run_and_owes_a_full_one_with_the_reason() {
    let (app, server) = test_app(92, 25).await;
    run(&app, "person", Mode::Full).await;
    let now = app.clock.now();
    server.account().put("p100", "new@example.org", now);
    server.account().forget("p004");
    server.account().expire_cursors();
    app.clock.advance(Duration::from_secs(60));

    let outcome = fetch(&app, "person", Mode::Incremental).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::StartsOver { reason, .. } if reason == "cursor expired"),
        "{outcome:?}"
    );
    let owed =
        "select requested_why from sync_state where mode = 'full' and requested_at is not null";
    assert_eq!(app.db.scalar::<String>(owed).await, "cursor expired");
    // A second request meanwhile does not request a second run.
    let again = fetch(&app, "person", Mode::Incremental).await.unwrap();
    assert_eq!(again, Outcome::LeftToFullRuns { reason: "there is no cursor yet".to_owned() });
    assert_eq!(app.requests.delays().len(), 1);

    app.drain().await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    assert_eq!(ghosts(&app).await, ["p004"]);
    let note =
        "select last_error from sync_runs where mode = 'full' order by started_at desc limit 1";
    assert_eq!(app.db.scalar::<String>(note).await, "requested: cursor expired");
    run(&app, "person", Mode::Incremental).await;
    let waits =
        "select count(*) from sync_state where requested_at is not null or run_id is not null";
    assert_eq!(app.db.scalar::<i64>(waits).await, 0);
}

#[tokio::test]
async fn a_source_without_a_cursor_begins_with_a_full_run_and_loses_no_request_for_it() {
    let (app, server) = test_app(93, 25).await;
    app.requests.refuse(true);
    for _ in 0..3 {
        let outcome = fetch(&app, "person", Mode::Incremental).await.unwrap();
        assert!(matches!(outcome, Outcome::LeftToFullRuns { .. }), "{outcome:?}");
    }
    app.requests.refuse(false);
    assert!(server.account().requests.is_empty(), "there was nothing to ask for");
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    run(&app, "person", Mode::Incremental).await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    assert_eq!(
        app.db.scalar::<String>("select string_agg(mode, ',' order by id) from sync_runs").await,
        "full,incremental"
    );
}

#[tokio::test]
async fn an_object_that_the_vendor_says_is_gone_is_marked_deleted() {
    let (app, server) = test_app(94, 5).await;
    run(&app, "person", Mode::Full).await;
    server.account().forget("p002");
    app.clock.advance(Duration::from_secs(60));
    let look = penstock_domain::fetch_request::FetchRequest::refetch(
        "rolodex",
        "person",
        "p002".to_owned(),
    );
    let deadline = app.clock.now() + HOUR;
    assert_eq!(app.fetch.serve(&look, deadline).await.unwrap(), Outcome::Refetched { objects: 1 });
    app.drain().await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    // It is asked for once more, five minutes later.
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 1);
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().refetches, 1);
    app.drain().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    assert_eq!(people(&app).await, server.account().truth('p'));
}

#[tokio::test]
async fn a_full_run_that_must_start_over_is_asked_for_by_relay_and_begins_at_its_first_page() {
    let (app, server) = test_app(99, 25).await;
    server.account().on_request(|n, account| {
        if n == 2 {
            account.refuse(1, 410, "cursor expired");
        }
    });
    let outcome = fetch(&app, "person", Mode::Full).await.unwrap();
    assert!(matches!(outcome, Outcome::StartsOver { .. }), "{outcome:?}");
    assert!(app.requests.take().is_empty(), "at once it would be refused again");
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    let reports = "select string_agg(status, ',' order by id) from sync_runs";
    assert_eq!(app.db.scalar::<String>(reports).await, "failed,succeeded");
    assert!(ghosts(&app).await.is_empty());
}
