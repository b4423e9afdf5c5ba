//! A vendor that is away for a week, with its sync tokens and push channels ended meanwhile.

use std::time::Duration;

use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::{hubspot, stripe::Fault};
use penstock_tests::test_app::TestApp;

use super::world::{World, assert_nothing_is_blamed};
use super::{AFTER, pulled};
use crate::gcal::test_app::GcalTestApp;
use crate::hubspot::test_app::{HubSpotTestApp, portal};
use crate::stripe_account::assert_true;

/// Hours of an outage.
const AWAY: u32 = 7 * 24;

const HOUR: Duration = Duration::from_secs(3_600);

/// Lets a week pass without a vendor that changes something each hour, and then an hour with it.
async fn a_week_passes(app: &TestApp, changes: impl Fn(), answers: impl FnOnce()) {
    let mut world = World::default();
    world.minute(app, false).await;
    for _ in 0..AWAY {
        changes();
        world.pass(app, HOUR, false).await;
    }
    assert_nothing_is_blamed(app).await;
    answers();
    for _ in 0..AFTER {
        world.minute(app, false).await;
    }
    world.assert_caught_up(app).await;
}

#[tokio::test]
async fn a_week_without_stripe_is_caught_up_with_by_itself() {
    let app = pulled(1_601).await;
    app.stripe.faults().always("/v1/", Fault::ServerError);
    let changes = || drop(app.stripe.change(1));
    a_week_passes(&app, changes, || app.stripe.faults().clear()).await;
    assert_true(&app).await;
}

#[tokio::test]
async fn a_week_without_hubspot_is_caught_up_with_by_itself() {
    let test = HubSpotTestApp::over(portal(1_602, 20, 20)).await;
    test.app.let_in().await;
    test.run(Mode::Full).await;
    test.hubspot.faults().always("/crm", hubspot::Fault::ServerError);
    let changes = || drop(test.hubspot.portal().change(1));
    a_week_passes(&test.app, changes, || test.hubspot.faults().clear()).await;
    test.assert_true().await;
}

#[tokio::test]
async fn a_week_without_google_is_caught_up_with_though_its_token_and_its_channel_ended() {
    let test = GcalTestApp::filled(1_603, 30).await;
    test.app.let_in().await;
    test.google.faults().always("/calendar", Fault::ServerError);
    let changes = || test.google.with(|calendar| calendar.change(1));
    let answers = || {
        test.google.expire_sync_tokens();
        test.google.forget_channels();
        test.google.faults().clear();
    };
    a_week_passes(&test.app, changes, answers).await;
    test.assert_true().await;
    test.fetch(Mode::Watch).await.unwrap();
    assert_eq!(test.google.channels().len(), 1, "changes are pushed again");
}
