//! The currency of deals that name none: the portal's, and never a guess (trap 68).

use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::{Fault, Kind};

use super::test_app::{HubSpotTestApp, portal};

/// Where HubSpot says what the account is.
const DETAILS: &str = "/account-info/";

/// The portal's currency is not set, so HubSpot is asked for it.
const ASKED: [(&str, &str); 1] = [("HUBSPOT_CURRENCY", "")];

/// Starts over a portal whose company counts in `company`, and of whose 40 deals ten name no
/// currency.
async fn over(seed: u64, company: &'static str) -> HubSpotTestApp {
    let mut portal = portal(seed, 3, 40);
    portal.company_currency = company;
    for id in portal.live(Kind::Deal).into_iter().step_by(4) {
        portal.leave_currency_out(id);
    }
    HubSpotTestApp::with_settings(portal, &ASKED).await
}

async fn listed(test: &HubSpotTestApp) -> Vec<String> {
    let sql = "select raw_status || ' ' || currency || ' ' || sum(amount) || ' ' || count(*) from payments \
               where status = 'unmapped' and currency = 'XXX' group by raw_status, currency";
    let rows = test.app.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn times_asked(test: &HubSpotTestApp) -> usize {
    test.hubspot.requests().iter().filter(|request| request.path.starts_with(DETAILS)).count()
}

#[tokio::test]
async fn trap_68_deals_that_name_no_currency_are_in_the_portals_which_is_asked_once_a_day() {
    for (seed, company) in [(70, "EUR"), (71, "JPY"), (72, "KWD")] {
        let test = over(seed, company).await;
        test.run(Mode::Full).await;
        test.run(Mode::Incremental).await;
        test.assert_true().await;
        assert!(listed(&test).await.is_empty());
        assert_eq!(times_asked(&test), 1);
        test.wait(86_400);
        test.run(Mode::Incremental).await;
        assert_eq!(times_asked(&test), 2);
    }
}

#[tokio::test]
async fn trap_68_while_the_currency_is_not_known_such_deals_count_nothing_are_listed_and_heal() {
    for fault in [Fault::Forbidden, Fault::NoSuchPage, Fault::Html, Fault::ServerError] {
        let test = over(73, "EUR").await;
        test.hubspot.faults().always(DETAILS, fault);
        test.run(Mode::Full).await;
        let expected = ["(the portal's currency is not known) XXX 0 10"];
        assert_eq!(listed(&test).await, expected, "{fault:?}");
        assert_eq!(test.app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
        let counted = "select count(*) from revenue_buckets where currency = 'XXX'";
        assert_eq!(test.app.db.scalar::<i64>(counted).await, 0);
        let why = "select length(unknown) > 10 from vendor_accounts where source = 'hubspot'";
        assert!(test.app.db.scalar::<bool>(why).await, "the reason is kept");

        test.hubspot.faults().clear();
        test.wait(900);
        // The next run of any entity learns it, and has the deals read again.
        test.fetch("contact", Mode::Incremental).await.unwrap();
        test.app.drain().await;
        assert!(listed(&test).await.is_empty(), "{fault:?}");
        test.run(Mode::Incremental).await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_68_a_currency_that_was_guessed_by_an_older_release_is_repaired_when_it_is_asked_for()
{
    let mut test = over(74, "EUR").await;
    let guessed = [("HUBSPOT_CURRENCY", "USD")].into_iter().collect();
    let asked = ASKED.into_iter().collect();
    let hubspot = &penstock_domain::source::hubspot::HubSpot;
    test.app.process.reader.add(hubspot, &guessed).unwrap();
    test.hubspot.faults().always(DETAILS, Fault::Forbidden);
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.app.process.reader.add(hubspot, &asked).unwrap();
    test.hubspot.faults().clear();
    test.wait(900);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_68_a_currency_that_is_set_is_the_last_word_and_hubspot_is_not_asked() {
    let mut portal = portal(75, 1, 8);
    portal.company_currency = "EUR";
    for id in portal.live(Kind::Deal) {
        portal.leave_currency_out(id);
    }
    let test = HubSpotTestApp::with_settings(portal, &[("HUBSPOT_CURRENCY", "GBP")]).await;
    test.run(Mode::Full).await;
    let in_pounds = "select count(*) from payments where currency = 'GBP'";
    assert_eq!(test.app.db.scalar::<i64>(in_pounds).await, 8);
    assert_eq!(times_asked(&test), 0);
}
