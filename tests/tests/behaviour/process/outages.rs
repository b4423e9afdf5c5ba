//! A Postgres that hangs, and whose backends are ended: no row is to blame (trap 82).

use std::path::PathBuf;
use std::time::Duration;

use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_testkit::Outcome;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::{TestApp, batch};
use penstock_tests::victim::Victim;
use process::Witness;
use serde_json::{Value, json};
use uuid::Uuid;

use super::signal_waiting;
use crate::stripe_account::{account, assert_true};

/// More than the receives and the deaths of which a row could die.
const ROUNDS: u32 = 12;

/// Little more than the reserve of `process`.
const DEADLINE: Duration = Duration::from_millis(6_500);

async fn start(app: &TestApp) -> Victim {
    let victim =
        Victim::start("process", &app.db, &[("STRIPE_LIVEMODE", "false".to_owned())]).await;
    // The start of a process is no part of an invocation's time.
    victim.host.first_poll().await;
    victim
}

fn event(bodies: &[String], receives: u32) -> Value {
    let record = |(i, body): (usize, &String)| {
        let attributes = json!({"ApproximateReceiveCount": receives.to_string()});
        json!({"messageId": format!("m{i}"), "body": body, "attributes": attributes})
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
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
                () = signal_waiting(&app, "pg_terminate_backend") => unreachable!("it goes on for ever"),
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
    Box::pin(no_row_is_dead(67, false)).await;
}

#[tokio::test]
async fn trap_82_nor_are_they_where_each_environment_is_gone_before_it_can_take_attempts_back() {
    Box::pin(no_row_is_dead(68, true)).await;
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
        () = signal_waiting(&app, "pg_terminate_backend") => unreachable!("it goes on for ever"),
    };
    assert_eq!(failed, tickets.len());
    assert_eq!(app.db.scalar::<i64>("select sum(attempts) from outbox").await, 0);
}

/// The note of a process that died while it worked on a row alone, in a directory of its own.
struct Note(PathBuf);

impl Note {
    fn of(row: OutboxId) -> Self {
        let directory = std::env::temp_dir().join(format!("note-{}", Uuid::now_v7()));
        let notes = directory.join("penstock-process");
        std::fs::create_dir_all(&notes).unwrap();
        std::fs::write(notes.join("note"), row.0.to_string()).unwrap();
        Self(directory)
    }

    fn remains(&self) -> bool {
        self.0.join("penstock-process").join("note").exists()
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// An app with rows to process, and a death on one of them that is not counted yet.
async fn died_on_the_first_of(seed: u64) -> (TestApp, Note, OutboxId, Vec<String>) {
    let mut app = TestApp::over(account(seed, 10)).await;
    app.fetch_all().await.unwrap();
    app.tickets.take();
    let ids: Vec<Uuid> = app.db.scalar("select array_agg(id order by id) from outbox").await;
    let ids: Vec<OutboxId> = ids.into_iter().map(OutboxId).collect();
    let note = Note::of(ids[0]);
    app.process.witness = Witness::within(&note.0);
    let others = Ticket::split(&ids[1..]).map(|ticket| ticket.to_body()).collect();
    (app, note, ids[0], others)
}

async fn crashes(app: &TestApp) -> Vec<i16> {
    app.db.scalar("select array_agg(crashes) from outbox where crashes > 0").await
}

#[tokio::test]
async fn a_death_on_a_row_that_another_connection_holds_is_counted_once_it_is_free() {
    let (app, note, row, others) = died_on_the_first_of(70).await;
    let holder = app.db.client().await;
    let hold = format!("begin; select 1 from outbox where id = '{row}' for update");
    holder.batch_execute(&hold).await.unwrap();
    let log = CapturedLog::start();
    for _ in 0..2 {
        assert_eq!(app.deliver(&others, 1).await.failures(), 0, "{}", log.text());
        assert!(note.remains(), "the death is not counted yet");
    }
    assert_eq!(log.text().matches("deaths_not_counted").count(), 2, "{}", log.text());
    holder.batch_execute("commit").await.unwrap();
    for _ in 0..2 {
        assert_eq!(app.deliver(&others, 1).await.failures(), 0);
    }
    assert_eq!(crashes(&app).await, [1]);
    assert!(!note.remains());
}

#[tokio::test]
async fn a_death_on_a_row_that_is_processed_or_gone_is_forgotten() {
    for end in ["update outbox set status = 'processed'", "delete from outbox"] {
        let (app, note, row, others) = died_on_the_first_of(71).await;
        let end = format!("{end} where id = '{row}'");
        app.db.client().await.batch_execute(&end).await.unwrap();
        assert_eq!(app.deliver(&others, 1).await.failures(), 0);
        assert!(!note.remains(), "{end}");
        assert_eq!(app.db.scalar::<i64>("select sum(crashes) from outbox").await, 0);
    }
}

#[tokio::test]
async fn a_death_that_postgres_does_not_count_in_time_holds_up_no_other_row() {
    let (app, note, _, others) = died_on_the_first_of(72).await;
    let hang = "create function hang() returns trigger language plpgsql as \
                $$ begin perform pg_sleep(60); return new; end $$; \
                create trigger hang before update of crashes on outbox for each row execute function hang()";
    app.db.client().await.batch_execute(hang).await.unwrap();
    let log = CapturedLog::start();
    let delivered = tokio::time::timeout(Duration::from_secs(20), app.deliver(&others, 1)).await;
    assert_eq!(delivered.expect("nothing waits behind the statement").failures(), 0);
    let done = "select count(*) from outbox where status = 'pending'";
    assert_eq!(app.db.scalar::<i64>(done).await, 1, "{}", log.text());
    assert!(log.text().contains("deaths_not_counted") && note.remains(), "{}", log.text());
}
