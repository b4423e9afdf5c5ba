//! Refetches after a full run and an incremental run that show the same change.

use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::Kind;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

/// A test app whose runs are up to date, and a portal in which 50 deals have changed since.
async fn with_changed_deals(seed: u64) -> HubSpotTestApp {
    let test = HubSpotTestApp::over(portal(seed, 1, 60)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(3_600);
    for n in 0..50 {
        let id = some(&test, Kind::Deal, n);
        test.hubspot.portal().edit(Kind::Deal, id);
    }
    test.wait(70);
    test
}

#[tokio::test]
async fn a_full_run_that_shows_what_an_incremental_run_has_brought_asks_for_no_refetch() {
    let test = with_changed_deals(71).await;
    test.run(Mode::Incremental).await;
    // Within the five minutes for which the list may lag: its stamps are those of the changes.
    let before = test.app.clock.now().as_second();
    test.fetch("deal", Mode::Full).await.unwrap();
    test.app.work_tickets().await;
    assert!(
        test.app.clock.now().as_second() - before < 200,
        "the list came too late to share a stamp"
    );
    let shared: i64 = test
        .app
        .db
        .scalar(
            "select count(*) from (select from outbox where entity = 'deal' \
             group by external_id, version_at having count(*) > 1) stamps",
        )
        .await;
    assert!(shared >= 50, "{shared} stamps are shared");
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    assert!(test.app.requests.take().is_empty());
    test.assert_true().await;
}

#[tokio::test]
async fn both_runs_waiting_at_once_ask_for_no_refetch_either() {
    let test = with_changed_deals(72).await;
    test.fetch("deal", Mode::Incremental).await.unwrap();
    test.fetch("deal", Mode::Full).await.unwrap();
    // The newest tickets first: the rows of one run wait while the other's are processed.
    let tickets = test.app.tickets.take();
    assert!(tickets.len() >= 2, "{} tickets", tickets.len());
    for ticket in tickets.iter().rev() {
        assert_eq!(test.app.deliver(std::slice::from_ref(ticket), 1).await.failures(), 0);
    }
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    test.assert_true().await;
}
