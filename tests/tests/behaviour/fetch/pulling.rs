//! From an empty database to the vendor's truth, whatever happens on the way (traps 1, 4, 5, 7, 8, 9).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::StoreError;
use penstock_tests::elsewhere;
use penstock_tests::plant::Plant;
use penstock_tests::simulators::stripe::{Fault, World, WorldSpec};

use crate::stripe_account::{DAY, NOW, assert_true, world};

#[tokio::test]
async fn a_full_run_brings_the_vendors_truth_and_a_second_one_writes_no_row() {
    let plant = Plant::over(world(1, 800)).await;
    plant.fetch_all().await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;

    let digest = "select md5(string_agg(p::text || xmin::text || ctid::text, ',' order by kind, external_id)) from payments p";
    let before: String = plant.db.scalar(digest).await;
    plant.clock.advance(Duration::from_secs(60));
    plant.fetch_all().await.unwrap();
    plant.drain().await;
    assert_eq!(
        plant.db.scalar::<String>(digest).await,
        before,
        "an unchanged row was written again"
    );
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_01_every_version_of_an_object_is_kept_not_only_the_first() {
    let plant = Plant::over(world(2, 50)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    plant.stripe.change(200);
    plant.clock.advance(Duration::from_secs(600));
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    let most: i64 = plant
        .db
        .scalar("select max(n) from (select count(*) n from outbox group by source, entity, external_id) v")
        .await;
    assert!(most > 2, "an object that changed again and again has one row a version, not {most}");
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_04_refunds_disputes_and_captures_of_old_charges_arrive_by_events() {
    let plant = Plant::over(world(3, 300)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;
    // Changes of charges that are up to 90 days old: no list by `created` would show them again.
    plant.stripe.change(300);
    plant.clock.advance(Duration::from_secs(900));
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_05_a_cursor_older_than_25_days_asks_for_full_runs_and_says_why() {
    let plant = Plant::over(world(4, 120)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    plant.stripe.change(100);
    plant.clock.advance(Duration::from_secs(40 * 86_400));
    let Outcome::Finished { run, .. } = plant.fetch("event", Mode::Incremental).await.unwrap()
    else {
        panic!("the run does not finish");
    };
    let note: String =
        plant.db.scalar(&format!("select last_error from sync_runs where id = '{run}'")).await;
    assert!(note.contains("over 25 days old"), "{note}");
    assert_eq!(plant.requests.delays().len(), 3, "charge, refund and dispute are asked for");
    plant.drain().await;
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_05_a_run_left_unfinished_for_a_month_begins_anew_with_full_runs() {
    let plant = Plant::over(world(12, 80)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    plant.stripe.change(150);
    plant.clock.advance(Duration::from_secs(60));
    plant.stripe.faults().always("/v1/events", Fault::ServerError);
    plant.fetch("event", Mode::Incremental).await.unwrap_err();
    plant.stripe.faults().clear();
    plant.clock.advance(Duration::from_secs(40 * 86_400));
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;
    let left: String =
        plant.db.scalar("select last_error from sync_runs where status = 'failed'").await;
    assert_eq!(left, "left unfinished for so long that it cannot go on");
}

#[tokio::test]
async fn trap_05_full_runs_that_are_owed_are_asked_for_until_they_succeed() {
    let plant = Plant::over(world(5, 60)).await;
    plant.requests.refuse(true);
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.requests.refuse(false);
    assert!(plant.requests.take().is_empty(), "the messages are lost");
    plant.clock.advance(Duration::from_secs(600));
    let round = plant.relay.run_once(plant.relay_deadline()).await.unwrap();
    assert_eq!(round.runs, 3);
    plant.drain().await;
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_07_what_becomes_visible_late_is_caught_by_the_overlap() {
    let spec =
        WorldSpec { late_permille: 500, ..WorldSpec::between(6, 100, NOW - 90 * DAY, NOW).at(NOW) };
    let plant = Plant::over(World::new(spec)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    for _ in 0..10 {
        plant.stripe.change(40);
        plant.clock.advance(Duration::from_secs(30));
        plant.fetch("event", Mode::Incremental).await.unwrap();
        plant.drain().await;
    }
    plant.stripe.settle();
    plant.clock.advance(Duration::from_secs(60));
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_08_the_watermark_stays_until_the_window_is_drained_and_older_pages_are_not_lost() {
    let plant = Plant::over(world(7, 50)).await;
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    let watermark = "select watermark::text from sync_state where mode = 'incremental'";
    let before: String = plant.db.scalar(watermark).await;

    plant.stripe.change(300);
    plant.clock.advance(Duration::from_secs(600));
    // Page 1 goes through; then the vendor is gone for good.
    plant.stripe.faults().at(2, "/v1/events", Fault::Forbidden);
    plant.fetch("event", Mode::Incremental).await.unwrap_err();
    assert_eq!(plant.db.scalar::<String>(watermark).await, before);
    let waiting: i64 =
        plant.db.scalar("select count(*) from outbox where status = 'pending'").await;
    assert!(waiting > 0, "page 1 is committed");

    plant.stripe.faults().clear();
    plant.fetch("event", Mode::Incremental).await.unwrap();
    plant.drain().await;
    assert_true(&plant).await;
}

#[tokio::test]
async fn trap_09_a_run_outlives_its_invocation_and_commits_page_by_page() {
    let plant = Plant::with_settings(world(8, 700), &[("STRIPE_RATE_PER_SECOND", "1")]).await;
    let mut invocations = 0;
    loop {
        invocations += 1;
        match plant.fetch_within("charge", Mode::Full, Duration::from_secs(3)).await.unwrap() {
            Outcome::Finished { .. } => break,
            Outcome::Continues { .. } => {
                let messages = plant.requests.take();
                assert_eq!(
                    messages,
                    [r#"{"source":"stripe","entity":"charge","mode":"full","resume":true}"#]
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(invocations < 50, "the run does not get on");
    }
    assert!(invocations > 2, "one invocation cannot have done it");
    assert_eq!(plant.db.scalar::<i64>("select count(*) from sync_runs").await, 1, "it is one run");
    let charges: i64 = plant.db.scalar("select count(*) from outbox where entity = 'charge'").await;
    assert_eq!(charges, 700);
}

#[tokio::test]
async fn two_runs_of_one_pull_cannot_both_move_the_cursor() {
    let one_window = [("STRIPE_WINDOW_DAYS", "365"), ("STRIPE_CONCURRENCY", "1")];
    let plant = Plant::with_settings(world(9, 250), &one_window).await;
    // Another takes the lease over while this one waits for page 2, after two looks at how far the history goes.
    let url = plant.db.url();
    plant
        .stripe
        .on_request(4, move || elsewhere::execute(&url, "update sync_state set fence = fence + 1"));
    let error = plant.fetch("charge", Mode::Full).await.unwrap_err();
    assert!(matches!(error, FetchError::Store(StoreError::FenceLost(_))), "{error}");
    let rows: i64 = plant.db.scalar("select count(*) from outbox").await;
    assert_eq!(rows, 100, "the page that came after the fence had moved is not committed");
}

#[tokio::test]
async fn a_pull_that_somebody_is_at_is_left_alone() {
    let plant = Plant::over(world(10, 20)).await;
    let client = plant.db.client().await;
    plant.fetch("charge", Mode::Full).await.unwrap();
    client.batch_execute("update sync_state set lease_until = '2100-01-01'").await.unwrap();
    assert_eq!(plant.fetch("charge", Mode::Full).await.unwrap(), Outcome::Busy);
}

#[tokio::test]
async fn years_without_a_sale_cost_one_request_not_one_a_window() {
    let spec = WorldSpec::between(11, 40, NOW - 4_000 * DAY, NOW - 3_950 * DAY).at(NOW);
    let plant = Plant::over(World::new(spec)).await;
    plant.fetch("charge", Mode::Full).await.unwrap();
    plant.drain().await;
    let charges: i64 = plant.db.scalar("select count(*) from payments where kind = 'charge'").await;
    assert_eq!(charges, 40);
    let requests = plant.stripe.requests_to("/v1/charges").len();
    assert!(requests <= 8, "{requests} requests");
}

#[tokio::test]
async fn a_message_that_comes_twice_or_late_begins_no_second_run() {
    let plant = Plant::over(world(13, 30)).await;
    let request = FetchRequest::new("stripe", "charge", Mode::Full);
    let deadline = plant.clock.now() + Duration::from_secs(3_600);
    let late = request.clone().resuming();
    assert_eq!(plant.fetch.serve(&late, deadline).await.unwrap(), Outcome::NothingToResume);
    assert!(matches!(
        plant.fetch.serve(&request, deadline).await.unwrap(),
        Outcome::Finished { .. }
    ));
    assert_eq!(plant.fetch.serve(&late, deadline).await.unwrap(), Outcome::NothingToResume);
    assert_eq!(plant.db.scalar::<i64>("select count(*) from sync_runs").await, 1);
    assert!(
        matches!(plant.fetch.serve(&request, deadline).await.unwrap(), Outcome::Finished { .. }),
        "asked for anew"
    );
}

#[tokio::test]
async fn a_full_run_under_way_does_not_stand_for_one_that_is_owed_since() {
    let plant = Plant::with_settings(world(14, 700), &[("STRIPE_RATE_PER_SECOND", "1")]).await;
    // Begun by hand, left half-way; changes come while nobody pulls events; then the schedule is switched on.
    let begun = plant.fetch_within("charge", Mode::Full, Duration::from_secs(3)).await.unwrap();
    assert!(matches!(begun, Outcome::Continues { .. }), "{begun:?}");
    plant.stripe.change(300);
    plant.clock.advance(Duration::from_secs(3_600));
    plant.fetch("event", Mode::Incremental).await.unwrap();
    for _ in 0..3 {
        plant.drain().await;
        plant.clock.advance(Duration::from_secs(400));
        plant.relay.run_once(plant.relay_deadline()).await.unwrap();
    }
    plant.drain().await;
    assert_true(&plant).await;
    let owed =
        "select count(*) from sync_state where requested_at is not null or run_id is not null";
    assert_eq!(plant.db.scalar::<i64>(owed).await, 0);
}
