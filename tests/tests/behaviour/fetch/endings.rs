//! Requests to read an object again that cannot be answered: none reads anything else with the
//! vendor's key, and each ends with its reason (trap 83).

use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::refetch::{self, Cause};
use penstock_store::{begin, commit};
use penstock_tests::simulators::hubspot::{DEFAULT_TOKEN, Fault, Kind, OBJECTS};
use penstock_tests::test_app::TestApp;

use crate::hubspot::test_app::{HubSpotTestApp, portal, some};
use crate::stripe_account::account;

/// Ids that a message may hold, none of which is an object's.
const HOSTILE: [&str; 7] = [
    "../customers?limit=100",
    "1/refunds",
    "1?expand[]=customer",
    "1#",
    "%2e%2e/customers",
    "..%2fcustomers",
    r"..\customers",
];

/// Ids that no path can carry.
const IMPOSSIBLE: [&str; 3] = ["..", ".", ""];

fn by_hand(source: &str, entity: &str) -> FetchRequest {
    let ids = HOSTILE.iter().chain(&IMPOSSIBLE).map(|id| (*id).to_owned());
    FetchRequest { ids: ids.collect(), ..FetchRequest::refetch(source, entity, String::new()) }
}

const ENDED: &str = "select count(*) from refetch_requests where ended_at is not null";

#[tokio::test]
async fn trap_83_an_id_of_a_message_reads_nothing_else_with_stripes_key() {
    let app = TestApp::over(account(941, 5)).await;
    let deadline = app.clock.now() + Duration::from_secs(600);
    app.fetch.serve(&by_hand("stripe", "charge"), deadline).await.unwrap();
    let asked = app.stripe.requests();
    assert_eq!(asked.len(), HOSTILE.len());
    for request in asked {
        let id = request.path.strip_prefix("/v1/charges/").expect("a charge");
        assert!(
            !id.contains('/') && request.query.is_empty(),
            "{} {}",
            request.path,
            request.query
        );
    }
    let ended = i64::try_from(IMPOSSIBLE.len()).unwrap();
    assert_eq!(app.db.scalar::<i64>(ENDED).await, ended);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn trap_83_nor_with_hubspots() {
    let test = HubSpotTestApp::over(portal(942, 5, 5)).await;
    let deadline = test.app.clock.now() + Duration::from_secs(600);
    test.app.fetch.serve(&by_hand("hubspot", "deal"), deadline).await.unwrap();
    let asked = test.hubspot.requests();
    assert!(asked.len() >= HOSTILE.len(), "{} requests", asked.len());
    let deals = format!("{OBJECTS}deals/");
    for request in asked {
        let id = request.path.strip_prefix(&deals).expect("a deal");
        assert!(!id.contains('/'), "{}", request.path);
    }
}

#[tokio::test]
async fn a_request_that_the_vendor_rejects_for_a_day_ends_with_its_reason_and_a_new_one_revives_it()
{
    let test = HubSpotTestApp::over(portal(943, 1, 10)).await;
    let id = some(&test, Kind::Deal, 3);
    let path = format!("{OBJECTS}deals/{id}");
    let asked = || test.hubspot.requests().iter().filter(|asked| asked.path == path).count();
    test.hubspot.faults().always(&path, Fault::BadRequest);
    request(&test, id).await;
    // `relay` and `fetch`, each half hour.
    for _ in 0..60 {
        test.wait(1_800);
        half_hour(&test).await;
    }
    assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 1);
    let reason: String = test.app.db.scalar("select last_error from refetch_requests").await;
    assert!(reason.contains("hubspot answers 400"), "{reason}");
    let shown = refetch::ended::count(&test.app.db.client().await, 100).await.unwrap();
    assert_eq!((shown.len(), shown[0].entity.as_str(), shown[0].count), (1, "deal", 1));
    let before = asked();
    for _ in 0..10 {
        test.wait(1_800);
        half_hour(&test).await;
    }
    assert_eq!(asked(), before, "it is not asked for any more");

    test.hubspot.faults().clear();
    request(&test, id).await;
    half_hour(&test).await;
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    assert_eq!(asked(), before + 1);
}

#[tokio::test]
async fn a_request_that_waited_for_a_refused_key_does_not_end_with_its_first_odd_reply() {
    let test = HubSpotTestApp::over(portal(946, 10, 40)).await;
    test.run(Mode::Full).await;
    let id = some(&test, Kind::Deal, 3);
    test.hubspot.set_token("another");
    request(&test, id).await;
    for _ in 0..60 {
        test.wait(1_800);
        half_hour(&test).await;
    }
    test.hubspot.set_token(DEFAULT_TOKEN);
    test.hubspot.faults().next(&format!("{OBJECTS}deals/{id}"), Fault::BadRequest);
    for _ in 0..4 {
        test.wait(1_800);
        half_hour(&test).await;
    }
    assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 0);
    assert_eq!(
        test.app.db.scalar::<i64>("select count(*) from refetch_requests").await,
        0,
        "it was read"
    );
}

#[tokio::test]
async fn an_id_that_nobody_is_asked_for_ends_no_pause() {
    let test = HubSpotTestApp::over(portal(945, 1, 10)).await;
    let id = some(&test, Kind::Deal, 3);
    test.hubspot.faults().always(&format!("{OBJECTS}deals/{id}"), Fault::Unauthorized);
    request(&test, id).await;
    half_hour(&test).await;
    let since = "select paused_since::text from sync_state where mode = 'object'";
    let before: String = test.app.db.scalar(since).await;
    let refusals = "select refusals::bigint from sync_state where mode = 'object'";
    assert_eq!(test.app.db.scalar::<i64>(refusals).await, 1);
    // Written first and requested first, it is claimed first.
    let now = test.app.clock.now();
    let no_id = [("hubspot", "deal", "..")];
    let client = test.app.db.client().await;
    refetch::request(&client, &no_id, Cause::Pushed, now - Duration::from_secs(60), now)
        .await
        .unwrap();
    request(&test, id).await;
    test.wait(1_800);
    half_hour(&test).await;
    assert_eq!(test.app.db.scalar::<i64>(ENDED).await, 1);
    assert_eq!(test.app.db.scalar::<String>(since).await, before);
    assert_eq!(test.app.db.scalar::<i64>(refusals).await, 2);
}

async fn request(test: &HubSpotTestApp, id: u64) {
    let (id, now) = (id.to_string(), test.app.clock.now());
    let objects = [("hubspot", "deal", id.as_str())];
    refetch::request(&test.app.db.client().await, &objects, Cause::Pushed, now, now).await.unwrap();
}

async fn half_hour(test: &HubSpotTestApp) {
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    for body in test.app.requests.take() {
        let request = serde_json::from_str(&body).unwrap();
        let deadline = test.app.clock.now() + Duration::from_secs(600);
        // An object that cannot be read is the invocation's error.
        drop(test.app.fetch.serve(&request, deadline).await);
    }
    test.app.work_tickets().await;
}

#[tokio::test]
async fn requests_that_ended_are_purged_with_what_is_as_old() {
    let app = TestApp::over(account(944, 1)).await;
    let deadline = app.clock.now() + Duration::from_secs(600);
    app.fetch
        .serve(&FetchRequest::refetch("stripe", "charge", "..".to_owned()), deadline)
        .await
        .unwrap();
    app.clock.advance(Duration::from_secs(36 * 86_400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}

#[tokio::test]
async fn a_purge_waits_for_no_request_that_revives_what_it_would_delete() {
    let app = TestApp::over(account(947, 1)).await;
    let now = app.clock.now();
    // The purge meets them by the time of their ends, and a request by their ids.
    let ended = format!(
        "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at, ended_at) \
         select 'stripe', 'charge', id, '{now}', '{now}', '{now}'::timestamptz + age \
         from (values ('a', interval '2 s'), ('z', interval '1 s')) as o (id, age)"
    );
    app.db.client().await.batch_execute(&ended).await.unwrap();
    let later = now + Duration::from_secs(86_400);
    let mut requester = app.db.database(1).connection().await.unwrap();
    let tx = begin(&mut requester).await.unwrap();
    refetch::request(&tx, &[("stripe", "charge", "a")], Cause::Tied, later, later).await.unwrap();

    let relay = app.db.database_of("relay", 1).connection().await.unwrap();
    relay.batch_execute("set lock_timeout = '2s'").await.unwrap();
    assert_eq!(refetch::ended::purge(&**relay, later, 10).await.unwrap(), 1);
    commit(tx).await.unwrap();
    assert_eq!(refetch::ended::purge(&**relay, later, 10).await.unwrap(), 0);
    let left = "select string_agg(external_id, ',') from refetch_requests";
    assert_eq!(app.db.scalar::<String>(left).await, "a");
}
