//! An object that a full list leaves out is asked for by its id before it counts as gone, and a
//! person is asked where they are too many (traps 13, 72, 80).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::hubspot::Kind;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

/// Tombstones that were ever made, by a list or by an id.
const TOMBSTONES: &str =
    "select count(*) from outbox where version_key like 'sweep:%' or version_key like 'gone:%'";

const DELETED: &str = "select count(*) from contacts where deleted_at is not null";

const KINDS: [(Kind, &str); 2] = [(Kind::Contact, "contact"), (Kind::Deal, "deal")];

/// Has `fetch` read one object by its id, as after a push.
async fn read(test: &HubSpotTestApp, entity: &str, id: u64) {
    let request = FetchRequest::refetch("hubspot", entity, id.to_string());
    let deadline = test.app.clock.now() + Duration::from_secs(86_400);
    test.app.fetch.serve(&request, deadline).await.unwrap();
    test.app.drain().await;
}

#[tokio::test]
async fn trap_72_what_lists_do_not_show_yet_outlives_a_full_run() {
    let test = HubSpotTestApp::over(portal(31, 40, 40)).await;
    test.run(Mode::Full).await;
    test.wait(3_600);
    test.hubspot.portal().list_lag_ms = 120_000;
    for (kind, entity) in KINDS {
        let id = test.hubspot.portal().create(kind);
        if kind == Kind::Deal {
            test.hubspot.portal().set_stage(id, "closedwon");
        }
        read(&test, entity, id).await;
    }
    test.wait(20);
    test.run(Mode::Full).await;
    test.assert_true().await;
    for _ in 0..4 {
        test.wait(900);
        test.run(Mode::Incremental).await;
        test.assert_true().await;
    }
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
}

#[tokio::test]
async fn trap_72_what_is_restored_between_the_two_lists_of_a_full_run_is_never_buried() {
    let test = HubSpotTestApp::over(portal(32, 40, 40)).await;
    test.run(Mode::Full).await;
    test.wait(3_600);
    for (kind, _) in KINDS {
        let id = some(&test, kind, 5);
        test.hubspot.portal().archive(kind, id);
        test.hubspot.between_lists(kind, move |portal| portal.restore(kind, id));
    }
    test.run(Mode::Full).await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(TOMBSTONES).await, 0);
}

#[tokio::test]
async fn trap_13_what_a_full_list_leaves_out_is_asked_for_by_its_id_before_it_is_marked_deleted() {
    let test = HubSpotTestApp::over(portal(33, 40, 40)).await;
    test.run(Mode::Full).await;
    test.wait(3_600);
    let ids: Vec<u64> = (0..3).map(|n| some(&test, Kind::Contact, n * 7)).collect();
    ids.iter().for_each(|id| test.hubspot.portal().purge(Kind::Contact, *id));
    test.fetch("contact", Mode::Full).await.unwrap();
    test.app.work_tickets().await;
    assert_eq!(test.app.db.scalar::<i64>(DELETED).await, 0, "the list alone says nothing");
    assert_eq!(
        test.app.db.scalar::<i64>("select count(*) from refetch_requests").await,
        3,
        "written down, whatever becomes of the message"
    );
    test.app.drain().await;
    assert_eq!(test.app.db.scalar::<i64>(DELETED).await, 3);
    test.assert_true().await;
}

#[tokio::test]
async fn trap_80_a_full_list_that_leaves_out_too_much_marks_nothing_until_a_person_says_so() {
    let test = HubSpotTestApp::over(portal(34, 300, 5)).await;
    test.run(Mode::Full).await;
    let ids: Vec<u64> = test.hubspot.portal().live(Kind::Contact);
    ids[..150].iter().for_each(|id| test.hubspot.portal().purge(Kind::Contact, *id));
    let held = "select string_agg(concat_ws(' ', source, entity, unseen, accounted, allowed_at), ';') from held_sweeps";
    for _ in 0..2 {
        test.wait(3_600);
        test.fetch("contact", Mode::Full).await.unwrap();
        test.app.drain().await;
        assert_eq!(test.app.db.scalar::<i64>(DELETED).await, 0);
        assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
        assert_eq!(test.app.db.scalar::<String>(held).await, "hubspot contact 150 300");
        let report = "select status || ': ' || last_error from sync_runs order by started_at desc, id desc limit 1";
        assert_eq!(
            test.app.db.scalar::<String>(report).await,
            "succeeded: marked nothing as gone: the list left out 150 of 300"
        );
    }
    test.wait(3_600);
    let request =
        FetchRequest { allow_sweep: true, ..FetchRequest::new("hubspot", "contact", Mode::Full) };
    let deadline = test.app.clock.now() + Duration::from_secs(86_400);
    let outcome = test.app.fetch.serve(&request, deadline).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    test.app.drain().await;
    test.assert_true().await;
    assert_eq!(test.app.db.scalar::<i64>(DELETED).await, 150);
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from held_sweeps").await, 0);
}
