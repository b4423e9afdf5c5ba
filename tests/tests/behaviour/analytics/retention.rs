//! Rows that are in no file yet outlive their retention. The marks are written by hand here, as
//! `archive` leaves them.

use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;
use relay::Retention;

use crate::ingest::post;
use crate::leaves::app_by_day;
use crate::process::batches::{charge, put};
use crate::stripe_account::account;

const DAY: Duration = Duration::from_secs(86_400);

/// The tables that retention deletes rows of, and that are copied.
const TABLES: &str = "{outbox,events,leads,transactions,dead_letters}";

/// Retention where rows are copied. Leads and events are kept for ten days.
fn retention() -> Retention {
    let set = [
        ("ARCHIVE_BUCKET", "copy"),
        ("LEAD_RETENTION_DAYS", "10"),
        ("EVENT_RETENTION_DAYS", "10"),
        ("TRANSACTION_RETENTION_DAYS", "10"),
    ];
    Retention::from_env(&set.into_iter().collect::<Env>()).unwrap()
}

/// Begins the first life of the database, on a cluster with this identifier.
async fn begin(app: &TestApp, identifier: &str) {
    let sql = format!(
        "insert into archive_epochs (epoch, system_identifier, bucket, why, began_at) \
         values (1, {identifier}, 'copy', 'a test', now())"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

/// Moves the marks of all tables to the transaction that an expression gives.
async fn mark(app: &TestApp, to_tx: &str) {
    let sql = format!(
        "insert into archive_marks (table_name, epoch, to_tx, revision, manifested) \
         select t, 1, {to_tx}, 1, 1 from unnest('{TABLES}'::text[]) as t \
         on conflict (table_name) do update set to_tx = excluded.to_tx"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

/// A transaction after all that are over.
const NOW: &str = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// Plans a file of a table from a transaction on, or says that it is done.
async fn batch(app: &TestApp, table: &str, from_tx: &str, state: &str) {
    let done = if state == "done" { "now(), '\\x00'" } else { "null, null" };
    let sql = format!(
        "insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes, \
                                      planned_at, done_at, sha256) \
         values (gen_random_uuid(), '{table}', 1, {from_tx}, {from_tx} + 1000000, current_date, 0, '{table}', '{state}', \
                 1, 1, now(), {done}) \
         on conflict (key) do update set state = excluded.state, done_at = excluded.done_at, sha256 = excluded.sha256"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

async fn count(app: &TestApp, table: &str) -> i64 {
    app.db.scalar(&format!("select count(*) from {table}")).await
}

async fn relay(app: &TestApp) -> u64 {
    app.relay.run_once(app.relay_deadline()).await.unwrap().purged
}

/// A lead and an event, older than their retention by half a day.
pub async fn old_rows(seed: u64) -> TestApp {
    let mut app = TestApp::over(account(seed, 1)).await;
    app.let_in().await;
    post(&app.ingest, "/leads", &[], br#"{"email":"a@example.com"}"#).await;
    let events = br#"{"eventId":"e","userId":"u","sessionId":"s","type":"t","payload":{}}"#;
    post(&app.ingest, "/events", &[], events).await;
    app.drain().await;
    app.relay.retention = retention();
    app.clock.advance(10 * DAY + DAY / 2);
    app
}

#[tokio::test]
async fn rows_outlive_their_retention_until_they_are_in_a_file() {
    let app = old_rows(880).await;
    let rows = async || (count(&app, "leads").await, count(&app, "events").await);
    relay(&app).await;
    assert_eq!(rows().await, (1, 1), "nothing was ever copied");
    begin(&app, "archive_system_identifier()").await;
    mark(&app, "0").await;
    relay(&app).await;
    assert_eq!(rows().await, (1, 1), "the first window is not planned yet");
    mark(&app, NOW).await;
    batch(&app, "events", "0", "planned").await;
    batch(&app, "leads", "0", "done").await;
    relay(&app).await;
    assert_eq!(rows().await, (0, 1), "the file of the events is planned and not written");
    batch(&app, "events", "0", "done").await;
    relay(&app).await;
    assert_eq!(rows().await, (0, 0));
}

#[tokio::test]
async fn a_row_that_was_written_after_the_mark_is_kept_whatever_its_age() {
    let app = old_rows(881).await;
    begin(&app, "archive_system_identifier()").await;
    mark(&app, NOW).await;
    // A request that was spilled is stored late, with the time at which it came.
    let late = "insert into events (event_id, sender, type, occurred_at, received_at, outbox_id) \
                select 'late', '', 't', received_at, received_at, gen_random_uuid() from events";
    app.db.client().await.batch_execute(late).await.unwrap();
    relay(&app).await;
    assert_eq!(app.db.scalar::<String>("select event_id from events").await, "late");
    mark(&app, NOW).await;
    relay(&app).await;
    assert_eq!(count(&app, "events").await, 0);
}

#[tokio::test]
async fn after_a_restore_on_another_cluster_nothing_counts_as_copied() {
    let app = old_rows(882).await;
    begin(&app, "archive_system_identifier() + 1").await;
    mark(&app, NOW).await;
    relay(&app).await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (1, 1));
    let begun = "insert into archive_epochs (epoch, system_identifier, bucket, why, began_at) \
                 values (2, archive_system_identifier(), 'copy', 'restored', now()); \
                 update archive_marks set epoch = 2";
    app.db.client().await.batch_execute(begun).await.unwrap();
    relay(&app).await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (0, 0));
}

#[tokio::test]
async fn rows_outlive_their_retention_until_they_are_in_a_file_of_the_bucket_that_is_named() {
    let mut app = old_rows(888).await;
    begin(&app, "archive_system_identifier()").await;
    mark(&app, NOW).await;
    app.relay.retention.bucket = Some("another".to_owned());
    let rows = async || (count(&app, "leads").await, count(&app, "events").await);
    relay(&app).await;
    assert_eq!(rows().await, (1, 1), "they are in files of the bucket before");
    let begun = "insert into archive_epochs (epoch, system_identifier, bucket, why, began_at) \
                 values (2, archive_system_identifier(), 'another', 'a test', now()); \
                 update archive_marks set epoch = 2, to_tx = 0";
    app.db.client().await.batch_execute(begun).await.unwrap();
    relay(&app).await;
    assert_eq!(rows().await, (1, 1), "its first window is not planned yet");
    mark(&app, NOW).await;
    relay(&app).await;
    assert_eq!(rows().await, (0, 0));
}

#[tokio::test]
async fn a_leaf_stays_until_each_of_its_rows_is_in_a_file() {
    let mut app = app_by_day(883, &[]).await;
    put(&app, &[("ch_1".to_owned(), charge("ch_1", "100", "succeeded"))]).await;
    relay(&app).await;
    app.drain().await;
    app.relay.retention = retention();
    begin(&app, "archive_system_identifier()").await;
    mark(&app, "(select max(tx) from outbox)").await;
    app.clock.advance(40 * DAY);
    let log = CapturedLog::start();
    relay(&app).await;
    relay(&app).await;
    let rows = async || count(&app, "outbox where external_id = 'ch_1'").await;
    assert_eq!(rows().await, 1, "the mark is the first transaction that is in no file");
    assert!(!log.text().contains("leaf_emptied"), "{}", log.text());
    mark(&app, "(select max(tx) + 1 from outbox)").await;
    relay(&app).await;
    assert_eq!(rows().await, 0);
    assert!(log.text().contains("leaf_emptied"));
}

#[tokio::test]
async fn processed_rows_of_a_leaf_that_must_stay_go_one_by_one_once_they_are_in_a_file() {
    let mut app = app_by_day(884, &[]).await;
    for id in ["ch_1", "ch_2"] {
        put(&app, &[(id.to_owned(), charge(id, "100", "succeeded"))]).await;
    }
    relay(&app).await;
    app.drain().await;
    let odd = "update outbox set status = 'pending', next_attempt_at = 'infinity' where external_id = 'ch_2'";
    app.db.client().await.batch_execute(odd).await.unwrap();
    app.relay.retention = retention();
    begin(&app, "archive_system_identifier()").await;
    app.clock.advance(40 * DAY);
    relay(&app).await;
    assert_eq!(count(&app, "outbox where external_id in ('ch_1', 'ch_2')").await, 2);
    mark(&app, NOW).await;
    relay(&app).await;
    let left = "select external_id from outbox where external_id in ('ch_1', 'ch_2')";
    assert_eq!(app.db.scalar::<String>(left).await, "ch_2");
}

#[tokio::test]
async fn a_dead_letter_stays_until_it_and_its_row_are_in_files() {
    let mut app = TestApp::over(account(885, 1)).await;
    app.relay.retention = retention();
    let now = app.clock.now();
    let row = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, \
                                   next_attempt_at, received_at) \
               values (gen_random_uuid(), 'stripe', 'customer.tax_id', 'x', 'v', $1, '', '', 'dead', $1, $1)";
    app.db.client().await.execute(row, &[&now]).await.unwrap();
    let letter = "insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, attempts, \
                                            created_at) \
                  select gen_random_uuid(), source, entity, external_id, id, '', 'e', 'malformed', 1, $1 from outbox";
    app.db.client().await.execute(letter, &[&now]).await.unwrap();
    app.clock.advance(401 * DAY);
    begin(&app, "archive_system_identifier()").await;
    mark(&app, NOW).await;
    batch(&app, "outbox", "0", "planned").await;
    let both = async || (count(&app, "dead_letters").await, count(&app, "outbox").await);
    relay(&app).await;
    assert_eq!(both().await, (1, 1), "the letter is in a file, and its row is in none");
    batch(&app, "outbox", "0", "done").await;
    batch(&app, "dead_letters", "0", "planned").await;
    relay(&app).await;
    assert_eq!(both().await, (1, 1), "the row is in a file, and its letter is in none");
    batch(&app, "dead_letters", "0", "done").await;
    relay(&app).await;
    assert_eq!(both().await, (0, 0));
}

#[tokio::test]
async fn rows_that_are_kept_for_a_day_longer_than_their_retention_are_told() {
    let app = old_rows(886).await;
    begin(&app, "archive_system_identifier()").await;
    let log = CapturedLog::start();
    relay(&app).await;
    assert!(!log.text().contains("retention_held"), "a day is not over: {}", log.text());
    app.clock.advance(DAY);
    relay(&app).await;
    let text = log.text();
    let held: Vec<&str> = text.lines().filter(|line| line.contains("retention_held")).collect();
    assert_eq!(held.len(), 2, "{text}");
    for (line, table) in held.iter().zip(["events", "leads"]) {
        assert!(line.contains(&format!("\"table\":\"{table}\"")), "{line}");
        assert!(line.contains("ERROR") && line.contains("\"held_s\":"), "{line}");
    }
    mark(&app, NOW).await;
    relay(&app).await;
    assert_eq!(log.text().matches("retention_held").count(), 2, "they are gone");
}

#[tokio::test]
async fn where_nothing_is_copied_marks_of_earlier_times_hold_nothing_back() {
    let mut app = old_rows(887).await;
    begin(&app, "archive_system_identifier()").await;
    mark(&app, "0").await;
    app.relay.retention.bucket = None;
    relay(&app).await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (0, 0));
}
