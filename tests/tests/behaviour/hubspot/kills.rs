//! `fetch` as built, killed with SIGKILL between pages and at any message to Postgres, and run
//! again (traps 8, 9, 10, 11, 13).

use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::Mode;
use penstock_testkit::{Cut, Outcome};
use penstock_tests::simulators::hubspot::{DEFAULT_TOKEN, Kind};
use penstock_tests::thorough::part;
use penstock_tests::victim::{Victim, leases_run_out};
use serde_json::{Value, json};

use crate::hubspot::test_app::HubSpotTestApp;

/// The number of points at which it is killed.
const POINTS: u64 = 6;

/// A time before everything that a function's binary does, which uses the real clock.
const LONG_AGO: i64 = 1_600_000_000;

/// How long before the runs the portal changes. It is longer than the time that a search leaves out
/// (trap 10), and shorter than the lead of a merge.
const EARLIER_MS: i64 = 200_000;

/// Objects that the list left out, and that are asked for by their ids.
const SWEPT: &str = "select count(*) from refetch_requests";

async fn start(test: &HubSpotTestApp) -> Victim {
    let settings = [
        ("STRIPE_BASE_URL", test.app.stripe.url()),
        ("STRIPE_API_KEY", test.app.stripe.key()),
        ("HUBSPOT_BASE_URL", test.hubspot.url()),
        ("HUBSPOT_TOKEN", DEFAULT_TOKEN.to_owned()),
        // Its requests are pages then, and nothing else.
        ("HUBSPOT_CURRENCY", "EUR".to_owned()),
        ("HUBSPOT_PAGE_SIZE", "50".to_owned()),
        ("HUBSPOT_RATE_PER_SECOND", "1000".to_owned()),
    ];
    Victim::start("fetch", &test.app.db, &settings).await
}

fn request(entity: &str, mode: Mode) -> Value {
    json!({"source": "hubspot", "entity": entity, "mode": mode.as_str()})
}

/// Makes a pulled portal that has changed since in every way: edited, archived, merged, purged,
/// created.
async fn changed(seed: u64) -> HubSpotTestApp {
    let test = HubSpotTestApp::at(LONG_AGO, seed, 230, 170, &[]).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.assert_true().await;
    test.hubspot.follow(|| SystemClock.now().as_millisecond() - EARLIER_MS);
    for kind in [Kind::Contact, Kind::Deal] {
        let ids = test.hubspot.portal().live(kind);
        ids[..20].iter().for_each(|id| test.hubspot.portal().purge(kind, *id));
        ids[20..80].iter().for_each(|id| test.hubspot.portal().archive(kind, *id));
        for two in ids[80..90].chunks(2) {
            test.hubspot.portal().merge(kind, two[0], two[1], true);
        }
        // Each at a time of its own, except an import of many at once.
        for id in &ids[90..150] {
            test.hubspot.portal().edit(kind, *id);
        }
        test.hubspot.portal().edit_at_once(kind, 70);
        test.hubspot.portal().create(kind);
    }
    test.hubspot.follow(|| SystemClock.now().as_millisecond());
    test
}

/// Runs the killed run again, and works everything off.
async fn go_on(test: &HubSpotTestApp) {
    let victim = start(test).await;
    leases_run_out(&test.app.db).await;
    for entity in ["contact", "deal"] {
        for mode in [Mode::Full, Mode::Incremental] {
            assert_eq!(
                victim.host.invoke_unhurried(request(entity, mode)).await.reply()["outcome"],
                "finished"
            );
        }
        let by_id =
            json!({"source": "hubspot", "entity": entity, "mode": "object", "resume": true});
        let due = format!(
            "select count(*) from refetch_requests \
             where entity = '{entity}' and ended_at is null and next_send_at <= now()"
        );
        // An invocation takes a slice of time, and leaves the rest to the next.
        loop {
            assert_eq!(
                victim.host.invoke_unhurried(by_id.clone()).await.reply()["outcome"],
                "looked"
            );
            if test.app.db.scalar::<i64>(&due).await == 0 {
                break;
            }
            // The lease rests between two slices.
            leases_run_out(&test.app.db).await;
        }
    }
    // relay sends again the tickets that died with the process, and those in the victims' queues.
    test.app.clock.advance(Duration::from_secs(80 * 365 * 86_400));
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    drop(test.app.requests.take());
    let tickets = test.app.tickets.take();
    for bodies in tickets.chunks(10) {
        assert_eq!(test.app.deliver(bodies, 1).await.failures(), 0);
    }
    test.assert_true().await;
}

/// Kills a run when its `page`-th request has come. Returns the query and the body of that request.
async fn die_at_page(test: &HubSpotTestApp, page: u64, event: Value) -> (String, String) {
    let victim = start(test).await;
    let before = test.hubspot.requests().len();
    let killer = victim.host.killer();
    test.hubspot.on_request(page, |_| killer());
    assert!(matches!(victim.host.invoke_unhurried(event).await, Outcome::Died(_)));
    let asked = test.hubspot.requests();
    assert_eq!(asked.len(), before + usize::try_from(page).unwrap());
    asked.last().map(|last| (last.query.clone(), last.body.clone())).unwrap()
}

/// Continues a run in a new process. Returns the query and the body of its first request.
async fn first_of_next(test: &HubSpotTestApp, event: Value) -> (String, String) {
    let victim = start(test).await;
    leases_run_out(&test.app.db).await;
    let before = test.hubspot.requests().len();
    assert_eq!(victim.host.invoke_unhurried(event).await.reply()["outcome"], "finished");
    let first = test.hubspot.requests().swap_remove(before);
    (first.query, first.body)
}

/// Returns the watermarks of an entity's pulls.
async fn watermarks(test: &HubSpotTestApp, entity: &str) -> String {
    let sql = format!(
        "select string_agg(mode || ' ' || watermark::text, ', ' order by mode) from sync_state \
         where source = 'hubspot' and entity = '{entity}'"
    );
    test.app.db.scalar(&sql).await
}

#[tokio::test]
async fn trap_13_killed_between_pages_of_either_list_a_full_run_goes_on_and_sweeps_at_its_end_only()
{
    // A page of the live objects, one of the archived objects, and the last page.
    for (entity, page, list) in [
        ("contact", 2, "archived=false"),
        ("contact", 5, "archived=true"),
        ("deal", 4, "archived=true"),
    ] {
        let test = changed(700 + page).await;
        let event = request(entity, Mode::Full);
        let stood = watermarks(&test, entity).await;
        let runs =
            format!("select count(*) from sync_runs where entity = '{entity}' and mode = 'full'");
        let before: i64 = test.app.db.scalar(&runs).await;
        let (unanswered, _) = die_at_page(&test, page, event.clone()).await;
        assert!(unanswered.contains(list), "{unanswered}");
        assert_eq!(test.app.db.scalar::<i64>(SWEPT).await, 0, "the list is not complete");
        assert_eq!(watermarks(&test, entity).await, stood);
        let (first, _) = first_of_next(&test, event).await;
        assert_eq!(first, unanswered, "it goes on from the last page committed");
        assert!(test.app.db.scalar::<i64>(SWEPT).await >= 20);
        assert_ne!(watermarks(&test, entity).await, stood);
        assert_eq!(test.app.db.scalar::<i64>(&runs).await, before + 1, "it is the same run");
        go_on(&test).await;
    }
}

#[tokio::test]
async fn trap_08_killed_between_the_pages_of_a_search_it_goes_on_there_and_the_watermark_stands() {
    // In the order of the modified time. Within the time that an import has given to more than a
    // page, by id.
    for (page, by) in [(2, "modifieddate"), (3, "hs_object_id")] {
        let test = changed(720 + page).await;
        let event = request("contact", Mode::Incremental);
        let stood = watermarks(&test, "contact").await;
        let (_, unanswered) = die_at_page(&test, page, event.clone()).await;
        let search: Value = serde_json::from_str(&unanswered).unwrap();
        assert!(search["sorts"][0]["propertyName"].as_str().unwrap().ends_with(by), "{search}");
        assert_eq!(watermarks(&test, "contact").await, stood);
        let (_, first) = first_of_next(&test, event).await;
        assert_eq!(first, unanswered, "the same search, its upper bound frozen");
        assert_ne!(watermarks(&test, "contact").await, stood);
        go_on(&test).await;
    }
}

/// Kills runs at messages to Postgres, by seed, each over a portal of its own.
async fn dies_anywhere(entity: &str, mode: Mode, seeds: std::ops::Range<u64>) {
    let test = changed(seeds.start).await;
    let whole = start(&test).await;
    assert_eq!(
        whole.host.invoke_unhurried(request(entity, mode)).await.reply()["outcome"],
        "finished"
    );
    let messages = whole.proxy.messages();
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let test = changed(seed).await;
        let victim = start(&test).await;
        victim.die_at(rng.u64(1..=messages), cut, request(entity, mode)).await;
        go_on(&test).await;
    }
}

#[tokio::test]
async fn killed_at_any_point_of_a_full_run_nothing_is_lost_and_no_ghost_stays() {
    dies_anywhere("contact", Mode::Full, 740..740 + part(POINTS)).await;
}

#[tokio::test]
async fn killed_at_any_point_of_a_full_run_of_deals_no_money_is_lost_and_none_counts_twice() {
    dies_anywhere("deal", Mode::Full, 760..760 + part(POINTS)).await;
}

#[tokio::test]
async fn killed_at_any_point_of_an_incremental_run_nothing_is_lost() {
    dies_anywhere("contact", Mode::Incremental, 780..780 + part(POINTS)).await;
}
