//! Lives of the database: one that was restored or moved is copied once more, and nothing is lost
//! or doubled by it.

use std::time::Duration;

use archive::{ArchiveError, Request};
use penstock_testkit::TestDatabase;

use super::ArchiveApp;
use super::app::{NOW, everything, ids};

/// Makes the database believe that it was on another cluster until now.
const MOVED: &str = "update archive_epochs set system_identifier = 42";

/// The key of the list of the events.
const LIST: &str = "v1/_manifest/events.json";

/// Asserts that the store has each file that the list of the events names.
fn assert_listed_are_there(app: &ArchiveApp) {
    let manifest = app.manifest("events").unwrap();
    for file in manifest.files.iter().chain(&manifest.earlier) {
        assert!(app.objects.stored(&file.key).is_some(), "{} is not there", file.key);
    }
}

#[tokio::test]
async fn on_another_cluster_everything_is_copied_once_more_under_a_new_epoch() {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    app.events(21, 30, NOW).await;
    app.all().await;
    let before = app.manifest("events").unwrap();
    app.execute(MOVED).await;
    app.events(31, 40, NOW).await;
    app.due().await;
    let after = app.manifest("events").unwrap();
    assert_eq!((before.epoch, after.epoch), (1, 2));
    assert_eq!(app.copied(), ids(1, 40));
    assert_eq!(app.column("events", "archive_epoch"), ["2"; 40]);
    assert_eq!(after.earlier, before.files, "what was copied before is kept");
    app.events(41, 45, NOW).await;
    app.all().await;
    assert_eq!(app.copied(), ids(1, 45));
}

#[tokio::test]
async fn transactions_of_another_cluster_in_a_dump_are_copied_with_the_first_window_and_never_again()
 {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    // As in a dump: some are of transactions that this cluster will reach soon, others much later.
    app.execute(
        "update events set tx = pg_current_xact_id()::text::bigint + 3 where event_id in ('e1', 'e2'); \
         update events set tx = 9000000000000 where event_id in ('e3', 'e4')",
    )
    .await;
    app.execute(MOVED).await;
    app.due().await;
    for round in 0..10 {
        app.events(100 + round, 100 + round, NOW).await;
        app.all().await;
    }
    let mut wanted = [ids(1, 20), ids(100, 109)].concat();
    wanted.sort();
    assert_eq!(app.copied(), wanted);
    assert_eq!(app.manifest("events").unwrap().epoch, 2);
}

#[tokio::test]
async fn after_a_restore_to_an_earlier_time_the_lost_rows_are_kept_and_the_new_ones_not_hidden() {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    app.db.until_over().await;
    let backup = app.db.back_up().await;
    app.events(21, 30, NOW).await;
    app.all().await;
    let lost = app.manifest("events").unwrap().files.pop().unwrap();
    // The cluster, and so its identifier, stay the same.
    app.db.restore(backup).await;
    app.events(51, 60, NOW).await;
    app.all().await;
    let mut wanted = [ids(1, 20), ids(51, 60)].concat();
    wanted.sort();
    assert_eq!(app.copied(), wanted);
    let manifest = app.manifest("events").unwrap();
    assert_eq!(manifest.epoch, 2);
    assert!(manifest.earlier.contains(&lost), "{:?}", manifest.earlier);
    let known = format!(
        "select count(*) from archive_batches where key = '{}' and state = 'done'",
        lost.key
    );
    assert_eq!(app.db.scalar::<i64>(&known).await, 1, "an erasure has to find it");
}

#[tokio::test]
async fn a_restore_is_noticed_before_files_are_searched_so_that_the_lost_ones_stay_listed() {
    let app = ArchiveApp::new().await;
    for (first, day) in [(1, "2026-03-26T12:00:00Z"), (11, "2026-03-27T12:00:00Z"), (21, NOW)] {
        app.events(first, first + 9, day).await;
    }
    app.due().await;
    app.db.until_over().await;
    let backup = app.db.back_up().await;
    app.events(31, 40, NOW).await;
    app.all().await;
    let lost = app.manifest("events").unwrap().files;
    app.db.restore(backup).await;
    app.execute(
        "select add_erased_names(array['user:u1'], now()); delete from events where user_id = 'u1'",
    )
    .await;
    // No window is due, and each search of a file makes the list newer.
    app.due().await;
    app.due().await;
    let manifest = app.manifest("events").unwrap();
    assert_eq!(manifest.epoch, 2);
    let is_known = |day: &str| manifest.earlier.iter().any(|file| file.dt.to_string() == day);
    assert_eq!(manifest.earlier.len(), lost.len(), "{:?}", manifest.earlier);
    assert!(["2026-03-26", "2026-03-27", "2026-03-28"].into_iter().all(is_known));
    assert_listed_are_there(&app);
}

#[tokio::test]
async fn a_file_that_was_rewritten_in_the_lost_time_is_not_listed_after_a_restore() {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    let replaced = app.manifest("events").unwrap().files.pop().unwrap();
    let object = app.objects.stored(&replaced.key).unwrap();
    app.db.until_over().await;
    let backup = app.db.back_up().await;
    app.execute(
        "select add_erased_names(array['user:u1'], now()); delete from events where user_id = 'u1'",
    )
    .await;
    app.all().await;
    let rewritten = app.manifest("events").unwrap().files.pop().unwrap();
    assert_ne!(rewritten.key, replaced.key);
    assert_eq!(app.objects.stored(&replaced.key), None);
    // Or the restore came before its object was deleted.
    app.objects.store(&replaced.key, object);
    app.db.restore(backup).await;
    app.events(51, 60, NOW).await;
    app.all().await;
    let manifest = app.manifest("events").unwrap();
    assert_eq!((manifest.epoch, manifest.earlier), (2, vec![rewritten]));
    assert_listed_are_there(&app);
    assert_eq!(app.objects.stored(&replaced.key), None, "it names a person who was erased");
}

#[tokio::test]
async fn a_file_that_is_newer_than_the_list_of_the_store_is_kept_in_a_new_epoch() {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    let list = app.objects.stored(LIST).unwrap();
    app.pass(Duration::from_secs(60));
    app.events(21, 30, NOW).await;
    app.all().await;
    let newest = app.manifest("events").unwrap().files.pop().unwrap();
    // The function has died before it could write the list, and then the database was moved.
    app.objects.store(LIST, list);
    app.execute(MOVED).await;
    app.due().await;
    let manifest = app.manifest("events").unwrap();
    assert_eq!(manifest.epoch, 2);
    assert!(manifest.earlier.contains(&newest), "{:?}", manifest.earlier);
}

#[tokio::test]
async fn another_bucket_gets_all_that_is_in_the_tables_and_its_list_names_only_what_it_holds() {
    let mut app = ArchiveApp::new().await;
    app.settings.bucket = Some("first".to_owned());
    app.events(1, 20, NOW).await;
    app.due().await;
    app.events(21, 30, NOW).await;
    app.all().await;
    let before = app.manifest("events").unwrap();
    let first = std::mem::take(&mut app.objects);
    app.settings.bucket = Some("second".to_owned());
    let archived = "select archived_to('events', 'second')";
    assert_eq!(app.db.scalar::<i64>(archived).await, 0, "retention waits for the new files");
    app.events(31, 40, NOW).await;
    app.due().await;
    assert!(app.db.scalar::<i64>(archived).await > 0);
    assert_eq!(app.copied(), ids(1, 40));
    let second = app.manifest("events").unwrap();
    assert_eq!((second.epoch, second.earlier), (2, Vec::new()));
    app.objects = first;
    app.settings.bucket = Some("first".to_owned());
    app.events(41, 45, NOW).await;
    app.due().await;
    assert_eq!(app.copied(), ids(1, 45));
    let after = app.manifest("events").unwrap();
    assert_eq!((after.epoch, after.earlier), (3, before.files));
    assert_listed_are_there(&app);
}

#[tokio::test]
async fn files_that_were_taken_along_into_another_bucket_count_there_as_earlier_ones() {
    let mut app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.due().await;
    let before = app.manifest("events").unwrap();
    let first = std::mem::take(&mut app.objects);
    for key in first.keys().into_iter().chain([LIST.to_owned()]) {
        app.objects.store(&key, first.stored(&key).unwrap());
    }
    app.settings.bucket = Some("second".to_owned());
    app.execute("delete from events where event_id = 'e1'").await;
    app.due().await;
    assert_eq!(app.copied(), ids(2, 20));
    let manifest = app.manifest("events").unwrap();
    assert_eq!((manifest.epoch, manifest.earlier), (2, before.files));
    assert_listed_are_there(&app);
}

#[tokio::test]
async fn two_databases_at_one_bucket_are_told_and_do_not_copy_everything_again_and_again() {
    let app = ArchiveApp::new().await;
    let mut other = ArchiveApp::over(TestDatabase::new().await);
    other.objects = app.objects.clone();
    app.events(1, 20, NOW).await;
    app.due().await;
    other.events(51, 60, NOW).await;
    other.due().await;
    assert_eq!(other.manifest("events").unwrap().epoch, 2, "an empty database on an old bucket");
    let mut contested = false;
    for round in 0..6 {
        for app in [&app, &other] {
            app.events(100 + round, 100 + round, NOW).await;
            app.db.until_over().await;
            app.pass(Duration::from_secs(3600));
            match app.try_serve(everything()).await {
                Err(ArchiveError::Contested) => contested = true,
                outcome => drop(outcome.unwrap()),
            }
        }
    }
    assert!(contested, "nobody was told");
    let epoch = other.manifest("events").unwrap().epoch;
    assert!(epoch <= 5, "{epoch} copies of everything");
}

#[tokio::test]
async fn two_that_begin_a_life_at_once_begin_one() {
    let app = ArchiveApp::new().await;
    app.events(1, 20, NOW).await;
    app.db.until_over().await;
    let (one, other) = tokio::join!(app.try_serve(Request::due()), app.try_serve(Request::due()));
    one.unwrap();
    other.unwrap();
    app.all().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from archive_epochs").await, 1);
    assert_eq!(app.copied(), ids(1, 20));
}
