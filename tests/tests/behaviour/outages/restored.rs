//! A database that is restored to an earlier point in time, in its region and in another one.

use penstock_domain::fetch_request::Mode;
use penstock_testkit::{TestDatabase, filled};
use penstock_tests::test_app::TestApp;

use super::world::{World, cut_off, swap};
use super::{AFTER, change, pulled};
use crate::gcal::push::{notification, send};
use crate::gcal::test_app::GcalTestApp;
use crate::stripe_account::assert_true;

/// Minutes between the backup and the loss of the database.
const SINCE: u32 = 20;

/// Minutes until the backup is restored.
const AWAY: u32 = 10;

/// The database is backed up while tickets are under way, and lost a while later. Returns how many
/// leads came in between.
async fn lost_since_a_backup(app: &TestApp, world: &mut World) -> (TestDatabase, i64) {
    world.minute(app, false).await;
    change(app).await;
    let (backup, kept) = (app.db.back_up().await, world.promised());
    for _ in 0..SINCE {
        world.minute(app, false).await;
        change(app).await;
    }
    (backup, world.promised() - kept)
}

/// The vendor and the front door go on while there is no database.
async fn without_a_database(app: &TestApp, world: &mut World) {
    for _ in 0..AWAY {
        world.minute(app, true).await;
        change(app).await;
    }
}

async fn assert_caught_up(app: &TestApp, world: &mut World) {
    for _ in 0..AFTER {
        world.minute(app, false).await;
    }
    world.assert_caught_up(app).await;
    assert_true(app).await;
    let drift = filled::drift(&app.db.client().await).await;
    assert!(drift.is_empty(), "the sums are those of the payments: {drift:?}");
}

#[tokio::test]
async fn a_restored_database_has_all_of_the_vendor_and_the_leads_but_those_since_the_backup() {
    let (mut app, mut world) = (pulled(1_600).await, World::default());
    let (backup, lost) = lost_since_a_backup(&app, &mut world).await;
    let there = cut_off(&mut app);
    without_a_database(&app, &mut world).await;
    app.db.restore(backup).await;
    swap(&mut app, there);
    world.lose(lost);
    assert_caught_up(&app, &mut world).await;
}

#[tokio::test]
async fn in_another_region_the_requests_that_were_spilled_are_lost_too_and_no_row() {
    let (mut app, mut world) = (pulled(1_604).await, World::default());
    let (backup, lost) = lost_since_a_backup(&app, &mut world).await;
    let there = cut_off(&mut app);
    without_a_database(&app, &mut world).await;
    app.db.restore(backup).await;
    swap(&mut app, there);
    let spilled = world.lose_queues(&app);
    assert!(spilled > 0, "some requests waited for the database");
    world.lose(lost + spilled);
    assert_caught_up(&app, &mut world).await;
}

#[tokio::test]
async fn a_channel_that_a_restored_database_does_not_know_harms_nothing_and_another_is_opened() {
    let test = GcalTestApp::filled(1_605, 30).await;
    let backup = test.app.db.back_up().await;
    test.fetch(Mode::Watch).await.unwrap();
    let lost = notification(&test, "exists");
    test.app.db.restore(backup).await;
    test.fetch(Mode::Watch).await.unwrap();
    assert_eq!(test.google.channels().len(), 2, "the lost one goes on until it ends");
    for headers in [lost, test.google.channels()[1].notify("exists")] {
        test.change(5);
        let reply = send(&test, "POST", &headers).await;
        assert_eq!(reply.status_code, 200, "{reply:?}");
        test.app.drain().await;
        test.assert_true().await;
    }
}
