//! The first day: the calendar is shared only after Penstock was deployed.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::stripe::Fault;

use crate::gcal::test_app::GcalTestApp;

const EVENTS: &str = "/calendar/v3/calendars";

/// A minute: `relay` runs, and `fetch` serves its messages. Each quarter of an hour the rule asks.
async fn minute(test: &GcalTestApp, minute: u32) {
    test.app.clock.advance(Duration::from_secs(60));
    if minute.is_multiple_of(15) {
        // As on AWS: what fails is not asked again by the rule before its next quarter.
        drop(test.fetch(Mode::Incremental).await);
    }
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    for body in test.app.requests.take() {
        let request: FetchRequest = serde_json::from_str(&body).unwrap();
        drop(test.serve(&request, Duration::from_secs(600)).await);
    }
    test.app.work_tickets().await;
}

#[tokio::test]
async fn trap_67_a_calendar_that_is_shared_after_the_first_refusals_is_pulled_by_itself() {
    for fault in [Fault::NotFound, Fault::Forbidden] {
        let test = GcalTestApp::with(511, 60).await;
        test.google.faults().always(EVENTS, fault);
        let outcome = test.fetch(Mode::Incremental).await.unwrap();
        assert!(matches!(outcome, Outcome::LeftToFullRuns { .. }), "{outcome:?}");
        for n in 1..=6 * 60 {
            minute(&test, n).await;
        }
        let refused = test.google.take_requests().len();
        assert!((7..20).contains(&refused), "{refused} requests in six hours");
        assert_eq!(test.app.db.scalar::<i64>("select count(*) from calendar_events").await, 0);

        test.google.faults().clear();
        for n in 1..=61 {
            minute(&test, n).await;
        }
        test.assert_true().await;
        let paused = "select count(*) from sync_state where halted is not null or refusals > 0";
        assert_eq!(test.app.db.scalar::<i64>(paused).await, 0);
        let wanted =
            "select count(*) from sync_state where requested_at is not null or run_id is not null";
        assert_eq!(test.app.db.scalar::<i64>(wanted).await, 0, "no wish is left over");
        test.change(5);
        for n in 1..=15 {
            minute(&test, n).await;
        }
        test.assert_true().await;
    }
}
