//! Which rows become which file: each row one, however late it commits.

use std::collections::BTreeSet;
use std::time::Duration;

use archive::Request;
use penstock_testkit::TestDatabase;

use super::ArchiveApp;
use super::app::{EVENTS, NOW, ROWS, at, everything, ids};

#[tokio::test]
async fn the_first_window_is_a_copy_of_what_was_there_and_of_nothing_is_no_file() {
    let app = ArchiveApp::new().await;
    app.events(1, 500, NOW).await;
    let report = app.due().await;
    assert_eq!((report.planned, report.files, report.rows, report.left), (1, 1, 500, 0));
    assert_eq!(app.copied(), ids(1, 500));
    assert_eq!(app.objects.keys().len(), 1, "of tables without rows there is no file");
    assert_eq!(app.manifest("payments").unwrap().files, []);
}

#[tokio::test]
async fn while_nothing_is_new_nothing_is_asked_of_the_store() {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.due().await;
    app.objects.requests();
    for _ in 0..3 {
        app.pass(Duration::from_secs(300));
        let report = app.due().await;
        assert_eq!((report.planned, report.listed), (0, 0));
    }
    assert_eq!(app.objects.requests(), 0);
}

#[tokio::test]
async fn new_rows_wait_for_others_and_are_copied_within_the_hour() {
    let app = ArchiveApp::new().await;
    app.due().await;
    app.events(1, 5, NOW).await;
    let mut waited = 0;
    // Every five minutes, as the schedule has it.
    while app.due().await.files == 0 {
        app.events(100 + waited, 100 + waited, NOW).await;
        app.pass(Duration::from_secs(300));
        waited += 1;
        assert!(waited < 12, "longer than an hour");
    }
    assert!(waited >= 9, "{waited} events: the files would be many and small");
    assert_eq!(app.objects.keys().len(), 1);
    assert_eq!(app.manifest("events").unwrap().rows, 5 + i64::from(waited));
    assert_eq!(app.due().await.waiting_seconds, 0);
}

#[tokio::test]
async fn a_window_that_holds_a_file_is_closed_at_once() {
    let mut app = ArchiveApp::new().await;
    app.due().await;
    app.settings.batch_bytes = 100_000;
    app.events(1, 100, NOW).await;
    assert_eq!(app.due().await.files, 0);
    app.events(101, 500, NOW).await;
    assert_eq!(app.due().await.rows, 500);
}

#[tokio::test]
async fn trap_54_a_row_that_commits_late_is_copied_after_others_that_came_after_it() {
    let app = ArchiveApp::new().await;
    app.due().await;
    let mut late = app.db.client().await;
    let open = late.transaction().await.unwrap();
    // It has the earlier transaction, time and id.
    open.execute(EVENTS, &[&1, &1, &at("2026-03-28T11:00:00Z")]).await.unwrap();
    let mut later = 2;
    for _ in 0..5 {
        app.events(later, later + 9, NOW).await;
        later += 10;
        app.pass(Duration::from_secs(1800));
        app.try_serve(everything()).await.unwrap();
        // The horizon stays before the open transaction, and the rows of others behind it.
        assert_eq!(app.copied(), [""; 0]);
    }
    open.commit().await.unwrap();
    app.events(later, later + 9, NOW).await;
    app.all().await;
    assert_eq!(app.copied(), ids(1, later + 9));
}

#[tokio::test]
async fn how_long_rows_wait_behind_an_open_transaction_is_told() {
    let app = ArchiveApp::new().await;
    app.events(1, 1, NOW).await;
    app.due().await;
    let mut other = app.db.client().await;
    let open = other.transaction().await.unwrap();
    open.execute(EVENTS, &[&2, &2, &at(NOW)]).await.unwrap();
    app.events(3, 9, NOW).await;
    let mut waited = Vec::new();
    for _ in 0..3 {
        app.pass(Duration::from_secs(3_600));
        waited.push(app.try_serve(Request::due()).await.unwrap().waiting_seconds);
    }
    assert_eq!(waited, [0, 3_600, 7_200]);
    open.commit().await.unwrap();
    app.all().await;
    assert_eq!(app.copied(), ids(1, 9));
}

#[tokio::test]
async fn what_is_rolled_back_is_never_copied_and_what_came_before_an_open_transaction_is() {
    let app = ArchiveApp::new().await;
    app.due().await;
    app.events(1, 10, NOW).await;
    app.db.until_over().await;
    let mut other = app.db.client().await;
    let open = other.transaction().await.unwrap();
    open.execute(EVENTS, &[&11, &20, &at(NOW)]).await.unwrap();
    app.try_serve(everything()).await.unwrap();
    assert_eq!(app.copied(), ids(1, 10));
    open.rollback().await.unwrap();
    app.events(21, 30, NOW).await;
    app.all().await;
    let mut wanted = [ids(1, 10), ids(21, 30)].concat();
    wanted.sort();
    assert_eq!(app.copied(), wanted);
}

#[tokio::test]
async fn rows_of_a_savepoint_that_is_rolled_back_are_not_copied_and_their_neighbours_are() {
    let app = ArchiveApp::new().await;
    app.due().await;
    let mut client = app.db.client().await;
    let mut tx = client.transaction().await.unwrap();
    tx.execute(EVENTS, &[&1, &5, &at(NOW)]).await.unwrap();
    let inner = tx.transaction().await.unwrap();
    inner.execute(EVENTS, &[&6, &9, &at(NOW)]).await.unwrap();
    inner.rollback().await.unwrap();
    let inner = tx.transaction().await.unwrap();
    inner.execute(EVENTS, &[&10, &12, &at(NOW)]).await.unwrap();
    inner.commit().await.unwrap();
    tx.commit().await.unwrap();
    app.all().await;
    let mut wanted = [ids(1, 5), ids(10, 12)].concat();
    wanted.sort();
    assert_eq!(app.copied(), wanted);
}

#[tokio::test]
async fn two_at_once_plan_and_write_each_row_once() {
    let app = ArchiveApp::new().await;
    for round in 0..8 {
        app.events(round * 100 + 1, round * 100 + 100, NOW).await;
        app.db.until_over().await;
        let (one, other) = tokio::join!(app.try_serve(everything()), app.try_serve(everything()));
        let rows = one.unwrap().rows + other.unwrap().rows;
        // Who plans for nobody leaves the file that is being written to the other.
        assert_eq!(rows + app.all().await.rows, 100, "round {round}");
        assert_eq!(app.copied(), ids(1, round * 100 + 100));
    }
}

#[tokio::test]
async fn a_day_that_is_too_large_for_a_file_becomes_even_parts_with_each_row_once() {
    let mut app = ArchiveApp::new().await;
    app.settings.batch_bytes = 50_000;
    app.events(1, 1_000, NOW).await;
    app.events(1_001, 1_010, "2026-03-27T23:59:59.999999Z").await;
    let report = app.due().await;
    assert!((5..=8).contains(&report.files), "{report:?}");
    assert_eq!(app.copied(), ids(1, 1_010));
    let files = app.manifest("events").unwrap().files;
    let parts: Vec<_> = files.iter().filter(|file| file.dt.day() == 28).collect();
    let most = parts.iter().map(|file| file.rows).max().unwrap();
    let full = parts.iter().filter(|file| file.rows > most * 9 / 10).count();
    assert_eq!(full, parts.len() - 1, "all but the last are as large: {parts:?}");
    assert_eq!(files[0].rows, 10, "the day before has a file of its own");
}

#[tokio::test]
async fn the_day_of_a_file_is_that_of_arrival_in_utc_and_an_event_keeps_the_day_that_it_occurred() {
    let app = ArchiveApp::new().await;
    app.events(1, 1, "2026-03-28T00:00:00Z").await;
    app.events(2, 2, "2026-03-27T23:59:59.999999Z").await;
    app.execute("update events set occurred_at = '2019-05-05T00:00:00Z'").await;
    app.due().await;
    let days: BTreeSet<String> =
        app.objects.keys().iter().map(|key| key.split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(days, ["dt=2026-03-27".to_owned(), "dt=2026-03-28".to_owned()].into());
    assert!(
        app.column("events", "occurred_at").iter().all(|at| at.starts_with("2019-05-05")),
        "{:?}",
        app.column("events", "occurred_at")
    );
}

#[tokio::test]
async fn without_a_bucket_nothing_is_read_planned_or_written() {
    let mut app = ArchiveApp::new().await;
    app.settings.bucket = None;
    app.events(1, 5, NOW).await;
    let report = app.due().await;
    assert_eq!(report, archive::Report::default());
    assert_eq!(app.objects.requests(), 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from archive_epochs").await, 0);
    // Turned on later, it begins with all that is there.
    app.settings.bucket = Some(String::new());
    app.due().await;
    assert_eq!(app.copied(), ids(1, 5));
}

#[tokio::test]
async fn a_row_that_changes_is_copied_again_and_one_that_moved_on_before_it_was_written_comes_once()
{
    let app = ArchiveApp::new().await;
    let lead = "insert into leads (id, state, email, content_type, body, received_at, outbox_id) \
                select gen_random_uuid(), 'accepted', n || '@example.com', 'text/plain', 'a lead', '2026-03-28T11:00:00Z', \
                       gen_random_uuid() from generate_series(1, 3) n";
    app.execute(lead).await;
    app.due().await;
    assert_eq!(app.column("leads", "status"), ["null"; 3]);
    let change = |status: &str, email: &str| {
        format!(
            "update leads set status = '{status}', updated_at = '2026-03-29T00:00:00Z', \
             tx = pg_current_xact_id()::text::bigint where email = '{email}'"
        )
    };
    app.execute(&change("won", "1@example.com")).await;
    app.execute(&change("lost", "2@example.com")).await;
    // Planned, and not written: the store is away.
    app.objects.fails([super::app::Fault::Busy]);
    app.db.until_over().await;
    app.try_serve(everything()).await.unwrap_err();
    app.execute(&change("lost after all", "1@example.com")).await;
    app.pass(Duration::from_secs(300));
    app.try_serve(Request::due()).await.unwrap();
    app.all().await;
    let mut statuses = app.column("leads", "status");
    statuses.sort();
    assert_eq!(statuses, ["lost", "lost after all", "null", "null", "null"]);
    let days =
        app.manifest("leads").unwrap().files.iter().map(|file| file.dt.day()).collect::<Vec<_>>();
    assert_eq!(days, [28, 29, 29], "a version has the day on which it came to be");
}

/// Changes as functions of the release before write them, which know nothing of `tx`.
const CHANGES: [(&str, &str); 7] = [
    ("payments", "update payments set amount = amount + 1 where currency = 'EUR'"),
    ("leads", "update leads set status = 'won', revision = revision + 1 where state = 'accepted'"),
    ("contacts", "update contacts set deleted_at = now()"),
    ("calendar_events", "update calendar_events set status = 'cancelled'"),
    ("transactions", "update transactions set status = 'declined'"),
    ("dead_letters", "update dead_letters set error = 'it is still broken', attempts = 6"),
    ("dead_letters", "update dead_letters set settled_at = now()"),
];

/// Changes of what is not copied.
const NO_CHANGES: &str = "
update payments set raw = '{}', updated_at = now();
update leads set body = 'x';
update contacts set raw = '{}';
update transactions set revision = revision + 1, next_action_at = now(), message_due_at = now();
update dead_letters set replayed_at = now(), replay_count = 1;
";

#[tokio::test]
async fn a_change_by_a_function_of_the_release_before_is_copied_too() {
    let app = ArchiveApp::new().await;
    app.execute(ROWS).await;
    app.due().await;
    let rows = |table: &str| app.manifest(table).unwrap().rows;
    for (table, change) in CHANGES {
        let before = rows(table);
        app.execute(change).await;
        app.all().await;
        assert_eq!(rows(table), before + 1, "{table}");
    }
    let before = CHANGES.map(|(table, _)| rows(table));
    app.execute(NO_CHANGES).await;
    app.all().await;
    assert_eq!(CHANGES.map(|(table, _)| rows(table)), before, "nothing that is copied has changed");
}

#[tokio::test]
async fn what_was_there_before_the_migration_is_not_rewritten_and_is_of_one_transaction() {
    let db = TestDatabase::of_version(40).await;
    let client = db.client().await;
    client.execute(EVENTS, &[&1, &50, &at(NOW)]).await.unwrap();
    let file = "select pg_relation_filenode('events')::bigint";
    let before: i64 = db.scalar(file).await;
    db.migrate_to(41).await;
    assert_eq!(db.scalar::<i64>(file).await, before, "the table was rewritten");
    assert_eq!(db.scalar::<i64>("select count(distinct tx) from events").await, 1);
    client.execute(EVENTS, &[&51, &51, &at(NOW)]).await.unwrap();
    assert_eq!(db.scalar::<i64>("select count(distinct tx) from events").await, 2);
}
