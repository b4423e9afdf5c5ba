//! Outages, of half an hour here and of longer in the modules. No row loses an attempt, nothing
//! becomes a dead letter, and afterwards all is caught up by itself (trap 14).

mod restored;
mod week;
mod world;

use penstock_tests::simulators::{hubspot, stripe::Fault};
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::gcal::test_app::GcalTestApp;
use crate::hubspot::test_app::{HubSpotTestApp, portal};
use crate::stripe_account::{account, assert_true};
use crate::webhook::{send, signed};
use world::{World, assert_nothing_is_blamed, cut_off, readiness, swap};

/// Minutes of an outage.
const AWAY: u32 = 30;

/// Minutes after which all is caught up: a rest of a quarter of an hour, and the rule after it.
const AFTER: u32 = 31;

/// An app that has pulled everything.
async fn pulled(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 30)).await;
    app.let_in().await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app
}

/// The vendor changes something, and pushes the first event of it. The others are pulled.
async fn change(app: &TestApp) {
    let events = app.stripe.change(2);
    app.stripe.settle();
    if let Some(event) = events.first() {
        let (status, reply) = send(app, signed(app, &event.body)).await;
        assert!(matches!(status, 200 | 202), "{reply}");
    }
}

#[tokio::test]
async fn half_an_hour_without_postgres_uses_up_no_attempt_and_is_caught_up_with() {
    let (mut app, mut world) = (pulled(1_590).await, World::default());
    world.minute(&app, false).await;
    // Its tickets are under way when Postgres goes away.
    change(&app).await;
    let there = cut_off(&mut app);
    for _ in 0..AWAY {
        world.minute(&app, true).await;
        change(&app).await;
    }
    assert_nothing_is_blamed(&app).await;
    let (status, ready) = readiness(&app, app.nowhere()).await;
    assert_eq!((status, &ready["checks"]["db"]["ok"]), (503, &json!(false)), "{ready}");
    swap(&mut app, there);
    for _ in 0..AFTER {
        world.minute(&app, false).await;
    }
    world.assert_caught_up(&app).await;
    assert_true(&app).await;
}

#[tokio::test]
async fn half_an_hour_without_sqs_uses_up_no_attempt_and_is_caught_up_with() {
    let (app, mut world) = (pulled(1_591).await, World::default());
    world.minute(&app, false).await;
    world.queues_away = true;
    for _ in 0..AWAY {
        world.minute(&app, true).await;
        change(&app).await;
    }
    assert_nothing_is_blamed(&app).await;
    let (status, ready) = readiness(&app, app.db.database_of("metrics", 1)).await;
    let circuit = &ready["checks"]["sqs"]["circuit"];
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")), "{ready}");
    assert_eq!(circuit["state"], "open", "{ready}");
    // Each round of `relay` has found out, once it had something to send.
    assert!(circuit["failures"].as_u64().unwrap() >= u64::from(AWAY - 2), "{ready}");
    world.queues_away = false;
    for _ in 0..AFTER {
        world.minute(&app, false).await;
    }
    world.assert_caught_up(&app).await;
    assert_true(&app).await;
    let (_, ready) = readiness(&app, app.db.database_of("metrics", 1)).await;
    assert_eq!(ready["checks"]["sqs"], json!({"ok": true}));
}

/// Lets an outage of a vendor pass that `fails` and `answers` begin and end, and `changes` its
/// objects. Its connection's circuit opens, is shown, and closes.
async fn a_vendor_is_away(
    app: &TestApp,
    connection: &str,
    fails: impl FnOnce(),
    answers: impl FnOnce(),
    changes: impl Fn(),
) {
    let mut world = World::default();
    world.minute(app, false).await;
    fails();
    for _ in 0..AWAY {
        changes();
        world.minute(app, false).await;
        assert_nothing_is_blamed(app).await;
    }
    let (status, ready) = readiness(app, app.db.database_of("metrics", 1)).await;
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")), "{ready}");
    let shown = "select count(*) from circuits where source = $1 and failures > 1";
    let row = app.db.client().await.query_one(shown, &[&connection]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1, "the circuit of {connection} is open");
    answers();
    for _ in 0..AFTER {
        world.minute(app, false).await;
    }
    world.assert_caught_up(app).await;
}

#[tokio::test]
async fn half_an_hour_without_stripe_uses_up_no_attempt_and_is_caught_up_with() {
    let app = pulled(1_592).await;
    let fails = || app.stripe.faults().always("/v1/", Fault::ServerError);
    let answers = || app.stripe.faults().clear();
    let changes = || drop(app.stripe.change(2));
    a_vendor_is_away(&app, "stripe", fails, answers, changes).await;
    assert_true(&app).await;
}

#[tokio::test]
async fn half_an_hour_without_hubspot_uses_up_no_attempt_and_is_caught_up_with() {
    let test = HubSpotTestApp::over(portal(1_593, 20, 20)).await;
    test.app.let_in().await;
    test.run(penstock_domain::fetch_request::Mode::Full).await;
    let fails = || test.hubspot.faults().always("/crm", hubspot::Fault::ServerError);
    let answers = || test.hubspot.faults().clear();
    let changes = || drop(test.hubspot.portal().change(2));
    a_vendor_is_away(&test.app, "hubspot", fails, answers, changes).await;
    test.assert_true().await;
}

#[tokio::test]
async fn half_an_hour_without_google_uses_up_no_attempt_and_is_caught_up_with() {
    let test = GcalTestApp::filled(1_594, 30).await;
    test.app.let_in().await;
    let fails = || test.google.faults().always("/calendar", Fault::ServerError);
    let answers = || test.google.faults().clear();
    let changes = || test.google.with(|calendar| calendar.change(2));
    a_vendor_is_away(&test.app, "gcal", fails, answers, changes).await;
    test.assert_true().await;
}
