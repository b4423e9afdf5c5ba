//! Events that a full list leaves out (traps 13, 72).

use jiff::SignedDuration;
use penstock_domain::fetch_request::Mode;

use crate::gcal::test_app::GcalTestApp;

const TOMBSTONES: &str =
    "select count(*) from outbox where version_key like 'sweep:%' or version_key like 'gone:%'";

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
        test.app.clock.advance(std::time::Duration::from_secs(900));
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
}

#[tokio::test]
async fn trap_80_a_list_that_leaves_out_too_much_once_marks_nothing_and_the_next_one_clears_it() {
    let test = GcalTestApp::filled(251, 320).await;
    test.app.clock.advance(std::time::Duration::from_secs(3_600));
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
        test.app.clock.advance(std::time::Duration::from_secs(3_600));
    }
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}
