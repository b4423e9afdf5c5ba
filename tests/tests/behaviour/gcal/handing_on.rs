//! A full run hands its cursor on to the incremental pull, which may be under way (rule 5).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::sync_state::{self, Key};
use penstock_store::{StoreError, begin, commit};

use crate::gcal::test_app::GcalTestApp;

const INCREMENTAL: Key<'static> = Key { source: "gcal", entity: "event", mode: Mode::Incremental };

#[tokio::test]
async fn an_incremental_run_that_is_left_unfinished_goes_on_from_the_cursor_of_the_full_run() {
    let test = GcalTestApp::filled(260, 60).await;
    test.change(220);
    let clock = test.app.clock.clone();
    test.google.on_request(2, move || clock.advance(Duration::from_secs(60)));
    let incremental = FetchRequest::new("gcal", "event", Mode::Incremental);
    let outcome = test.serve(&incremental, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    drop(test.app.requests.take());
    test.fetch(Mode::Full).await.unwrap();
    let handed_on = test.cursor().await;
    // Where the unfinished run would have gone on, there is nothing any more.
    test.google.expire_page_tokens();
    test.change(10);
    let outcome = test.fetch(Mode::Incremental).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    test.app.drain().await;
    test.assert_true().await;
    assert!(handed_on.is_some() && test.cursor().await != handed_on);
    let overtaken = "select count(*) from sync_runs where mode = 'incremental' and status = 'failed' \
                     and last_error like 'a full run has handed on%'";
    assert_eq!(test.app.db.scalar::<i64>(overtaken).await, 1);
    let full = "select count(*) from sync_runs where mode = 'full'";
    assert_eq!(test.app.db.scalar::<i64>(full).await, 2, "none was needed for a lost cursor");
}

#[tokio::test]
async fn trap_81_an_incremental_run_in_flight_neither_overwrites_nor_forgets_the_cursor_handed_on()
{
    for refused in [false, true] {
        let test = GcalTestApp::filled(261, 60).await;
        test.change(20);
        let (mut other, now) = (test.app.db.client().await, test.app.clock.now());
        let until = now + Duration::from_secs(120);
        let lease = sync_state::acquire(&other, INCREMENTAL, now, until).await.unwrap().unwrap();
        test.fetch(Mode::Full).await.unwrap();
        let handed_on = test.cursor().await;
        let tx = other.transaction().await.unwrap();
        let late = match refused {
            false => {
                sync_state::finish(&tx, INCREMENTAL, &lease, Some("older"), now).await.map(drop)
            }
            true => sync_state::abandon(&tx, INCREMENTAL, &lease, now).await,
        };
        assert!(matches!(late, Err(StoreError::FenceLost(_))), "{refused}: {late:?}");
        drop(tx);
        assert_eq!(test.cursor().await, handed_on);
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn an_expired_cursor_that_is_abandoned_takes_no_other_cursor_with_it() {
    for (stored, left) in [("the cursor that expired", None), ("a newer one", Some("a newer one"))]
    {
        let test = GcalTestApp::filled(262, 20).await;
        let now = test.app.clock.now();
        let store = |cursor: &str| {
            format!("update sync_state set cursor = '{cursor}' where mode = 'incremental'")
        };
        let client = test.app.db.client().await;
        client.batch_execute(&store("the cursor that expired")).await.unwrap();
        let mut connection = test.app.fetch.database.connection().await.unwrap();
        let until = now + Duration::from_secs(120);
        let lease = sync_state::acquire(&**connection, INCREMENTAL, now, until).await.unwrap();
        // A release that raises no fence hands a cursor on.
        client.batch_execute(&store(stored)).await.unwrap();
        let tx = begin(&mut connection).await.unwrap();
        sync_state::abandon(&tx, INCREMENTAL, &lease.unwrap(), now).await.unwrap();
        commit(tx).await.unwrap();
        assert_eq!(test.cursor().await.as_deref(), left);
    }
}

#[tokio::test]
async fn a_full_run_that_has_lost_its_lease_hands_nothing_on() {
    let test = GcalTestApp::filled(263, 120).await;
    let before = test.cursor().await;
    test.change(30);
    let (app, client) = (&test.app, test.app.db.client().await);
    let other = "update sync_state set fence = fence + 1 where mode = 'full'";
    let handle = tokio::runtime::Handle::current();
    let pages = 3;
    test.google.on_request(pages, move || {
        std::thread::spawn(move || handle.block_on(client.batch_execute(other)).unwrap())
            .join()
            .unwrap();
    });
    let error = test.fetch(Mode::Full).await.unwrap_err();
    assert!(error.to_string().contains("fence") || error.to_string().contains("lease"), "{error}");
    assert_eq!(test.cursor().await, before);
    drop(app.requests.take());
}

#[tokio::test]
async fn an_increment_that_was_requested_before_there_was_a_cursor_is_asked_for_when_there_is_one()
{
    let test = GcalTestApp::with(264, 20).await;
    let (client, now) = (test.app.db.client().await, test.app.clock.now());
    let (mode, unless) = (Mode::Incremental, Unless::Never);
    pending::request(&client, "gcal", &["event"], mode, None, unless, now).await.unwrap();
    let request = FetchRequest::new("gcal", "event", mode).resuming();
    let outcome = test.serve(&request, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(outcome, Outcome::LeftToFullRuns { .. }), "{outcome:?}");
    // Each message asks for the next run, without `relay`.
    test.app.drain().await;
    test.assert_true().await;
    let open =
        "select count(*) from sync_state where requested_at is not null or run_id is not null";
    assert_eq!(test.app.db.scalar::<i64>(open).await, 0);
}
