//! A run does not outlive the rows by which it knows what it has shown (trap 73).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::{DEFAULT_TOKEN, Kind};

use crate::hubspot::test_app::{HubSpotTestApp, portal};

/// Full runs of contacts. The first one, and one that the first incremental run asked for, ended
/// before the portal stood still.
const RUNS: &str = "select count(*) from sync_runs where entity = 'contact' and mode = 'full'";

const ENDED: &str =
    "select count(*) from sync_runs where status = 'failed' and last_error like 'left unfinished%'";

/// A portal of which a second run has shown the first pages only. Then HubSpot refuses the key for
/// `days`.
async fn stood_still(mode: Mode, days: u32, settings: &[(&str, &str)]) -> HubSpotTestApp {
    let page = ("HUBSPOT_PAGE_SIZE", "50");
    let settings: Vec<_> = [page].into_iter().chain(settings.iter().copied()).collect();
    let test = HubSpotTestApp::with_settings(portal(36, 320, 10), &settings).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(3_600);
    test.hubspot.portal().edit_at_once(Kind::Contact, 200);
    test.wait(3_600);
    let moment = Duration::from_millis(600);
    let outcome = test.fetch_within("contact", mode, moment).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    test.app.work_tickets().await;
    test.hubspot.set_token("another");
    test.app.pass_days(days).await;
    drop(test.app.requests.take());
    test.hubspot.set_token(DEFAULT_TOKEN);
    test
}

#[tokio::test]
async fn trap_73_a_full_run_that_is_older_than_the_outbox_keeps_rows_begins_anew() {
    for (days, retention) in [(36, "35"), (8, "7")] {
        let test = stood_still(Mode::Full, days, &[("OUTBOX_RETENTION_DAYS", retention)]).await;
        assert_eq!(test.app.db.scalar::<i64>(RUNS).await, 3);
        test.run(Mode::Full).await;
        test.assert_true().await;
        let deleted = "select count(*) from contacts where deleted_at is not null";
        assert_eq!(test.app.db.scalar::<i64>(deleted).await, 0);
        let asked = "select count(*) from outbox where version_key like 'look:%'";
        assert_eq!(test.app.db.scalar::<i64>(asked).await, 0, "its list has shown them all");
        assert_eq!(test.app.db.scalar::<i64>(RUNS).await, 4);
        assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 1, "the report says why it ended");
    }
}

#[tokio::test]
async fn trap_73_a_run_that_stood_still_for_less_goes_on_where_it_was() {
    let test = stood_still(Mode::Full, 24, &[]).await;
    test.run(Mode::Full).await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(RUNS).await, 3);
    assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 0);
}

#[tokio::test]
async fn trap_73_an_incremental_run_that_is_too_old_begins_anew_from_the_watermark() {
    let test = stood_still(Mode::Incremental, 26, &[]).await;
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 1);
}
