//! A full run that pages through several windows of its history side by side (docs/adr/0023; traps 8, 9, 14).

use std::collections::BTreeSet;
use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::plant::Plant;
use penstock_tests::simulators::stripe::{Fault, Request, RetryAfter};
use serde_json::Value;

use crate::admin::trigger::{admin, run};
use crate::rolodex::runs;
use crate::stripe_account::{assert_true, world};

/// A plant with windows of ten days and some ten pages each, where a request counts as lost after a second.
async fn plant(seed: u64, at_once: usize) -> Plant {
    let at_once = at_once.to_string();
    let settings = [
        ("STRIPE_CONCURRENCY", at_once.as_str()),
        ("STRIPE_WINDOW_DAYS", "10"),
        ("STRIPE_PAGE_SIZE", "10"),
        ("STRIPE_TIMEOUT_SECONDS", "1"),
        ("STRIPE_RATE_PER_SECOND", "1000"),
    ];
    Plant::with_settings(world(seed, 900), &settings).await
}

async fn finish(plant: &Plant) {
    plant.fetch_all().await.unwrap();
    plant.drain().await;
    assert_true(plant).await;
    assert_eq!(plant.db.scalar::<i64>("select count(*) from sync_windows").await, 0);
}

fn hung(plant: &Plant) -> Vec<Request> {
    plant
        .stripe
        .requests()
        .into_iter()
        .filter(|request| request.fault == Some(Fault::Hang))
        .collect()
}

#[tokio::test]
async fn windows_are_paged_side_by_side_up_to_the_limit_and_no_further() {
    for at_once in [1, 3, 5] {
        let plant = plant(200, at_once).await;
        plant.stripe.faults().since(20, "/v1/charges", Fault::Hang);
        // The first pause is longer than there is time.
        let outcome =
            plant.fetch_within("charge", Mode::Full, Duration::from_millis(1)).await.unwrap();
        assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
        let waiting: BTreeSet<String> =
            hung(&plant).into_iter().map(|request| request.query).collect();
        assert_eq!(waiting.len(), at_once);
        plant.stripe.faults().clear();
        finish(&plant).await;
    }
}

#[tokio::test]
async fn a_window_whose_reply_hangs_holds_up_no_other() {
    let plant = plant(201, 3).await;
    plant.stripe.faults().at(9, "/v1/charges", Fault::Hang);
    finish(&plant).await;
    let query = hung(&plant).remove(0).query;
    let charges = plant.stripe.requests_to("/v1/charges");
    let asked: Vec<usize> = (0..charges.len()).filter(|at| charges[*at].query == query).collect();
    assert_eq!(asked.len(), 2, "once without an answer, once more");
    assert!(asked[1] - asked[0] > 5, "{} others meanwhile", asked[1] - asked[0] - 1);
}

#[tokio::test]
async fn trap_14_a_pause_that_one_window_is_told_is_kept_by_all() {
    let plant = plant(202, 4).await;
    plant.stripe.faults().at(9, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(30)));
    let before = plant.clock.now();
    finish(&plant).await;
    let charges = plant.stripe.requests_to("/v1/charges");
    let told = charges.iter().position(|request| request.fault.is_some()).unwrap();
    assert_eq!(charges.iter().filter(|request| request.fault.is_some()).count(), 1);
    // Those that were sent before it was told may still come in; whatever is sent afterwards is sent 30 s later.
    let early =
        charges[told + 1..].iter().filter(|request| request.at < before.as_second() + 30).count();
    assert!(early <= 3, "{early} requests during the pause");
}

#[tokio::test]
async fn trap_16_an_unusable_reply_in_one_window_moves_no_other_and_is_asked_for_again() {
    let plant = plant(203, 4).await;
    for nth in [7, 9, 12] {
        plant.stripe.faults().at(nth, "/v1/charges", Fault::TruncatedJson);
    }
    finish(&plant).await;
    assert_eq!(
        plant.db.scalar::<String>("select string_agg(distinct status, ' ') from sync_runs").await,
        "succeeded"
    );
}

#[tokio::test]
async fn trap_09_a_run_of_many_windows_outlives_its_invocations_and_is_one_run() {
    let plant = plant(204, 4).await;
    let mut invocations = 0;
    loop {
        let clock = plant.clock.clone();
        plant.stripe.on_request(20, move || clock.advance(Duration::from_secs(3_600)));
        invocations += 1;
        match plant.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap() {
            Outcome::Finished { .. } => break,
            Outcome::Continues { .. } => assert!(invocations < 50, "the run does not get on"),
            other => panic!("{other:?}"),
        }
    }
    assert!(invocations > 2, "one invocation cannot have done it");
    assert_eq!(plant.db.scalar::<i64>("select count(*) from sync_runs").await, 1);
    assert_eq!(plant.db.scalar::<i64>("select count(*) from outbox").await, 900);
    finish(&plant).await;
}

#[tokio::test]
async fn the_first_full_run_tells_how_far_it_is_once_its_windows_reach_the_beginning() {
    let plant = plant(205, 4).await;
    drop(admin(&plant).await);
    let told = async || {
        let id: String = plant.db.scalar("select id::text from sync_runs").await;
        run(&plant, &id).await["progress"].clone()
    };
    let mut last = 0.0;
    for _ in 0..4 {
        let clock = plant.clock.clone();
        plant.stripe.on_request(20, move || clock.advance(Duration::from_secs(3_600)));
        plant.fetch_within("charge", Mode::Full, Duration::from_secs(1_800)).await.unwrap();
        let progress = told().await;
        if plant.db.scalar::<bool>("select windows_complete from sync_state").await {
            let done = progress["done"].as_f64().unwrap();
            assert!(done >= last && done <= 1.0, "{last}, then {progress}");
            last = done;
        } else {
            assert_eq!(
                progress["done"],
                Value::Null,
                "nobody knows yet how old the account is: {progress}"
            );
        }
        assert!(progress["reached"].is_string(), "{progress}");
    }
    assert!(last > 0.0, "{last}");
    finish(&plant).await;
}

#[tokio::test]
async fn a_full_run_whose_order_tells_nothing_counts_by_what_there_was_the_last_time() {
    let (plant, server) = runs::plant(206, 40).await;
    drop(admin(&plant).await);
    runs::run(&plant, "person", Mode::Full).await;
    let clock = plant.clock.clone();
    server.world().on_request(move |number, _| {
        if number % 3 == 0 {
            clock.advance(Duration::from_secs(100_000));
        }
    });
    runs::fetch(&plant, "person", Mode::Full).await.unwrap();
    let id: String =
        plant.db.scalar("select run_id::text from sync_state where run_id is not null").await;
    let progress = run(&plant, &id).await["progress"].clone();
    let done = progress["done"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&done), "{progress}");
    assert_eq!(progress["reached"], Value::Null);
}

/// A full run as code from before there were windows leaves it: its window in the row of the run itself, what lies before it unread.
pub async fn left_without_windows(plant: &Plant, mode: &str, complete: bool) {
    let now = plant.clock.now();
    let sql = format!(
        "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at) \
         values ('00000000-0000-7000-8000-000000000001', 'stripe', 'charge', '{mode}', 'running', '{now}', '{now}'); \
         insert into sync_state (source, entity, mode, run_id, run_started, window_from, window_to, upper_bound, fence, \
                                 updated_at, windows_complete) \
         values ('stripe', 'charge', '{mode}', '00000000-0000-7000-8000-000000000001', '{now}', \
                 '{now}'::timestamptz - interval '31 days', '{now}', '{now}', 1, '{now}', {complete})"
    );
    plant.db.client().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_full_run_that_code_from_before_windows_has_left_reads_what_lies_before_its_window() {
    for complete in [false, true] {
        let plant = Plant::over(world(900, 300)).await;
        left_without_windows(&plant, "full", complete).await;
        plant.fetch_all().await.unwrap();
        plant.drain().await;
        let (ours, run): (i64, String) = (
            plant.db.scalar("select count(*) from outbox where entity = 'charge'").await,
            plant.db.scalar("select status from sync_runs where entity = 'charge'").await,
        );
        assert_eq!((ours, run.as_str()), (300, "succeeded"), "complete: {complete}");
        assert_true(&plant).await;
    }
}

#[tokio::test]
async fn a_full_run_that_is_begun_anew_by_hand_reads_all() {
    let settings = [("STRIPE_WINDOW_DAYS", "10"), ("STRIPE_PAGE_SIZE", "10")];
    let plant = Plant::with_settings(world(912, 300), &settings).await;
    plant.fetch_within("charge", Mode::Full, Duration::from_secs(2)).await.unwrap();
    drop(plant.requests.take());
    // docs/OPERATIONS.md, "To begin a full run anew".
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md"))
            .unwrap();
    let sql = &page[page.find("To begin a full run anew").unwrap()..];
    let sql = sql.split("```sql").nth(1).unwrap().split("```").next().unwrap();
    let open = "select count(*) from sync_windows";
    assert!(plant.db.scalar::<i64>(open).await > 0);
    let client = plant.db.client().await;
    client.batch_execute(&sql.replace("now()", "'infinity'::timestamptz")).await.unwrap();
    assert_eq!(plant.db.scalar::<i64>(open).await, 0);
    plant.fetch_within("charge", Mode::Full, Duration::from_secs(86_400)).await.unwrap();
    let read: i64 = plant
        .db
        .scalar("select count(distinct external_id) from outbox where entity = 'charge'")
        .await;
    let run: String =
        plant.db.scalar("select string_agg(status, ' ' order by id) from sync_runs").await;
    assert_eq!((read, run.as_str()), (300, "running succeeded"));
}
