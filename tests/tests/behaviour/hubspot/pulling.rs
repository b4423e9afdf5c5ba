//! From an empty database to the portal's truth, and the incremental runs after that.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::Mode;
use penstock_domain::source::hubspot::HubSpot;
use penstock_tests::simulators::hubspot::Kind;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

#[tokio::test]
async fn a_full_run_brings_the_portals_truth_and_a_second_one_writes_no_row() {
    let test = HubSpotTestApp::over(portal(1, 450, 350)).await;
    test.hubspot.portal().change(60);
    test.run(Mode::Full).await;
    test.assert_true().await;

    let digest = "select md5(string_agg(r, ',' order by r)) from (select c::text || xmin::text || ctid::text r from contacts c \
                  union all select p::text || xmin::text || ctid::text from payments p) rows";
    let before: String = test.app.db.scalar(digest).await;
    test.wait(3_600);
    test.run(Mode::Full).await;
    assert_eq!(
        test.app.db.scalar::<String>(digest).await,
        before,
        "an unchanged row was written again"
    );
    test.assert_true().await;
}

#[tokio::test]
async fn the_first_incremental_run_asks_for_full_runs_and_later_ones_follow_every_change() {
    let test = HubSpotTestApp::over(portal(2, 300, 300)).await;
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    for round in 0..4 {
        for kind in [Kind::Contact, Kind::Deal] {
            for n in 0..60 {
                let id = some(&test, kind, n * 3 + round);
                test.hubspot.portal().edit(kind, id);
                test.wait(1);
            }
            test.hubspot.portal().create(kind);
        }
        test.wait(90);
        test.run(Mode::Incremental).await;
        test.assert_true().await;
    }
    let full: i64 = test
        .app
        .db
        .scalar("select count(*) from sync_runs where source = 'hubspot' and mode = 'full'")
        .await;
    assert_eq!(full, 2, "one of each entity, for want of a cursor");
}

#[tokio::test]
async fn trap_01_every_version_of_a_deal_is_kept_and_an_overlap_keeps_none_twice() {
    let test = HubSpotTestApp::over(portal(3, 1, 5)).await;
    test.run(Mode::Full).await;
    let id = some(&test, Kind::Deal, 0);
    test.run(Mode::Incremental).await;
    for _ in 0..5 {
        test.hubspot.portal().edit(Kind::Deal, id);
        test.wait(100);
        test.run(Mode::Incremental).await;
    }
    let sql = format!(
        "select count(*) from outbox where external_id = '{id}' and entity = 'deal' and starts_with(version_key, 'modified:')"
    );
    assert_eq!(
        test.app.db.scalar::<i64>(&sql).await,
        5,
        "each version once, though each was found several times"
    );
    test.assert_true().await;
}

#[tokio::test]
async fn trap_07_trap_10_what_search_shows_late_is_not_skipped() {
    let mut late = portal(4, 200, 200);
    late.search_lag_ms = 45_000;
    let test = HubSpotTestApp::over(late).await;
    test.run(Mode::Incremental).await;
    // Runs while search shows only some of the changes.
    for _ in 0..12 {
        test.hubspot.portal().change(0);
        for kind in [Kind::Contact, Kind::Deal] {
            let ids = test.hubspot.portal().live(kind);
            for id in ids.iter().step_by(17) {
                test.hubspot.portal().edit(kind, *id);
            }
        }
        test.wait(20);
        test.run(Mode::Incremental).await;
    }
    test.wait(120);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_08_what_changes_while_it_is_paged_belongs_to_the_next_run_and_moves_no_page() {
    let test = HubSpotTestApp::over(portal(5, 900, 10)).await;
    test.run(Mode::Incremental).await;
    let ids = test.hubspot.portal().live(Kind::Contact);
    for id in &ids {
        test.hubspot.portal().edit(Kind::Contact, *id);
        test.app.clock.advance(Duration::from_millis(100));
    }
    test.wait(90);
    // Objects of the first pages change again while the later pages are read. Paging by offset
    // would skip as many.
    for n in 1..5 {
        let again: Vec<u64> =
            ids.iter().copied().skip(usize::try_from(n).unwrap() * 30).take(30).collect();
        test.hubspot.on_request(n, move |portal| {
            again.iter().for_each(|id| portal.edit(Kind::Contact, *id))
        });
    }
    test.fetch("contact", Mode::Incremental).await.unwrap();
    test.wait(90);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_09_a_run_outlives_its_invocation_and_goes_on_at_its_page() {
    let test = HubSpotTestApp::over(portal(6, 700, 600)).await;
    for entity in ["contact", "deal"] {
        let mut invocations = 1;
        // The time is enough for a page or two.
        let mut outcome =
            test.fetch_within(entity, Mode::Full, Duration::from_millis(600)).await.unwrap();
        while matches!(outcome, Outcome::Continues { .. }) {
            test.app.requests.take();
            invocations += 1;
            assert!(invocations < 100, "{entity} does not get on");
            outcome =
                test.fetch_within(entity, Mode::Full, Duration::from_millis(600)).await.unwrap();
        }
        assert!(invocations > 3, "{invocations}");
    }
    test.app.drain().await;
    test.assert_true().await;
    let runs: i64 =
        test.app.db.scalar("select count(*) from sync_runs where source = 'hubspot'").await;
    assert_eq!(runs, 2);
}

#[tokio::test]
async fn trap_10_more_than_ten_thousand_changes_at_one_millisecond_all_come_in_past_no_limit() {
    let test =
        HubSpotTestApp::with_settings(portal(7, 10_400, 1), &[("HUBSPOT_RATE_PER_SECOND", "50")])
            .await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(60);
    test.hubspot.portal().edit_at_once(Kind::Contact, 10_300);
    test.wait(120);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    assert!(
        test.hubspot.requests().iter().all(|asked| asked.status == 200),
        "no request went past the limit"
    );
}

#[tokio::test]
async fn trap_10_a_deal_that_is_reopened_and_won_moves_between_statuses_with_its_amount() {
    let test = HubSpotTestApp::over(portal(8, 1, 20)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    let id = some(&test, Kind::Deal, 3);
    for stage in ["closedwon", "qualifiedtobuy", "closedlost", "paid"] {
        test.hubspot.portal().set_stage(id, stage);
        test.wait(100);
        test.run(Mode::Incremental).await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_38_a_stage_map_that_has_changed_repairs_old_rows_with_the_next_full_run() {
    use penstock_domain::payment::Status;

    let mut test = HubSpotTestApp::over(portal(9, 1, 60)).await;
    test.run(Mode::Full).await;
    let count = |status: &str| {
        format!(
            "select count(*) from payments where raw_status = '48231230' and status = '{status}'"
        )
    };
    assert!(test.app.db.scalar::<i64>(&count("pending")).await > 0);
    // The status goes up and down again. The present map of stages decides, whatever the rank of
    // the status.
    for status in [Status::Collected, Status::Unmapped] {
        let stages = format!("48231230={}", status.as_str());
        let settings = [("HUBSPOT_CURRENCY", "EUR"), ("HUBSPOT_DEAL_STAGES", &stages)];
        test.app.process.reader.add(&HubSpot, &settings.into_iter().collect()).unwrap();
        test.wait(3_600);
        test.run(Mode::Full).await;
        assert_eq!(test.app.db.scalar::<i64>(&count("pending")).await, 0);
        assert!(test.app.db.scalar::<i64>(&count(status.as_str())).await > 0);
    }
}

#[tokio::test]
async fn every_version_of_the_api_brings_the_portals_truth() {
    for (version, paths) in [
        (None, "/crm/objects/2026-09/"),
        (Some("2026-03"), "/crm/objects/2026-03/"),
        (Some("v3"), "/crm/v3/objects/"),
    ] {
        let settings: Vec<_> =
            version.iter().map(|version| ("HUBSPOT_API_VERSION", *version)).collect();
        let test = HubSpotTestApp::with_settings(portal(10, 30, 30), &settings).await;
        test.run(Mode::Incremental).await;
        test.hubspot.portal().change(30);
        test.wait(120);
        test.run(Mode::Incremental).await;
        test.run(Mode::Full).await;
        test.assert_true().await;
        let asked = test.hubspot.requests();
        assert!(asked.iter().all(|asked| asked.path.starts_with(paths)), "{version:?}");
    }
}
