//! A Postgres that hangs, and whose backends are ended: no row is to blame (trap 82).

use std::time::Duration;

use penstock_testkit::Outcome;
use penstock_tests::test_app::{TestApp, batch};
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use crate::stripe_account::{account, assert_true};

/// More than the receives and the deaths of which a row could die.
const ROUNDS: u32 = 12;

/// Little more than the reserve of `process`.
const DEADLINE: Duration = Duration::from_millis(6_500);

async fn start(app: &TestApp) -> Victim {
    Victim::start("process", &app.db, &[("STRIPE_LIVEMODE", "false".to_owned())]).await
}

fn event(bodies: &[String], receives: u32) -> Value {
    let record = |(i, body): (usize, &String)| {
        let attributes = json!({"ApproximateReceiveCount": receives.to_string()});
        json!({"messageId": format!("m{i}"), "body": body, "attributes": attributes})
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// Ends the backends that wait for a lock, again and again, as an administrator does.
async fn end_backends(app: &TestApp) {
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        app.db.scalar::<i64>(end).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Ends the backends whose processes gave them up, and which have not found out yet.
async fn nobody_is_left_behind(app: &TestApp) {
    let left = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null";
    while app.db.scalar::<i64>(left).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Delivers a few rows while Postgres hangs. Each second time it is ended by hand, otherwise the
/// invocation's time is up. With `reaped`, each time is in another environment.
async fn no_row_is_dead(seed: u64, reaped: bool) {
    let app = TestApp::over(account(seed, 10)).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    let hangs = app.db.client().await;
    hangs.batch_execute("begin; lock table payments in access exclusive mode").await.unwrap();
    let mut victim = start(&app).await;
    for round in 0..ROUNDS {
        if reaped {
            victim = start(&app).await;
        }
        let receives = 2 + round % 4;
        let invoked = victim.host.invoke_with_deadline(event(&tickets, receives), DEADLINE);
        let outcome = if round % 4 == 3 {
            invoked.await
        } else {
            tokio::select! {
                outcome = invoked => outcome,
                () = end_backends(&app) => unreachable!("it goes on for ever"),
            }
        };
        let Outcome::Replied(reply) = outcome else {
            panic!("round {round}: {outcome:?}");
        };
        assert!(!reply["batchItemFailures"].as_array().unwrap().is_empty(), "round {round}");
        assert_eq!(app.bury.handle(batch(&tickets, 5)).await.failures(), 0);
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    hangs.batch_execute("commit").await.unwrap();
    nobody_is_left_behind(&app).await;
    let reply = victim.host.invoke(event(&tickets, 2)).await.reply();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_82_rows_that_a_hanging_postgres_keeps_from_being_done_are_never_dead() {
    no_row_is_dead(67, false).await;
}

#[tokio::test]
async fn trap_82_nor_are_they_where_each_environment_is_gone_before_it_can_take_attempts_back() {
    no_row_is_dead(68, true).await;
}

#[tokio::test]
async fn attempts_that_an_outage_ended_are_taken_back() {
    let app = TestApp::over(account(69, 10)).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    let hangs = app.db.client().await;
    hangs.batch_execute("begin; lock table payments in access exclusive mode").await.unwrap();
    let failed = tokio::select! {
        response = app.deliver(&tickets, 2) => response.failures(),
        () = end_backends(&app) => unreachable!("it goes on for ever"),
    };
    assert_eq!(failed, tickets.len());
    assert_eq!(app.db.scalar::<i64>("select sum(attempts) from outbox").await, 0);
}
