//! Objects that search never shows: archived, merged, purged (trap 11).

use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::Kind;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

#[tokio::test]
async fn trap_11_archived_objects_are_marked_deleted_and_count_as_nothing_by_the_next_full_run() {
    let test = HubSpotTestApp::over(portal(21, 250, 250)).await;
    test.run(Mode::Full).await;
    test.wait(60);
    for n in [0, 50, 120] {
        for kind in [Kind::Contact, Kind::Deal] {
            let id = some(&test, kind, n);
            test.hubspot.portal().archive(kind, id);
        }
    }
    test.wait(600);
    test.run(Mode::Incremental).await;
    test.app.drain().await;
    test.run(Mode::Full).await;
    test.assert_true().await;
    let gone: i64 = test
        .app
        .db
        .scalar("select count(*) from contacts where deleted_at is not null and email is not null")
        .await;
    assert!(gone > 0, "marked, not dropped: what they were stays");
    let kept: i64 = test
        .app
        .db
        .scalar(
            "select count(*) from payments where raw_status = 'archived' and status = 'canceled'",
        )
        .await;
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn trap_11_an_object_that_was_restored_stands_again_though_its_modified_time_did_not_move() {
    let test = HubSpotTestApp::over(portal(22, 30, 30)).await;
    let (contact, deal) = (some(&test, Kind::Contact, 4), some(&test, Kind::Deal, 4));
    test.hubspot.portal().archive(Kind::Contact, contact);
    test.hubspot.portal().archive(Kind::Deal, deal);
    test.run(Mode::Full).await;
    test.assert_true().await;
    test.wait(3_600);
    test.hubspot.portal().restore(Kind::Contact, contact);
    test.hubspot.portal().restore(Kind::Deal, deal);
    test.run(Mode::Full).await;
    test.assert_true().await;
    assert!(test.deals().await.contains_key(&deal.to_string()));
}

#[tokio::test]
async fn trap_11_merges_are_followed_at_any_remove_whatever_the_mode_and_lose_to_no_sweep() {
    for mode in [Mode::Incremental, Mode::Full] {
        let test = HubSpotTestApp::over(portal(23, 40, 40)).await;
        test.run(Mode::Full).await;
        test.run(Mode::Incremental).await;
        for kind in [Kind::Contact, Kind::Deal] {
            let ids = test.hubspot.portal().live(kind);
            test.wait(30);
            let first = test.hubspot.portal().merge(kind, ids[0], ids[1], false);
            test.wait(30);
            let second = test.hubspot.portal().merge(kind, ids[2], first, true);
            test.wait(30);
            test.hubspot.portal().merge(kind, second, ids[3], false);
        }
        test.wait(120);
        test.run(mode).await;
        test.assert_true().await;
        let merged: i64 =
            test.app.db.scalar("select count(*) from contacts where merged_into is not null").await;
        assert_eq!(merged, 4, "{mode:?}");
        test.wait(7_200);
        test.run(Mode::Full).await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_11_a_merge_loses_to_no_sweep_where_hubspots_clock_reads_earlier_than_ours() {
    // `Date` is cut to the second, and two clocks never agree exactly.
    for behind_ms in [0, 90_000] {
        let test = HubSpotTestApp::over(portal(25, 40, 40)).await;
        test.run(Mode::Full).await;
        for kind in [Kind::Contact, Kind::Deal] {
            let ids = test.hubspot.portal().live(kind);
            test.hubspot.portal().merge(kind, ids[0], ids[1], false);
        }
        test.wait(3_600);
        test.app.clock.advance(std::time::Duration::from_millis(700));
        let clock = test.app.clock.clone();
        test.hubspot.follow(move || clock.now().as_millisecond() - behind_ms);
        test.run(Mode::Full).await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_11_trap_13_what_no_list_shows_any_more_is_swept_only_after_the_whole_list() {
    let test = HubSpotTestApp::over(portal(24, 320, 320)).await;
    test.run(Mode::Full).await;
    test.wait(600);
    let (contact, deal) = (some(&test, Kind::Contact, 7), some(&test, Kind::Deal, 7));
    test.hubspot.portal().purge(Kind::Contact, contact);
    test.hubspot.portal().purge(Kind::Deal, deal);
    // A run that stops half-way sweeps nothing.
    for entity in ["contact", "deal"] {
        let moment = std::time::Duration::from_millis(300);
        test.fetch_within(entity, Mode::Full, moment).await.unwrap();
    }
    assert!(!test.contacts().await[&contact.to_string()].deleted);
    test.app.drain().await;
    test.assert_true().await;
    assert!(test.contacts().await[&contact.to_string()].deleted);
    assert!(!test.deals().await.contains_key(&deal.to_string()));
}

#[tokio::test]
async fn trap_11_a_merge_that_a_full_run_is_the_first_to_show_is_not_forgotten_by_its_own_sweep() {
    // `Date` is cut to the second, and HubSpot's clock is not ours.
    for behind_ms in [0, 2_000] {
        let test = HubSpotTestApp::over(portal(25, 10, 10)).await;
        test.run(Mode::Full).await;
        test.wait(3_600);
        let clock = test.app.clock.clone();
        test.hubspot.follow(move || clock.now().as_millisecond() - behind_ms);
        let ids = test.hubspot.portal().live(Kind::Contact);
        let kept = test.hubspot.portal().merge(Kind::Contact, ids[0], ids[1], true);
        test.wait(600);
        test.app.clock.advance(std::time::Duration::from_millis(400));
        test.run(Mode::Full).await;
        test.assert_true().await;
        assert_eq!(
            test.contacts().await[&ids[1].to_string()].merged_into,
            Some(kept.to_string()),
            "{behind_ms}"
        );
    }
}
