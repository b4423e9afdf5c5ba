//! `fetch` as built, killed with SIGKILL between pages and at any message to Postgres, and run
//! again. No ghost is swept before the list is complete (trap 13).

use penstock_testkit::{Cut, Outcome};
use penstock_tests::simulators::gcal::CALENDAR_ID;
use penstock_tests::thorough::part;
use penstock_tests::victim::{Victim, leases_run_out};
use serde_json::{Value, json};

use crate::gcal::test_app::{GcalTestApp, LONG_AGO};

/// The number of points at which it is killed.
const POINTS: u64 = 12;

async fn start(test: &GcalTestApp) -> Victim {
    let settings = [
        ("STRIPE_BASE_URL", test.app.stripe.url()),
        ("STRIPE_API_KEY", test.app.stripe.key()),
        ("GCAL_BASE_URL", test.google.base_url()),
        ("GCAL_SERVICE_ACCOUNT", test.google.key_file()),
        ("GCAL_CALENDAR_ID", CALENDAR_ID.to_owned()),
        ("GCAL_PAGE_SIZE", "50".to_owned()),
        ("GCAL_RATE_PER_SECOND", "1000".to_owned()),
    ];
    Victim::start("fetch", &test.app.db, &settings).await
}

fn request(mode: &str) -> Value {
    json!({"source": "gcal", "entity": "event", "mode": mode})
}

/// Makes a pulled calendar from which 30 events have vanished without a trace, and which has
/// changed since.
async fn with_ghosts(seed: u64) -> GcalTestApp {
    let test = GcalTestApp::filled_at(LONG_AGO, seed, 230).await;
    test.google
        .follow(|| penstock_domain::clock::Clock::now(&penstock_clients::clock::SystemClock));
    test.google.with(|calendar| calendar.cancel_and_forget(30));
    test.google.expire_sync_tokens();
    test.google.with(|calendar| calendar.change(40));
    test
}

/// Runs the killed run again, and works everything off.
async fn go_on(test: &GcalTestApp) {
    let victim = start(test).await;
    leases_run_out(&test.app.db).await;
    for mode in ["full", "incremental"] {
        assert_eq!(
            victim.host.invoke_unhurried(request(mode)).await.reply()["outcome"],
            "finished"
        );
    }
    let by_id = json!({"source": "gcal", "entity": "event", "mode": "object", "resume": true});
    // A turn is twenty seconds, which a busy machine may need more than once.
    let due =
        "select count(*) from refetch_requests where ended_at is null and next_send_at <= now()";
    loop {
        assert_eq!(victim.host.invoke_unhurried(by_id.clone()).await.reply()["outcome"], "looked");
        if test.app.db.scalar::<i64>(due).await == 0 {
            break;
        }
        // The lease rests between two turns.
        leases_run_out(&test.app.db).await;
    }
    let late = std::time::Duration::from_secs(80 * 365 * 86_400);
    test.app.clock.advance(late);
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    let tickets = test.app.tickets.take();
    for bodies in tickets.chunks(10) {
        assert_eq!(test.app.deliver(bodies, 1).await.failures(), 0);
    }
    test.assert_true().await;
}

#[tokio::test]
async fn trap_13_killed_between_pages_a_full_run_goes_on_and_sweeps_at_its_end_only() {
    for page in [2, 3, 5] {
        let test = with_ghosts(500 + page).await;
        let victim = start(&test).await;
        drop(test.google.take_requests());
        test.google.on_request(page, victim.host.killer());
        assert!(matches!(victim.host.invoke_unhurried(request("full")).await, Outcome::Died(_)));
        let swept = "select count(*) from outbox where version_key like 'gone:%'";
        assert_eq!(test.app.db.scalar::<i64>(swept).await, 0);
        drop(test.google.take_requests());
        go_on(&test).await;
        let first = test.google.take_requests().remove(0);
        assert!(
            first.get("pageToken").is_some(),
            "it goes on from the last page committed: {first:?}"
        );
        assert!(test.app.db.scalar::<i64>(swept).await >= 30);
    }
}

#[tokio::test]
async fn killed_at_any_point_of_a_full_run_nothing_is_lost_and_no_ghost_stays() {
    let test = with_ghosts(600).await;
    let victim = start(&test).await;
    assert_eq!(victim.host.invoke_unhurried(request("full")).await.reply()["outcome"], "finished");
    let messages = victim.proxy.messages();
    for seed in 601..=600 + part(POINTS) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let test = with_ghosts(seed).await;
        let victim = start(&test).await;
        victim.proxy.cut_at(rng.u64(1..=messages), cut, victim.host.killer());
        drop(victim.host.invoke(request("full")).await);
        go_on(&test).await;
    }
}

#[tokio::test]
async fn killed_between_the_pages_of_an_incremental_run_it_goes_on_with_the_same_token() {
    let test = GcalTestApp::filled_at(LONG_AGO, 700, 60).await;
    test.google
        .follow(|| penstock_domain::clock::Clock::now(&penstock_clients::clock::SystemClock));
    test.google.with(|calendar| calendar.change(300));
    let victim = start(&test).await;
    drop(test.google.take_requests());
    test.google.on_request(3, victim.host.killer());
    assert!(matches!(victim.host.invoke_unhurried(request("incremental")).await, Outcome::Died(_)));
    let token = test.google.take_requests()[0].get("syncToken").map(ToOwned::to_owned);
    let victim = start(&test).await;
    leases_run_out(&test.app.db).await;
    assert_eq!(
        victim.host.invoke_unhurried(request("incremental")).await.reply()["outcome"],
        "finished"
    );
    let asked = test.google.take_requests();
    assert!(
        asked
            .iter()
            .all(|a| a.get("syncToken") == token.as_deref() && a.get("pageToken").is_some()),
        "{asked:?}"
    );
    go_on(&test).await;
}
