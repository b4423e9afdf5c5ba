//! Replies that Google's reference does not know, and Google gives (traps 12, 13, 16).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::PageError;
use penstock_tests::simulators::gcal::{ErrorBodies, Fault};

use crate::gcal::test_app::GcalTestApp;

const EVENTS: &str = "/calendar/v3/calendars";

const REPORT: &str = "select status || ': ' || coalesce(last_error, '') from sync_runs order by started_at desc, id desc limit 1";

#[tokio::test]
async fn trap_13_a_full_list_without_a_sync_token_keeps_what_came_and_marks_nothing_as_gone() {
    let test = GcalTestApp::filled(240, 130).await;
    test.app.clock.advance(Duration::from_secs(600));
    test.google.with(|calendar| calendar.cancel_and_forget(10));
    test.change(40);
    test.google.withhold_sync_tokens(true);
    assert!(matches!(test.fetch(Mode::Full).await.unwrap(), Outcome::Finished { .. }));
    test.app.drain().await;
    let report: String = test.app.db.scalar(REPORT).await;
    assert!(
        report.starts_with("succeeded: kept what came, marked nothing as gone: the last page has"),
        "{report}"
    );
    let swept = "select count(*) from outbox where version_key like 'gone:%'";
    assert_eq!(test.app.db.scalar::<i64>(swept).await, 0);
    // The next complete list tells what is gone.
    test.google.withhold_sync_tokens(false);
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(swept).await, 10);
}

#[tokio::test]
async fn trap_12_an_increment_without_a_sync_token_is_kept_and_the_next_begins_at_the_same_one() {
    let test = GcalTestApp::filled(241, 60).await;
    let cursor = test.cursor().await;
    for _ in 0..2 {
        test.change(70);
        test.google.withhold_sync_tokens(true);
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
        assert_eq!(test.cursor().await, cursor);
    }
    test.google.withhold_sync_tokens(false);
    test.change(30);
    test.fetch(Mode::Incremental).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert_ne!(test.cursor().await, cursor);
}

#[tokio::test]
async fn trap_12_a_first_list_without_a_sync_token_has_the_next_run_begin_anew() {
    let test = GcalTestApp::with(242, 60).await;
    test.google.withhold_sync_tokens(true);
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert!(matches!(test.fetch(Mode::Incremental).await.unwrap(), Outcome::LeftToFullRuns { .. }));
    test.google.withhold_sync_tokens(false);
    test.change(20);
    test.app.drain().await;
    test.fetch(Mode::Incremental).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_13_an_expired_token_starts_over_whatever_the_body_of_the_410() {
    for bodies in [ErrorBodies::WithoutReasons, ErrorBodies::Empty] {
        let test = GcalTestApp::filled(243, 60).await;
        test.app.clock.advance(Duration::from_secs(600));
        test.google.set_error_bodies(bodies);
        test.google.with(|calendar| calendar.cancel_and_forget(5));
        test.google.expire_sync_tokens();
        let outcome = test.fetch(Mode::Incremental).await.unwrap();
        let Outcome::StartsOver { reason, .. } = outcome else { panic!("{outcome:?}") };
        let said = match bodies {
            ErrorBodies::Empty => "Google answers 410 and does not say why",
            _ => "Sync token is no longer valid, a full sync is required.",
        };
        assert_eq!(reason, said);
        // A 404 without Google's words would not say that an event is gone.
        test.google.set_error_bodies(ErrorBodies::Whole);
        test.app.drain().await;
        test.assert_true().await;
        test.change(10);
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn a_page_token_that_has_ended_is_known_without_the_array_of_reasons() {
    let test = GcalTestApp::with(244, 230).await;
    test.google.set_error_bodies(ErrorBodies::WithoutReasons);
    let google = test.google.handle();
    test.google.on_request(3, move || google.expire_page_tokens());
    let outcome = test.fetch(Mode::Full).await.unwrap();
    assert!(matches!(outcome, Outcome::StartsOver { .. }), "{outcome:?}");
}

#[tokio::test]
async fn trap_12_an_event_that_is_cancelled_and_restored_around_a_list_stands_again() {
    for mode in [Mode::Incremental, Mode::Full] {
        let test = GcalTestApp::filled(245, 120).await;
        test.change(70);
        let id = test.google.with(|calendar| {
            let id = calendar.present().first().cloned().unwrap();
            calendar.cancel_barely(&id);
            id
        });
        // Restored within the same second, while the list that shows it cancelled is paged.
        let (google, restored) = (test.google.handle(), id.clone());
        test.google.on_request(2, move || google.with(|calendar| calendar.restore(&restored)));
        test.fetch(mode).await.unwrap();
        test.app.drain().await;
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_16_empty_pages_without_end_stop_the_run_with_a_reason_and_it_goes_on_later() {
    let test = GcalTestApp::with(247, 120).await;
    test.google.faults().always(EVENTS, Fault::EmptyPage);
    let error = test.fetch(Mode::Full).await.unwrap_err();
    assert!(matches!(error, FetchError::Page { error: PageError::Loop(_), .. }), "{error}");
    assert!(error.to_string().contains("100 pages in a row show nothing"), "{error}");
    test.google.faults().clear();
    assert!(matches!(test.fetch(Mode::Full).await.unwrap(), Outcome::Finished { .. }));
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_72_an_event_that_one_full_list_left_out_is_asked_for_and_never_gone() {
    let test = GcalTestApp::filled(246, 120).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    let hidden: Vec<String> =
        test.google.with(|calendar| calendar.present()).into_iter().take(4).collect();
    test.google.with(|calendar| calendar.hide(&hidden));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    let gone = "select count(*) from calendar_events where deleted_at is not null";
    assert_eq!(test.app.db.scalar::<i64>(gone).await, 0);
    let asked = "select count(*) from outbox where version_key like 'look:%'";
    assert_eq!(test.app.db.scalar::<i64>(asked).await, 4);
    test.assert_true().await;
    test.google.with(|calendar| calendar.hide(&[]));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
}
