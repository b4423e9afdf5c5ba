//! Pages that are not what they seem: empty ones that go on, ids in another order (traps 10, 16).

use fetch::{FetchError, Outcome};
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::PageError;
use penstock_tests::simulators::hubspot::{Fault, Kind, OBJECTS};

use crate::hubspot::test_app::{HubSpotTestApp, portal};

/// Changes 450 contacts and 250 deals, most of them in one millisecond.
fn change_many(test: &HubSpotTestApp) {
    for (kind, many) in [(Kind::Contact, 450), (Kind::Deal, 250)] {
        test.hubspot.portal().edit_at_once(kind, many);
        test.wait(1);
        let ids = test.hubspot.portal().live(kind);
        ids.iter().take(20).for_each(|id| test.hubspot.portal().edit(kind, *id));
    }
    test.wait(120);
}

#[tokio::test]
async fn trap_16_empty_pages_that_go_on_are_followed_in_lists_and_in_searches() {
    let test = HubSpotTestApp::over(portal(61, 450, 250)).await;
    for mode in [Mode::Full, Mode::Incremental] {
        // Each page is asked for twice before it is believed to be empty.
        for entity in ["contacts", "deals"] {
            let path = format!("{OBJECTS}{entity}");
            test.hubspot.faults().next_n(&path, 6, Fault::EmptyPage);
            for n in [9, 10, 12, 13] {
                test.hubspot.faults().at(n, &path, Fault::EmptyPage);
            }
        }
        for entity in ["contact", "deal"] {
            test.fetch(entity, mode).await.unwrap();
        }
        test.hubspot.faults().clear();
        test.app.drain().await;
        test.assert_true().await;
        change_many(&test);
    }
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_16_an_empty_page_that_passes_is_asked_for_again_and_buries_nothing() {
    let test = HubSpotTestApp::over(portal(62, 450, 1)).await;
    test.run(Mode::Full).await;
    test.wait(3_600);
    test.hubspot.faults().at(2, OBJECTS, Fault::EmptyPage);
    let before = test.hubspot.requests().len();
    test.fetch("contact", Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    let asked = test.hubspot.requests().split_off(before);
    let after = |n: usize| {
        asked[n].query.split('&').find(|pair| pair.starts_with("after=")).unwrap().to_owned()
    };
    assert_eq!(after(1), after(2), "the same page");
    assert_eq!(asked.len(), 5 + 1 + 1, "five pages, one of them twice, and the archived list");
}

#[tokio::test]
async fn trap_16_empty_pages_without_end_stop_the_run_with_a_reason_and_keep_its_cursor() {
    let test = HubSpotTestApp::over(portal(63, 350, 1)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(3_600);
    for mode in [Mode::Full, Mode::Incremental] {
        let watermark = format!(
            "select coalesce(watermark::text, '') from sync_state where entity = 'contact' and mode = '{}'",
            mode.as_str()
        );
        let stands: String = test.app.db.scalar(&watermark).await;
        test.hubspot.faults().always(OBJECTS, Fault::EmptyPage);
        let error = test.fetch("contact", mode).await.unwrap_err();
        assert!(matches!(error, FetchError::Page { error: PageError::Loop(_), .. }), "{error}");
        let why: String = test
            .app
            .db
            .scalar("select last_error from sync_runs where last_error is not null order by updated_at desc limit 1")
            .await;
        assert!(why.contains("100 pages in a row show nothing and promise more"), "{why}");
        assert_eq!(test.app.db.scalar::<String>(&watermark).await, stands);
        let halted: i64 =
            test.app.db.scalar("select count(*) from sync_state where halted is not null").await;
        assert_eq!(halted, 0, "no person is needed");
        test.hubspot.faults().clear();
        // The same run goes on, and what it did not show meanwhile is not gone.
        assert!(matches!(test.fetch("contact", mode).await.unwrap(), Outcome::Finished { .. }));
        test.app.drain().await;
        test.assert_true().await;
        change_many(&test);
        test.run(Mode::Incremental).await;
    }
}

#[tokio::test]
async fn trap_10_ids_that_sort_as_text_and_cursors_that_are_numbers_lose_no_object() {
    let mut odd = portal(64, 900, 300);
    odd.odd_pages = true;
    let test = HubSpotTestApp::over(odd).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    test.wait(60);
    change_many(&test);
    test.hubspot.portal().edit_at_once(Kind::Contact, 900);
    test.wait(120);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}
