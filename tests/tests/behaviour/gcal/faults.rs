//! A calendar that misbehaves (traps 14, 15 and 16).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_clients::vendor::VendorError;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::paging::PageError;
use penstock_tests::simulators::gcal::{Fault, RetryAfter};
use penstock_tests::thorough::part;

use crate::gcal::test_app::GcalTestApp;

const EVENTS: &str = "/calendar/v3/calendars";

#[tokio::test]
async fn with_every_passing_fault_the_tables_are_the_calendars_truth() {
    for seed in 200..200 + part(4) {
        // A quarter of the events vanish, and nobody is asked.
        let test = GcalTestApp::with_settings(seed, 400, &[("SWEEP_MAX_PERCENT", "100")]).await;
        test.google.faults().random(seed, 250, EVENTS, &Fault::PASSING);
        test.google.faults().random(seed, 300, "/token", &[Fault::ServerError]);
        let incremental = FetchRequest::new("gcal", "event", Mode::Incremental);
        for round in 0..6 {
            let mode = if round == 0 { Mode::Full } else { Mode::Incremental };
            // Three bad replies in a row end an invocation; the next one continues.
            test.app.serve_through(&FetchRequest::new("gcal", "event", mode)).await;
            test.change(70);
            if round == 2 {
                test.google.revoke_access_tokens();
            }
            if round == 3 {
                test.google.with(|calendar| calendar.cancel_and_forget(20));
                // Longer than a list may lag behind what it showed before.
                test.app.clock.advance(Duration::from_secs(600));
                test.google.expire_sync_tokens();
                let outcome = test.app.serve_through(&incremental).await;
                assert!(matches!(outcome, Outcome::StartsOver { .. }), "{outcome:?}");
                let outcome = test.app.serve_through(&incremental).await;
                assert!(matches!(outcome, Outcome::LeftToFullRuns { .. }), "{outcome:?}");
                test.app.serve_through(&FetchRequest::new("gcal", "event", Mode::Full)).await;
                drop(test.app.requests.take());
            }
        }
        test.app.serve_through(&incremental).await;
        test.app.end_rests().await;
        // What the full list left out is asked for by its id.
        test.google.faults().clear();
        test.app.clock.advance(Duration::from_secs(600));
        test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_14_rate_limits_wait_whatever_their_status_and_use_up_no_attempt() {
    let test = GcalTestApp::with(210, 120).await;
    let limits = [RetryAfter::Absent, RetryAfter::Date(0), RetryAfter::Seconds(7)];
    for limit in limits {
        test.google.faults().next_n(EVENTS, 9, Fault::TooMany(limit));
    }
    let request = FetchRequest::new("gcal", "event", Mode::Full);
    test.app.serve_to_end(&request).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    let statuses: Vec<u16> = test.google.take_requests().iter().map(|asked| asked.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 18);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 9);
    let report: String = test.app.db.scalar("select status || ' ' || errors from sync_runs").await;
    assert_eq!(report, "succeeded 0");
}

#[tokio::test]
async fn trap_14_the_days_quota_stops_the_run_which_is_asked_for_again_by_itself() {
    let test = GcalTestApp::with(211, 120).await;
    let google = test.google.handle();
    test.google.on_request(2, move || google.daily_limit(true));
    let outcome = test.fetch(Mode::Full).await.unwrap();
    let Outcome::Stopped { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason, "dailyLimitExceeded: Daily Limit Exceeded");
    test.google.daily_limit(false);
    test.app.clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().runs, 1);
    test.app.drain().await;
    test.assert_true().await;
    let first_pages =
        test.google.take_requests().iter().filter(|asked| asked.get("pageToken").is_none()).count();
    assert_eq!(first_pages, 1, "it went on where it had stopped");
}

#[tokio::test]
async fn trap_15_a_refused_account_halts_the_run_and_asks_for_no_full_one() {
    for fault in [Fault::Unauthorized, Fault::Forbidden] {
        let test = GcalTestApp::filled(220, 60).await;
        let cursor = test.cursor().await;
        test.change(5);
        test.google.faults().always(EVENTS, fault);
        let error = test.fetch(Mode::Incremental).await.unwrap_err();
        assert!(matches!(error, FetchError::Vendor(VendorError::Refused { .. })), "{error}");
        assert_eq!(test.app.requests.take(), Vec::<String>::new());
        assert_eq!(test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().runs, 0);
        test.app.clock.advance(Duration::from_secs(86_400));
        assert_eq!(
            test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().runs,
            1,
            "it is tried again by itself"
        );
        assert_eq!(test.cursor().await, cursor);
        test.google.faults().clear();
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_15_a_key_that_google_does_not_know_any_more_is_told_in_its_words() {
    let test = GcalTestApp::with(221, 20).await;
    test.google.rotate_key();
    let error = test.fetch(Mode::Full).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Vendor(VendorError::Refused { status: 400, .. })),
        "{error}"
    );
    assert!(error.to_string().contains("invalid_grant: Invalid JWT Signature."), "{error}");
    let halted: String =
        test.app.db.scalar("select halted from sync_state where source = 'gcal'").await;
    assert!(!halted.contains("PRIVATE"), "{halted}");
}

#[tokio::test]
async fn a_token_that_ends_in_mid_run_is_renewed_and_no_run_fails() {
    let test = GcalTestApp::with(222, 300).await;
    for page in [2, 4] {
        let google = test.google.handle();
        test.google.on_request(page, move || google.revoke_access_tokens());
    }
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert_eq!(test.google.exchanges(), (3, 0));
}

#[tokio::test]
async fn trap_16_a_reply_that_is_not_what_it_should_be_moves_no_cursor_and_ends() {
    for fault in
        [Fault::Html, Fault::TruncatedJson, Fault::ErrorInside, Fault::CutBody, Fault::Hang]
    {
        let test = GcalTestApp::with_settings(230, 120, &[("GCAL_TIMEOUT_SECONDS", "1")]).await;
        test.google.faults().at(2, EVENTS, fault);
        test.fetch(Mode::Full).await.unwrap();
        test.change(10);
        if fault == Fault::Hang {
            continue;
        }
        let cursor = test.cursor().await;
        test.google.faults().always(EVENTS, fault);
        let error = test.fetch(Mode::Incremental).await.unwrap_err();
        match fault {
            Fault::CutBody => assert!(
                matches!(error, FetchError::Vendor(VendorError::Unavailable { .. })),
                "{error}"
            ),
            Fault::ErrorInside => {
                assert!(
                    matches!(error, FetchError::Page { error: PageError::ErrorInside(_), .. }),
                    "{error}"
                );
            }
            _ => assert!(
                matches!(error, FetchError::Page { error: PageError::Malformed { .. }, .. }),
                "{error}"
            ),
        }
        assert_eq!(test.cursor().await, cursor, "{fault:?} moved the cursor");
        test.google.faults().clear();
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_16_a_page_without_events_is_not_the_end() {
    let test = GcalTestApp::with(231, 120).await;
    test.google.faults().next_n(EVENTS, 2, Fault::EmptyPage);
    test.google.faults().at(3, EVENTS, Fault::EmptyPage);
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
}
