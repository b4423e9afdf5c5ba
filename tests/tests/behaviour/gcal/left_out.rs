//! Events that a full list leaves out (traps 13, 72).

use std::time::Duration;

use jiff::SignedDuration;
use penstock_domain::fetch_request::Mode;

use crate::gcal::test_app::GcalTestApp;

const TOMBSTONES: &str =
    "select count(*) from outbox where version_key like 'sweep:%' or version_key like 'gone:%'";

const REQUESTED: &str = "select count(*) from refetch_requests";

#[tokio::test]
async fn trap_72_events_that_lists_do_not_show_yet_outlive_a_full_run() {
    let test = GcalTestApp::filled(250, 120).await;
    test.change(60);
    test.fetch(Mode::Incremental).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    // The next list comes from a server that is behind.
    test.google.with(|calendar| calendar.list_lag = SignedDuration::from_secs(120));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    for _ in 0..3 {
        test.app.clock.advance(Duration::from_secs(900));
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
}

/// The list is a minute behind: it shows an event as deleted, without a time, that was restored
/// since.
#[tokio::test]
async fn trap_72_an_event_that_was_restored_outlives_the_tombstone_of_a_list_that_is_behind() {
    for (mode, seed) in [(Mode::Incremental, 252), (Mode::Full, 253)] {
        let test = GcalTestApp::filled(seed, 120).await;
        let id = test.google.with(|calendar| calendar.present()[7].clone());
        test.app.clock.advance(Duration::from_secs(3_600));
        test.google.with(|calendar| calendar.cancel_barely(&id));
        test.app.clock.advance(Duration::from_secs(60));
        test.google.with(|calendar| calendar.restore(&id));
        test.app.clock.advance(Duration::from_secs(30));
        test.google.with(|calendar| calendar.list_lag = SignedDuration::from_secs(60));
        test.fetch(mode).await.unwrap();
        assert_eq!(test.app.db.scalar::<i64>(REQUESTED).await, 1, "the list shows it as deleted");
        test.app.drain().await;
        test.assert_true().await;
        test.app.clock.advance(Duration::from_secs(900));
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

/// Events that a list shows as deleted are not left out by it, however many they are.
#[tokio::test]
async fn trap_80_many_events_that_a_full_list_shows_as_deleted_hold_no_sweep() {
    let test = GcalTestApp::filled(254, 320).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    for id in test.google.with(|calendar| calendar.present()).iter().take(150) {
        test.google.with(|calendar| calendar.cancel_barely(id));
    }
    test.app.clock.advance(Duration::from_secs(3_600));
    test.fetch(Mode::Full).await.unwrap();
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from held_sweeps").await, 0);
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_80_a_list_that_leaves_out_too_much_once_marks_nothing_and_the_next_one_clears_it() {
    let test = GcalTestApp::filled(251, 320).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    let hidden: Vec<String> =
        test.google.with(|calendar| calendar.present()).into_iter().take(150).collect();
    test.google.with(|calendar| calendar.hide(&hidden));
    let held = "select count(*) from held_sweeps where source = 'gcal' and unseen = 150";
    for (again, rows) in [(false, 1), (true, 0)] {
        if again {
            test.google.with(|calendar| calendar.hide(&[]));
        }
        test.fetch(Mode::Full).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
        assert_eq!(test.app.db.scalar::<i64>(held).await, rows);
        test.app.clock.advance(Duration::from_secs(3_600));
    }
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}
