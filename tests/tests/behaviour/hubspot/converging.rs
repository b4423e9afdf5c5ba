//! Changes that no reply shows at once come within the hour, without the next day's full run:
//! objects that are archived in mid-run, an index that is behind, objects that are restored (traps
//! 7, 11, 72).

use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::{HubSpotSimulator, Kind, OBJECTS};
use serde_json::{Value, json};

use crate::hubspot::pushing::{change, push};
use crate::hubspot::test_app::{HubSpotTestApp, NOW_MS, portal, some};

/// Lets an hour pass, with `relay` each five minutes and the incremental runs each fifteen.
async fn an_hour_passes(test: &HubSpotTestApp) {
    for round in 0..12 {
        test.wait(300);
        test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
        test.app.drain().await;
        if round % 3 == 2 {
            test.run(Mode::Incremental).await;
        }
    }
}

async fn full_runs(test: &HubSpotTestApp) -> i64 {
    test.app.db.scalar("select count(*) from sync_runs where mode = 'full'").await
}

#[tokio::test]
async fn trap_11_what_is_archived_in_mid_run_between_the_two_lists_is_gone_with_that_run() {
    let test = HubSpotTestApp::over(portal(71, 150, 150)).await;
    let archived = [(Kind::Contact, 3, "contact"), (Kind::Deal, 3, "deal")];
    for (kind, n, entity) in archived {
        let id = some(&test, kind, n);
        // Two pages of what is there, and then those that are archived.
        test.hubspot.on_request(3, move |portal| portal.archive(kind, id));
        test.fetch(entity, Mode::Full).await.unwrap();
        let versions: i64 = test
            .app
            .db
            .scalar(&format!(
                "select count(*) from outbox where external_id = '{id}' and entity = '{entity}'"
            ))
            .await;
        assert_eq!(versions, 2, "one from each list");
    }
    test.app.drain().await;
    test.assert_true().await;
    test.wait(3_600);
    test.run(Mode::Full).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_72_what_a_full_run_missed_between_its_two_lists_stands_again_within_the_hour() {
    let test = HubSpotTestApp::over(portal(72, 150, 150)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(7_200);
    for (kind, entity) in [(Kind::Contact, "contact"), (Kind::Deal, "deal")] {
        let id = some(&test, kind, 3);
        // Archived before the one list comes to it, restored before the other does.
        test.hubspot.on_request(1, move |portal| portal.archive(kind, id));
        test.hubspot.on_request(3, move |portal| portal.restore(kind, id));
        test.fetch(entity, Mode::Full).await.unwrap();
    }
    test.app.drain().await;
    let runs = full_runs(&test).await;
    an_hour_passes(&test).await;
    test.assert_true().await;
    assert_eq!(full_runs(&test).await, runs);
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}

#[tokio::test]
async fn trap_11_what_is_restored_within_seconds_of_its_deletion_stands_again_within_the_hour() {
    // With a push of the restoration, and without.
    for told in [true, false] {
        let test = HubSpotTestApp::over(portal(73, 40, 40)).await;
        test.run(Mode::Full).await;
        test.run(Mode::Incremental).await;
        test.wait(7_200);
        let ids = [(Kind::Contact, "contact"), (Kind::Deal, "deal")]
            .map(|(k, w)| (k, w, some(&test, k, 5)));
        let changes = |what: &str| {
            Value::from_iter(ids.map(|(_, word, id)| change(&format!("{word}.{what}"), id)))
        };
        ids.iter().for_each(|(kind, _, id)| test.hubspot.portal().archive(*kind, *id));
        assert_eq!(push(&test, &changes("deletion")).await.0, 200);
        test.app.drain().await;
        test.wait(2);
        ids.iter().for_each(|(kind, _, id)| test.hubspot.portal().restore(*kind, *id));
        if told {
            assert_eq!(push(&test, &changes("restore")).await.0, 200);
            test.app.drain().await;
        }
        let runs = full_runs(&test).await;
        an_hour_passes(&test).await;
        test.assert_true().await;
        assert_eq!(full_runs(&test).await, runs);
    }
}

#[tokio::test]
async fn a_deletion_is_asked_about_twice_and_no_more() {
    let test = HubSpotTestApp::over(portal(74, 40, 1)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(7_200);
    let id = some(&test, Kind::Contact, 5);
    test.hubspot.portal().archive(Kind::Contact, id);
    assert_eq!(push(&test, &json!([change("contact.deletion", id)])).await.0, 200);
    test.app.drain().await;
    an_hour_passes(&test).await;
    an_hour_passes(&test).await;
    test.assert_true().await;
    let path = format!("{OBJECTS}contacts/{id}");
    let asked = test.hubspot.requests().iter().filter(|asked| asked.path == path).count();
    assert_eq!(asked, 2);
}

fn searches(hubspot: &HubSpotSimulator) -> usize {
    hubspot.requests().iter().filter(|asked| asked.path.ends_with("/search")).count()
}

#[tokio::test]
async fn trap_07_an_index_that_is_behind_by_more_than_ten_minutes_is_caught_up_within_the_hour() {
    for behind_minutes in [12, 20, 30] {
        let test = HubSpotTestApp::over(portal(75, 120, 120)).await;
        test.run(Mode::Full).await;
        test.run(Mode::Incremental).await;
        test.wait(900);
        let now = NOW_MS + 910_000;
        test.hubspot.portal().index_behind_until_ms = Some(now + behind_minutes * 60_000);
        for kind in [Kind::Contact, Kind::Deal] {
            for n in [1, 30, 77] {
                let id = some(&test, kind, n);
                test.hubspot.portal().edit(kind, id);
            }
            test.hubspot.portal().create(kind);
        }
        let (runs, before) = (full_runs(&test).await, searches(&test.hubspot));
        an_hour_passes(&test).await;
        test.assert_true().await;
        assert_eq!(full_runs(&test).await, runs);
        let asked = searches(&test.hubspot) - before;
        assert_eq!(asked, 8, "one request a run of each entity: looking back costs nothing more");
    }
}

#[tokio::test]
async fn trap_10_pages_of_objects_that_all_changed_past_the_window_do_not_hold_up_the_run() {
    let test = HubSpotTestApp::over(portal(76, 700, 500)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(600);
    // The index has the times of a first import, the objects those of a second one.
    for kind in [Kind::Contact, Kind::Deal] {
        let ids = test.hubspot.portal().live(kind);
        for id in ids {
            test.hubspot.portal().edit(kind, id);
            test.app.clock.advance(std::time::Duration::from_millis(20));
        }
    }
    test.wait(120);
    let behind_until = test.hubspot.portal().modified_last() + 120_000 + 1_200_000;
    test.hubspot.portal().index_behind_until_ms = Some(behind_until);
    for kind in [Kind::Contact, Kind::Deal] {
        test.hubspot.portal().edit_at_once(kind, 700);
    }
    test.wait(30);
    let mark = "select min(watermark)::text from sync_state where mode = 'incremental'";
    let before: String = test.app.db.scalar(mark).await;
    test.run(Mode::Incremental).await;
    assert_ne!(test.app.db.scalar::<String>(mark).await, before, "it stands no longer");
    test.assert_true().await;
    let runs = full_runs(&test).await;
    an_hour_passes(&test).await;
    test.assert_true().await;
    assert_eq!(full_runs(&test).await, runs);
}
