//! The first day: the calendar is shared only after Penstock was deployed.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::thorough::is_thorough;

use crate::gcal::test_app::GcalTestApp;

const EVENTS: &str = "/calendar/v3/calendars";

/// Minutes from one round of `relay` to the next: one as in a deployment by PENSTOCK_THOROUGH=1,
/// else three, which is less than anything here waits.
fn rounds_apart() -> u32 {
    if is_thorough() { 1 } else { 3 }
}

/// `minutes` pass: `relay` runs, and `fetch` serves its messages. Each quarter of an hour the rule
/// asks.
async fn pass(test: &GcalTestApp, minutes: u32) {
    let step = rounds_apart();
    for minute in (step..=minutes).step_by(step as usize) {
        test.app.clock.advance(Duration::from_secs(60) * step);
        round(test, minute).await;
    }
}

async fn round(test: &GcalTestApp, minute: u32) {
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
        pass(&test, 6 * 60).await;
        let refused = test.google.take_requests().len();
        assert!((7..20).contains(&refused), "{refused} requests in six hours");
        assert_eq!(test.app.db.scalar::<i64>("select count(*) from calendar_events").await, 0);

        test.google.faults().clear();
        pass(&test, 63).await;
        test.assert_true().await;
        let paused = "select count(*) from sync_state where halted is not null or refusals > 0";
        assert_eq!(test.app.db.scalar::<i64>(paused).await, 0);
        let wanted =
            "select count(*) from sync_state where requested_at is not null or run_id is not null";
        assert_eq!(test.app.db.scalar::<i64>(wanted).await, 0, "no wish is left over");
        test.change(5);
        pass(&test, 15).await;
        test.assert_true().await;
    }
}
