//! `fetch` and `process` as built, killed with SIGKILL at any message to Postgres, and run again:
//! nothing is lost or doubled (traps 8, 9, 21).

use std::time::Duration;

use penstock_domain::fetch_request::Mode;
use penstock_testkit::{Cut, Outcome};
use penstock_tests::test_app::{TestApp, batch};
use penstock_tests::thorough::part;
use penstock_tests::victim::{Victim, leases_run_out};
use serde_json::{Value, json};

use crate::stripe_account::{account, assert_true};

/// Points at which a function is killed, by each of six tests.
const POINTS: u64 = 15;

fn sqs_event(bodies: &[String]) -> Value {
    let record = |(i, body): (usize, &String)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {"ApproximateReceiveCount": "1"}});
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// Starts `fetch` or `process` as built, over the database and the vendor of `app`.
async fn start(name: &str, app: &TestApp) -> Victim {
    let settings = [
        ("STRIPE_BASE_URL", app.stripe.url()),
        ("STRIPE_API_KEY", app.stripe.key()),
        ("STRIPE_LIVEMODE", "false".to_owned()),
        ("STRIPE_REFETCH_TIES", "true".to_owned()),
        ("STRIPE_RATE_PER_SECOND", "1000".to_owned()),
        ("STRIPE_WINDOW_DAYS", "40".to_owned()),
    ];
    Victim::start(name, &app.db, &settings).await
}

fn cut(rng: &mut fastrand::Rng) -> Cut {
    if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding }
}

/// An app with pending rows, and their tickets.
async fn waiting(seed: u64) -> (TestApp, Vec<String>) {
    let app = TestApp::over(account(seed, 40)).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    (app, tickets)
}

async fn process_dies(seeds: std::ops::Range<u64>) {
    let (app, tickets) = waiting(seeds.start).await;
    let victim = start("process", &app).await;
    victim.host.invoke(sqs_event(&tickets)).await.reply();
    let messages = victim.proxy.messages();
    assert_true(&app).await;
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let (app, tickets) = waiting(seed).await;
        let victim = start("process", &app).await;
        victim.die_at(nth, cut, sqs_event(&tickets)).await;
        // SQS delivers again what was not acknowledged.
        assert_eq!(app.deliver(&tickets, 2).await.failures(), 0, "after message {nth}");
        app.drain().await;
        assert_true(&app).await;
    }
}

async fn fetch_dies(seeds: std::ops::Range<u64>) {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    let size = 250;
    let app = TestApp::over(account(seeds.start, size)).await;
    let victim = start("fetch", &app).await;
    assert_eq!(victim.host.invoke_unhurried(event.clone()).await.reply()["outcome"], "finished");
    let messages = victim.proxy.messages();
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let app = TestApp::over(account(seed, size)).await;
        let victim = start("fetch", &app).await;
        victim.die_at(nth, cut, event.clone()).await;
        // Its lease expires, which in production takes time.
        leases_run_out(&app.db).await;
        app.fetch_all().await.unwrap();
        let twice: i64 = app
            .db
            .scalar(
                "select count(*) from (select from outbox group by entity, external_id, run_id having count(*) > 1) t",
            )
            .await;
        assert_eq!(twice, 0, "after message {nth}");
        // relay sends again the tickets that died with it.
        drop((app.tickets.take(), victim.aws.take()));
        // Later than the real clock, by which the binary has written.
        app.clock.advance(Duration::from_secs(80 * 365 * 86_400));
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        app.drain().await;
        assert_true(&app).await;
    }
}

/// An app whose payments differ from the vendor's objects.
async fn damaged(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 120)).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app.clock.advance(Duration::from_secs(7_200));
    let damage = "delete from payments where abs(hashtext(external_id)) % 7 = 3; \
                  update payments set amount = amount + 1 where abs(hashtext(external_id)) % 7 = 4";
    app.db.client().await.batch_execute(damage).await.unwrap();
    app
}

#[tokio::test]
async fn a_reconciliation_killed_at_any_point_counts_nothing_twice_and_mends_all_the_same() {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "reconcile"});
    let app = damaged(7_000).await;
    let victim = start("fetch", &app).await;
    assert_eq!(
        victim.host.invoke_unhurried(event.clone()).await.reply()["outcome"],
        "continues",
        "it waits for process"
    );
    let messages = victim.proxy.messages();
    for seed in 7_000..7_000 + part(POINTS) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let app = damaged(seed).await;
        let victim = start("fetch", &app).await;
        victim.die_at(nth, cut, event.clone()).await;
        drop((app.tickets.take(), victim.aws.take()));
        let expired = "update sync_state set lease_until = '-infinity'; update outbox set next_attempt_at = '-infinity'";
        app.db.client().await.batch_execute(expired).await.unwrap();
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        let report = crate::fetch::reconcile::reconcile(&app, "charge").await;
        assert_eq!(report.remaining, 0, "after message {nth}: {report:?}");
        for kind in ["refund", "dispute"] {
            crate::fetch::reconcile::reconcile(&app, kind).await;
        }
        assert_true(&app).await;
    }
}

#[tokio::test]
async fn process_killed_at_any_point_loses_nothing_and_counts_nothing_twice() {
    process_dies(1_000..1_000 + part(POINTS)).await;
}

#[tokio::test]
async fn process_killed_at_any_other_point_loses_nothing_and_counts_nothing_twice() {
    process_dies(2_000..2_000 + part(POINTS)).await;
}

#[tokio::test]
async fn fetch_killed_at_any_point_loses_nothing_and_fetches_nothing_twice() {
    fetch_dies(3_000..3_000 + part(POINTS)).await;
}

#[tokio::test]
async fn fetch_killed_at_any_other_point_loses_nothing_and_fetches_nothing_twice() {
    fetch_dies(4_000..4_000 + part(POINTS)).await;
}

/// Has the inserts of some payments take so long that the process can be killed in one.
async fn hang(app: &TestApp, condition: &str) {
    let trap = format!(
        "create function hang() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$; \
         create trigger hang before insert on payments for each row when ({condition}) execute function hang()"
    );
    app.db.client().await.batch_execute(&trap).await.unwrap();
}

/// Returns once a payment's insert hangs.
async fn an_insert_hangs(app: &TestApp) {
    let hanging = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event = 'PgSleep'";
    while app.db.scalar::<i64>(hanging).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Delivers tickets as SQS does: until they are done, or to `bury` after five receives. A process
/// whose insert hangs is killed, as by the row's own fault. Returns whether `process` did them.
async fn redrive(app: &TestApp, tickets: &[String]) -> bool {
    for receives in 1..=5_u32 {
        let victim = start("process", app).await;
        let mut event = sqs_event(tickets);
        for record in event["Records"].as_array_mut().unwrap() {
            record["attributes"]["ApproximateReceiveCount"] = json!(receives.to_string());
        }
        let outcome = tokio::select! {
            outcome = victim.host.invoke(event) => outcome,
            () = an_insert_hangs(app) => Outcome::Died(victim.host.kill().await),
        };
        // The next process counts the death only once the row is free.
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and wait_event = 'PgSleep'";
        while app.db.scalar::<i64>(end).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Outcome::Replied(reply) = outcome {
            assert_eq!(reply, json!({"batchItemFailures": []}), "receive {receives}");
            return true;
        }
    }
    assert_eq!(app.bury.handle(batch(tickets, 5)).await.failures(), 0);
    false
}

async fn guilty_rows(app: &TestApp, rows: i64) -> Vec<String> {
    let ids = format!(
        "select array_agg(external_id order by id) from (select id, external_id from outbox order by id offset 7 limit {rows}) t"
    );
    app.db.scalar(&ids).await
}

const CRASHED: &str = "crashed: the process died while it worked on this row alone, 2 times";
const LETTERS: &str = "select array_agg(external_id || ': ' || error_kind || ': ' || error order by outbox_id) from dead_letters";

fn letters_of(guilty: &[String]) -> Vec<String> {
    guilty.iter().map(|id| format!("{id}: {CRASHED}")).collect()
}

#[tokio::test]
async fn rows_that_kill_the_process_each_time_are_found_out_and_their_neighbours_are_done() {
    // A second row uses up the receives in which the first could have been marked.
    for (seed, rows) in [(5_000, 1), (5_001, 2)] {
        let (app, tickets) = waiting(seed).await;
        let all: i64 = app.db.scalar("select count(*) from outbox").await;
        let guilty = guilty_rows(&app, rows).await;
        let ids = guilty.join("', '");
        hang(&app, &format!("new.external_id in ('{ids}') and new.status <> 'unreadable'")).await;
        assert_eq!(redrive(&app, &tickets).await, rows == 1);
        if rows > 1 {
            // relay sends a new ticket.
            assert!(redrive(&app, &tickets).await);
        }
        assert_eq!(app.db.scalar::<Vec<String>>(LETTERS).await, letters_of(&guilty));
        let unreadable = "select array_agg(external_id order by external_id) from payments where status = 'unreadable'";
        let mut sorted = guilty.clone();
        sorted.sort();
        assert_eq!(app.db.scalar::<Vec<String>>(unreadable).await, sorted);
        assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, all);
    }
}

#[tokio::test]
async fn a_row_whose_mark_kills_the_process_too_is_dead_in_the_end() {
    let (app, tickets) = waiting(5_002).await;
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    let guilty = guilty_rows(&app, 1).await;
    hang(&app, &format!("new.external_id = '{}'", guilty[0])).await;
    assert!(!redrive(&app, &tickets).await);
    assert!(redrive(&app, &tickets).await);
    assert_eq!(app.db.scalar::<Vec<String>>(LETTERS).await, letters_of(&guilty));
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, rows - 1);
}

#[tokio::test]
async fn a_row_that_kills_the_process_is_dead_in_the_end_where_every_note_is_lost() {
    // At the last attempt it may have, and at the last one that its mark may have.
    for (seed, attempts, mark) in [(5_003, 49, "unreadable"), (5_004, 99, "none")] {
        let (app, tickets) = waiting(seed).await;
        // A file is where the notes' directory should be.
        let own = std::env::temp_dir().join(app.db.login().database);
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("penstock-process"), "").unwrap();
        let guilty = guilty_rows(&app, 1).await;
        let killing = format!("new.external_id = '{}' and new.status <> '{mark}'", guilty[0]);
        hang(&app, &killing).await;
        let sql =
            format!("update outbox set attempts = {attempts} where external_id = '{}'", guilty[0]);
        app.db.client().await.batch_execute(&sql).await.unwrap();
        assert!(redrive(&app, &tickets).await);
        let unended = format!("{}: crashed: 50 attempts at this row did not end", guilty[0]);
        assert_eq!(app.db.scalar::<Vec<String>>(LETTERS).await, [unended]);
        let pending = "select count(*) from outbox where status = 'pending'";
        assert_eq!(app.db.scalar::<i64>(pending).await, 0);
    }
}

#[tokio::test]
async fn fetch_killed_between_pages_goes_on_from_the_last_one_committed_in_every_window() {
    for nth in [5, 7, 9] {
        let app = TestApp::over(account(6_000 + nth, 600)).await;
        let victim = start("fetch", &app).await;
        app.stripe.on_request(nth, victim.host.killer());
        let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
        assert!(matches!(victim.host.invoke_unhurried(event.clone()).await, Outcome::Died(_)));
        leases_run_out(&app.db).await;
        let client = app.db.client().await;
        let open = "select extract(epoch from window_to)::int8, page_token from sync_windows order by number";
        let open: Vec<(i64, Option<String>)> = client
            .query(open, &[])
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        assert!(!open.is_empty(), "killed at request {nth}, some window is open");
        app.stripe.forget_requests();
        app.fetch("charge", Mode::Full).await.unwrap();

        let pages: Vec<String> =
            app.stripe.requests_to("/v1/charges").into_iter().map(|r| r.query).collect();
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
        assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 600);
        assert_eq!(app.db.scalar::<i64>("select count(*) from sync_windows").await, 0);
        let pages: i64 = app.db.scalar("select pages from sync_runs").await;
        assert!(
            pages < 30,
            "{pages} pages for 600 charges: what was committed is not fetched again"
        );
    }
}

#[tokio::test]
async fn trap_44_a_connection_that_breaks_in_mid_page_is_replaced_and_the_run_goes_on_by_itself() {
    let event = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    let app = TestApp::over(account(8_000, 300)).await;
    let victim = start("fetch", &app).await;
    assert_eq!(victim.host.invoke_unhurried(event.clone()).await.reply()["outcome"], "finished");
    let messages = victim.proxy.messages();
    let (points, mut broke) = (part(POINTS), 0);
    for seed in 8_000..8_000 + points {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (nth, cut) = (rng.u64(1..=messages), cut(&mut rng));
        let app = TestApp::over(account(seed, 300)).await;
        let victim = start("fetch", &app).await;
        victim.proxy.cut_at(nth, cut, || ());
        let mut outcome = victim.host.invoke_unhurried(event.clone()).await;
        if app.db.scalar::<i64>("select count(*) from sync_runs").await == 0 {
            // The connection broke before the run had begun: the message comes again.
            outcome = victim.host.invoke_unhurried(event.clone()).await;
        }
        let reply = outcome.reply();
        if reply["outcome"] == "continues" {
            broke += 1;
            let messages = victim.aws.take_from("fetch-requests");
            assert_eq!(messages.len(), 1, "after message {nth}");
            let request = serde_json::from_str(&messages[0]).unwrap();
            let reply = victim.host.invoke_unhurried(request).await.reply();
            let done = ["finished", "nothing_to_resume"].map(Value::from);
            assert!(done.contains(&reply["outcome"]), "after message {nth}: {reply}");
        }
        let ended = "select count(*) from sync_runs where status = 'succeeded'";
        assert_eq!(app.db.scalar::<i64>(ended).await, 1, "after message {nth}: {reply}");
        assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 300);
    }
    assert!(broke * 5 > points, "{broke} of {points} broke in mid-page");
}
