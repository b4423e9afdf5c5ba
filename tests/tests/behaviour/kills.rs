//! `fetch` and `process` as built, killed with SIGKILL at any point of their conversation with Postgres,
//! and run again: nothing lost, nothing twice (traps 8, 9, 21).

use std::time::Duration;

use penstock_domain::fetch_request::Mode;
use penstock_testkit::{Cut, Outcome};
use penstock_tests::plant::Plant;
use penstock_tests::victim::{Victim, leases_run_out};
use serde_json::{Value, json};

use crate::stripe_account::{assert_true, world};

/// Points a function is killed at; each of the four tests has this many.
const POINTS: u64 = 15;

fn sqs_event(bodies: &[String]) -> Value {
    let record = |(i, body): (usize, &String)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {"ApproximateReceiveCount": "1"}});
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// `fetch` or `process` over a plant.
async fn start(name: &str, plant: &Plant) -> Victim {
    let settings = [
        ("STRIPE_BASE_URL", plant.stripe.url()),
        ("STRIPE_API_KEY", plant.stripe.key()),
        ("STRIPE_REFETCH_TIES", "true".to_owned()),
        ("STRIPE_RATE_PER_SECOND", "1000".to_owned()),
        ("STRIPE_WINDOW_DAYS", "40".to_owned()),
    ];
    Victim::start(name, &plant.db, &settings).await
}

fn cut(rng: &mut fastrand::Rng) -> Cut {
    if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding }
}

/// A plant with rows waiting, and their tickets.
async fn waiting(seed: u64) -> (Plant, Vec<String>) {
    let plant = Plant::over(world(seed, 40)).await;
    plant.fetch_all().await.unwrap();
    let tickets = plant.tickets.take();
    (plant, tickets)
}

async fn process_dies(seeds: std::ops::Range<u64>) {
    let (plant, tickets) = waiting(seeds.start).await;
    let victim = start("process", &plant).await;
    victim.host.invoke(sqs_event(&tickets)).await.reply();
    let messages = victim.proxy.messages();
    assert_true(&plant).await;
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let (plant, tickets) = waiting(seed).await;
        let victim = start("process", &plant).await;
        victim.die_at(nth, cut, sqs_event(&tickets)).await;
        // SQS delivers what was not acknowledged again.
        assert_eq!(plant.deliver(&tickets, 2).await.failures(), 0, "after message {nth}");
        plant.drain().await;
        assert_true(&plant).await;
    }
}

async fn fetch_dies(seeds: std::ops::Range<u64>) {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    let size = 250;
    let plant = Plant::over(world(seeds.start, size)).await;
    let victim = start("fetch", &plant).await;
    assert_eq!(victim.host.invoke(event.clone()).await.reply()["outcome"], "finished");
    let messages = victim.proxy.messages();
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let plant = Plant::over(world(seed, size)).await;
        let victim = start("fetch", &plant).await;
        victim.die_at(nth, cut, event.clone()).await;
        // Its lease runs out, as it does with time.
        leases_run_out(&plant.db).await;
        plant.fetch_all().await.unwrap();
        let twice: i64 = plant
            .db
            .scalar(
                "select count(*) from (select from outbox group by entity, external_id, run_id having count(*) > 1) t",
            )
            .await;
        assert_eq!(twice, 0, "after message {nth}");
        // Tickets that died with it relay sends.
        drop((plant.tickets.take(), victim.aws.take()));
        plant.clock.advance(Duration::from_secs(365 * 86_400));
        plant.relay.run_once(plant.relay_deadline()).await.unwrap();
        plant.drain().await;
        assert_true(&plant).await;
    }
}

/// A plant whose payments are not what the vendor has.
async fn damaged(seed: u64) -> Plant {
    let plant = Plant::over(world(seed, 120)).await;
    plant.fetch_all().await.unwrap();
    plant.drain().await;
    plant.clock.advance(Duration::from_secs(7_200));
    let damage = "delete from payments where abs(hashtext(external_id)) % 7 = 3; \
                  update payments set amount = amount + 1 where abs(hashtext(external_id)) % 7 = 4";
    plant.db.client().await.batch_execute(damage).await.unwrap();
    plant
}

#[tokio::test]
async fn a_reconciliation_killed_at_any_point_counts_nothing_twice_and_mends_all_the_same() {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "reconcile"});
    let plant = damaged(7_000).await;
    let victim = start("fetch", &plant).await;
    assert_eq!(
        victim.host.invoke(event.clone()).await.reply()["outcome"],
        "continues",
        "it waits for process"
    );
    let messages = victim.proxy.messages();
    for seed in 7_000..7_000 + POINTS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let plant = damaged(seed).await;
        let victim = start("fetch", &plant).await;
        victim.die_at(nth, cut, event.clone()).await;
        drop((plant.tickets.take(), victim.aws.take()));
        let expired = "update sync_state set lease_until = '-infinity'; update outbox set next_attempt_at = '-infinity'";
        plant.db.client().await.batch_execute(expired).await.unwrap();
        plant.relay.run_once(plant.relay_deadline()).await.unwrap();
        let report = crate::fetch::reconcile::reconcile(&plant, "charge").await;
        assert_eq!(report.remaining, 0, "after message {nth}: {report:?}");
        for kind in ["refund", "dispute"] {
            crate::fetch::reconcile::reconcile(&plant, kind).await;
        }
        assert_true(&plant).await;
    }
}

#[tokio::test]
async fn process_killed_at_any_point_loses_nothing_and_counts_nothing_twice() {
    process_dies(1_000..1_000 + POINTS).await;
}

#[tokio::test]
async fn process_killed_at_any_other_point_loses_nothing_and_counts_nothing_twice() {
    process_dies(2_000..2_000 + POINTS).await;
}

#[tokio::test]
async fn fetch_killed_at_any_point_loses_nothing_and_fetches_nothing_twice() {
    fetch_dies(3_000..3_000 + POINTS).await;
}

#[tokio::test]
async fn fetch_killed_at_any_other_point_loses_nothing_and_fetches_nothing_twice() {
    fetch_dies(4_000..4_000 + POINTS).await;
}

#[tokio::test]
async fn a_row_that_kills_the_process_each_time_is_found_out_and_its_neighbours_are_done() {
    let (plant, tickets) = waiting(5_000).await;
    let rows: i64 = plant.db.scalar("select count(*) from outbox").await;
    // The guilty one holds the function up until Lambda kills it: its lock on the outbox is never granted.
    let guilty: String =
        plant.db.scalar("select external_id from outbox order by id offset 7 limit 1").await;
    let trap = format!(
        "create function hang() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$; \
         create trigger hang before insert on payments for each row when (new.external_id = '{guilty}') execute function hang()"
    );
    plant.db.client().await.batch_execute(&trap).await.unwrap();
    for receives in 1..=5_u32 {
        let victim = start("process", &plant).await;
        let mut event = sqs_event(&tickets);
        for record in event["Records"].as_array_mut().unwrap() {
            record["attributes"]["ApproximateReceiveCount"] = json!(receives.to_string());
        }
        let outcome = victim.host.invoke_with_deadline(event, Duration::from_secs(3)).await;
        let end = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and wait_event = 'PgSleep'";
        plant.db.client().await.batch_execute(end).await.unwrap();
        if let Outcome::Replied(reply) = outcome {
            assert_eq!(reply, json!({"batchItemFailures": []}), "receive {receives}");
            break;
        }
    }
    let letter: String = plant
        .db
        .scalar("select external_id || ': ' || error_kind || ': ' || error from dead_letters")
        .await;
    assert_eq!(
        letter,
        format!("{guilty}: crashed: the process died while it worked on this row alone, 2 times")
    );
    assert_eq!(plant.db.scalar::<i64>("select count(*) from payments").await, rows - 1);
}

#[tokio::test]
async fn fetch_killed_between_pages_goes_on_from_the_last_one_committed_in_every_window() {
    for nth in [5, 7, 9] {
        let plant = Plant::over(world(6_000 + nth, 600)).await;
        let victim = start("fetch", &plant).await;
        plant.stripe.on_request(nth, victim.host.killer());
        let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
        assert!(matches!(victim.host.invoke(event).await, Outcome::Died(_)));
        leases_run_out(&plant.db).await;
        let client = plant.db.client().await;
        let open = "select extract(epoch from window_to)::int8, page_token from sync_windows order by number";
        let open: Vec<(i64, Option<String>)> = client
            .query(open, &[])
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        assert!(!open.is_empty(), "killed at request {nth}, some window is open");
        plant.stripe.forget_requests();
        plant.fetch("charge", Mode::Full).await.unwrap();

        let pages: Vec<String> =
            plant.stripe.requests_to("/v1/charges").into_iter().map(|r| r.query).collect();
        for (to, token) in &open {
            let window = format!("created%5Blt%5D={to}");
            let first = pages
                .iter()
                .find(|query| query.contains(&window) && !query.starts_with("limit=1&"))
                .unwrap();
            let after = token.as_ref().map(|token| format!("starting_after={token}"));
            assert_eq!(first.contains("starting_after"), after.is_some(), "{first} for {after:?}");
            assert!(after.is_none_or(|after| first.contains(&after)), "{first}");
        }
        assert_eq!(plant.db.scalar::<i64>("select count(*) from outbox").await, 600);
        assert_eq!(plant.db.scalar::<i64>("select count(*) from sync_windows").await, 0);
        let pages: i64 = plant.db.scalar("select pages from sync_runs").await;
        assert!(
            pages < 30,
            "{pages} pages for 600 charges: what was committed is not fetched again"
        );
    }
}

#[tokio::test]
async fn trap_44_a_connection_that_breaks_in_mid_page_is_replaced_and_the_run_goes_on_by_itself() {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    let plant = Plant::over(world(8_000, 300)).await;
    let victim = start("fetch", &plant).await;
    assert_eq!(victim.host.invoke(event.clone()).await.reply()["outcome"], "finished");
    let messages = victim.proxy.messages();
    let mut broke = 0;
    for seed in 8_000..8_000 + POINTS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let plant = Plant::over(world(seed, 300)).await;
        let victim = start("fetch", &plant).await;
        victim.proxy.cut_at(nth, cut, || ());
        let mut outcome = victim.host.invoke(event.clone()).await;
        if plant.db.scalar::<i64>("select count(*) from sync_runs").await == 0 {
            // It broke before the run had begun: the message comes again.
            outcome = victim.host.invoke(event.clone()).await;
        }
        let reply = outcome.reply();
        if reply["outcome"] == "continues" {
            broke += 1;
            let messages = victim.aws.take_from("fetch-requests");
            assert_eq!(messages.len(), 1, "after message {nth}");
            let request = serde_json::from_str(&messages[0]).unwrap();
            let reply = victim.host.invoke(request).await.reply();
            let done = ["finished", "nothing_to_resume"].map(Value::from);
            assert!(done.contains(&reply["outcome"]), "after message {nth}: {reply}");
        }
        let ended = "select count(*) from sync_runs where status = 'succeeded'";
        assert_eq!(plant.db.scalar::<i64>(ended).await, 1, "after message {nth}: {reply}");
        assert_eq!(plant.db.scalar::<i64>("select count(*) from outbox").await, 300);
    }
    assert!(broke > 2, "{broke} of {POINTS} broke in mid-page");
}
