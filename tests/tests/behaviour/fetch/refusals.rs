//! Refusals (trap 67): told once, tried again ever more seldom, and healed without a person.

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::hubspot;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::is_thorough;
use serde_json::Value;

use crate::hubspot::test_app::{HubSpotTestApp, portal};
use crate::stripe_account::{account, assert_true};

/// `minutes` pass: `relay` runs, and `fetch` serves its messages. Each quarter of an hour the rule
/// asks. Returns the errors, which reach the log and the alarms.
async fn pass(app: &TestApp, minutes: u32) -> Vec<FetchError> {
    let step = rounds_apart();
    let mut errors = Vec::new();
    for minute in (step..=minutes).step_by(step as usize) {
        app.clock.advance(Duration::from_secs(60) * step);
        errors.extend(round(app, minute).await);
    }
    errors
}

/// Minutes from one round of `relay` to the next: one as in a deployment by PENSTOCK_THOROUGH=1,
/// else three, which is less than anything here waits.
fn rounds_apart() -> u32 {
    if is_thorough() { 1 } else { 3 }
}

async fn round(app: &TestApp, minute: u32) -> Vec<FetchError> {
    let rule = FetchRequest::new("stripe", "event", Mode::Incremental);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    let queued = app.requests.take();
    let queued = queued.iter().map(|body| serde_json::from_str(body).unwrap());
    let ruled = minute.is_multiple_of(15).then_some(rule);
    let mut errors = Vec::new();
    for request in queued.chain(ruled) {
        let deadline = app.clock.now() + Duration::from_secs(600);
        errors.extend(app.fetch.serve(&request, deadline).await.err());
    }
    app.work_tickets().await;
    errors
}

#[tokio::test]
async fn trap_67_a_refused_key_is_tried_once_an_hour_in_the_end_told_once_and_heals_by_itself() {
    let app = TestApp::over(account(921, 40)).await;
    app.stripe.faults().always("/v1/", Fault::Unauthorized);
    // The first incremental run asks for full runs as well: four pulls of one refused key.
    let mut told = pass(&app, 6 * 60).await;
    assert!((1..=4).contains(&told.len()), "told {} times: {told:?}", told.len());
    let before = app.stripe.requests().len();
    told.extend(pass(&app, 12 * 60).await);
    // A try is two requests: the second one after the key was read again.
    let tries = (app.stripe.requests().len() - before).div_ceil(2);
    assert!((6..=13).contains(&tries), "{tries} tries of the key in twelve hours");
    assert!(told.len() <= 4, "told again: {told:?}");

    app.stripe.faults().clear();
    pass(&app, 75).await;
    assert_true(&app).await;
    let paused = "select count(*) from sync_state where halted is not null or refusals > 0";
    assert_eq!(app.db.scalar::<i64>(paused).await, 0);
}

#[tokio::test]
async fn trap_67_one_odd_reply_pauses_nothing_and_a_run_goes_on_over_it() {
    for fault in [Fault::Proxy, Fault::BadRequest] {
        let app = TestApp::over(account(922, 250)).await;
        app.stripe.faults().at(2, "/v1/charges", fault);
        let outcome = app.fetch("charge", Mode::Full).await.unwrap();
        assert!(matches!(outcome, Outcome::Finished { .. }), "{fault:?}: {outcome:?}");
    }
    let objects = "/crm/";
    for fault in [hubspot::Fault::Proxy, hubspot::Fault::BadRequest, hubspot::Fault::NoSuchPage] {
        let test = HubSpotTestApp::over(portal(81, 250, 1)).await;
        test.hubspot.faults().at(2, objects, fault);
        test.run(Mode::Full).await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_67_odd_replies_that_repeat_pause_the_pull() {
    let app = TestApp::over(account(923, 10)).await;
    app.stripe.faults().always("/v1/charges", Fault::Proxy);
    let error = app.fetch("charge", Mode::Full).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Vendor(VendorError::Refused { status: 403, .. })),
        "{error}"
    );
    let outcome = app.fetch("charge", Mode::Full).await.unwrap();
    assert!(matches!(outcome, Outcome::Paused { .. }), "{outcome:?}");
}

#[tokio::test]
async fn refetches_of_a_refused_key_wait_and_heal_with_it() {
    let app = TestApp::over(account(924, 30)).await;
    app.fetch_all().await.unwrap();
    app.work_tickets().await;
    let ids: Vec<String> = app.stripe.truth().into_iter().map(|charge| charge.id).collect();
    let wait = format!(
        "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
         select 'stripe', 'charge', id, '{now}', '{now}' from unnest('{{{ids}}}'::text[]) as ids (id)",
        now = app.clock.now(),
        ids = ids.join(",")
    );
    app.db.client().await.batch_execute(&wait).await.unwrap();
    app.stripe.faults().always("/v1/", Fault::Unauthorized);
    let before = app.stripe.requests().len();
    pass(&app, 60).await;
    let asked = app.stripe.requests().len() - before;
    assert!((2..60).contains(&asked), "{asked} requests in an hour for {} objects", ids.len());
    let waiting = "select count(*) from refetch_requests";
    assert_eq!(app.db.scalar::<i64>(waiting).await, i64::try_from(ids.len()).unwrap());

    app.stripe.faults().clear();
    pass(&app, 75).await;
    assert_eq!(app.db.scalar::<i64>(waiting).await, 0);
    assert_true(&app).await;
}

#[tokio::test]
async fn a_person_who_has_mended_the_key_need_not_wait() {
    let app = TestApp::over(account(925, 20)).await;
    app.stripe.faults().always("/v1/", Fault::Unauthorized);
    app.fetch("charge", Mode::Full).await.unwrap_err();
    app.stripe.faults().clear();
    let by_rule = app.fetch("charge", Mode::Full).await.unwrap();
    assert!(matches!(by_rule, Outcome::Paused { .. }), "{by_rule:?}");
    let by_hand = serde_json::json!({
        "source": "stripe", "entity": "charge", "mode": "full", "unpause": true,
    });
    let deadline = app.clock.now() + Duration::from_secs(600);
    let reply: Value = app.fetch.handle(by_hand, deadline).await.unwrap();
    assert_eq!(reply["outcome"], "finished");
}
