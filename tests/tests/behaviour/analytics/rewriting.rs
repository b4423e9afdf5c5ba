//! People who were erased leave the files, whatever fails meanwhile. Names are added by hand here;
//! `jobs/erase/files.rs` erases a person as an operator does.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::{is_thorough, part};

use super::copied::{Copied, Fault};
use crate::stripe_account::account;

/// Events of users `u-1` to `u-<n>`, two of each.
async fn app_with_events(seed: u64, users: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    let sql = format!(
        "insert into events (event_id, sender, user_id, type, payload, occurred_at, received_at, outbox_id) \
         select 'e-' || n || '-' || k, '', 'u-' || n, 't', '{{\"n\":' || n || '}}', now(), now(), gen_random_uuid() \
         from generate_series(1, {users}) n, generate_series(1, 2) k"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
    app
}

/// Adds the name of a user to those of people who were erased, and deletes their events.
async fn erase(app: &TestApp, user: u64) {
    let sql = format!(
        "select add_erased_names(array['user:u-{user}'], now()); delete from events where user_id = 'u-{user}'"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

/// Asserts that the files have the events of these users and no others, each once.
async fn assert_users(copied: &Copied, users: std::ops::RangeInclusive<u64>) {
    let texts = copied.texts().await;
    let events = texts.get("events").cloned().unwrap_or_default();
    let of = |row: &String| row.split(" | ").nth(7).unwrap().to_owned();
    let seen: BTreeSet<String> = events.iter().map(of).collect();
    let expected: BTreeSet<String> = users.clone().map(|n| format!("u-{n}")).collect();
    assert_eq!(seen, expected);
    let count = usize::try_from(users.end() + 1 - users.start()).unwrap();
    assert_eq!(events.len(), 2 * count, "each event is in one file");
    assert_eq!(copied.files(), copied.listed());
    let read = copied.read().await;
    assert_eq!(read["events"].wrong, Vec::<String>::new());
    assert_eq!(read["events"].duckdb.rows, i64::try_from(2 * count).unwrap());
}

#[tokio::test]
async fn a_store_that_fails_at_any_request_of_a_search_leaves_the_rest_to_the_next_event() {
    let requests = 8;
    let all = 2 * requests;
    let app = app_with_events(896, all).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let mut struck = 0;
    for user in 1..all {
        erase(&app, user).await;
        let fault = if user > requests { Fault::After } else { Fault::Before };
        let at = i64::try_from(user % requests).unwrap();
        let faults = copied.faults(at, fault);
        let outcome = copied.copy_by(&copied.archive(&app.db, faults.clone())).await;
        struck += i32::from(faults.has_struck());
        assert!(outcome.is_ok() || faults.has_struck(), "{outcome:?}");
        // Files that failed rest for a while.
        app.clock.advance(Duration::from_secs(3_600));
        copied.copy(&app.db).await;
        // To read all files takes longer than everything else.
        if is_thorough() || user % 3 == 0 {
            assert_users(&copied, user + 1..=all).await;
        }
    }
    assert!(struck >= 8, "{struck} faults have struck");
}

/// Polls a future this many times, and drops it if it is not ready by then.
async fn killed_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_search_that_is_killed_at_any_point_is_repeated_and_loses_and_doubles_nothing() {
    let all = part(60);
    let app = app_with_events(897, all).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let mut killed = 0;
    for user in 1..all {
        erase(&app, user).await;
        let archive = copied.archive(&app.db, copied.objects.clone());
        let done = killed_after(user * 150 / all, copied.copy_by(&archive)).await;
        killed += u64::from(done.is_none());
        app.clock.advance(Duration::from_secs(3_600));
        if user % 5 == 0 {
            copied.copy(&app.db).await;
            assert_users(&copied, user + 1..=all).await;
        }
    }
    assert!(killed > all / 4, "{killed} of {all} were killed");
}

#[tokio::test]
async fn two_searches_at_once_write_each_file_once() {
    let app = app_with_events(898, 12).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    for user in 1..=10 {
        erase(&app, user).await;
        let (one, other) = (
            copied.archive(&app.db, copied.objects.clone()),
            copied.archive(&app.db, copied.objects.clone()),
        );
        let (first, second) = tokio::join!(copied.copy_by(&one), copied.copy_by(&other));
        first.unwrap();
        second.unwrap();
        app.clock.advance(Duration::from_secs(3_600));
        copied.copy(&app.db).await;
        if is_thorough() || user % 2 == 0 {
            assert_users(&copied, user + 1..=12).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_names_nobody_is_searched_once_for_each_addition_of_names_and_stays() {
    let app = app_with_events(899, 3).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let files = copied.files();
    let searched = async || {
        let sql = "select count(*) from archive_batches b, erasure_settings s where b.searched = s.revision";
        app.db.scalar::<i64>(sql).await
    };
    erase(&app, 700).await;
    let log = CapturedLog::start();
    copied.copy(&app.db).await;
    assert_eq!(searched().await, i64::try_from(files.len()).unwrap());
    assert!(log.text().contains("\"searched\":1,\"rewritten\":0"), "{}", log.text());
    copied.copy(&app.db).await;
    assert_eq!(log.text().matches("files_searched").count(), 1, "nothing is left to search");
    assert_eq!(copied.files(), files);
}

#[tokio::test]
async fn a_file_that_is_planned_while_an_erasure_is_at_work_is_searched_after_it_was_written() {
    let app = app_with_events(900, 3).await;
    let copied = Copied::of(&app.db, &app.clock);
    let client = app.db.client().await;
    // Names are there from the start of the job; rows of the person are there until it has come to
    // them.
    let begun = "select add_erased_names(array['user:u-1'], now()); \
                 insert into erasures (job, asked_by, why, names, state, started_at) \
                 values (gen_random_uuid(), 'a test', 'w', 1, 'running', now())";
    client.batch_execute(begun).await.unwrap();
    copied.copy(&app.db).await;
    assert_users(&copied, 2..=3).await;
    // Once it has ended, new files are made of clean rows and need no search.
    let ended = "update erasures set state = 'completed', ended_at = now(); \
                 delete from events where user_id = 'u-1'; \
                 insert into events (event_id, sender, user_id, type, occurred_at, received_at, outbox_id) \
                 values ('e-4-1', '', 'u-4', 't', now(), now(), gen_random_uuid()), \
                        ('e-4-2', '', 'u-4', 't', now(), now(), gen_random_uuid())";
    client.batch_execute(ended).await.unwrap();
    let log = CapturedLog::start();
    copied.copy(&app.db).await;
    assert!(!log.text().contains("files_searched"), "{}", log.text());
    assert_users(&copied, 2..=4).await;
}

#[tokio::test]
async fn an_address_that_a_contact_had_before_leaves_the_files_that_have_the_old_version() {
    let app = TestApp::over(account(901, 1)).await;
    let copied = Copied::of(&app.db, &app.clock);
    let client = app.db.client().await;
    let contact = "insert into contacts (source, external_id, email, version_at, native, version_rank, content_hash, raw, \
                                         outbox_id, updated_at) \
                   values ('hubspot', '17', 'anna@example.com', now(), true, 0, 0, '', gen_random_uuid(), now())";
    client.batch_execute(contact).await.unwrap();
    copied.copy(&app.db).await;
    let moved = "update contacts set email = 'bob@example.com', updated_at = now(), tx = default";
    client.batch_execute(moved).await.unwrap();
    copied.copy(&app.db).await;
    assert_eq!(copied.texts().await["contacts"].len(), 2);
    client
        .execute("select add_erased_names(array['email:anna@example.com'], now())", &[])
        .await
        .unwrap();
    copied.copy(&app.db).await;
    let left = copied.texts().await;
    assert_eq!(left["contacts"].len(), 1);
    assert!(left["contacts"][0].contains("bob@example.com"), "{left:?}");
    assert_eq!(copied.read().await["contacts"].wrong, Vec::<String>::new());
}

#[tokio::test]
async fn an_object_that_cannot_be_read_as_a_file_is_told_and_holds_up_no_other() {
    let app = app_with_events(902, 4).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let bad = copied.files()[0].clone();
    let lead = "insert into events (event_id, sender, user_id, type, occurred_at, received_at, outbox_id) \
                values ('e-5-1', '', 'u-5', 't', now(), now(), gen_random_uuid())";
    app.db.client().await.batch_execute(lead).await.unwrap();
    copied.copy(&app.db).await;
    std::fs::write(copied.objects.root().join(&bad), "no Parquet").unwrap();
    erase(&app, 5).await;
    let log = CapturedLog::start();
    copied.copy(&app.db).await;
    let text = log.text();
    assert!(text.contains("file_not_searched") && text.contains(&bad), "{text}");
    assert!(text.contains("\"rewritten\":1,\"failed\":1"), "{text}");
    let error = "select last_error from archive_batches where key = (select min(key) from archive_batches where last_error is not null)";
    assert!(app.db.scalar::<String>(error).await.contains("cannot be read"));
}
