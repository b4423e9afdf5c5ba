//! Days that are replaced as a whole: after an erasure, in a new epoch, by request.

use jiff::civil::Date;
use load::Request;

use super::LoadApp;
use super::app::DATASET;

fn rebuild(table: Option<&str>, from: &str, to: &str) -> Request {
    let day = |text: &str| text.parse::<Date>().unwrap();
    Request::Rebuild { table: table.map(ToOwned::to_owned), from: day(from), to: day(to) }
}

/// Begins the second epoch at noon of 28 November.
async fn begin_epoch(app: &LoadApp) {
    let sql = "insert into archive_epochs (epoch, system_identifier, bucket, why, began_at) \
               values (2, 1, 'copy', 'restored', '2026-11-28T12:00:00Z')";
    app.db.client().await.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_rewritten_replaces_its_day_and_no_other() {
    let app = LoadApp::new().await;
    let before = app.write("events", "2026-11-28", 5).await;
    let with_person = app.write("events", "2026-11-29", 5).await;
    let same_day = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let without = app.rewrite("events", &with_person, |row| !row.key.ends_with("-3")).await;
    assert_eq!(without.rows.len(), 4);
    let report = app.run().await;
    assert_eq!((report.rebuilt, report.waiting, report.parked), (1, 0, 0));
    app.assert_rows("events", &[&before, &without, &same_day]);
    assert_eq!(app.bigquery.tables(DATASET), ["events"], "the staging table is gone");
    // Files that are written later are appended as before.
    let later = app.write("events", "2026-11-29", 5).await;
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&before, &without, &same_day, &later]);
}

#[tokio::test]
async fn readers_see_the_day_as_it_was_until_it_is_as_it_is_to_be() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-29", 5).await;
    let beside = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    let bigquery = std::sync::Arc::clone(&app.bigquery);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for nth in 1..40 {
        let (bigquery, seen) = (std::sync::Arc::clone(&bigquery), std::sync::Arc::clone(&seen));
        app.bigquery.on_request(nth, move || {
            seen.lock().unwrap().push(bigquery.rows(DATASET, "events").len());
        });
    }
    app.run().await;
    app.assert_rows("events", &[&new, &beside]);
    let seen = seen.lock().unwrap();
    assert!(seen.contains(&10) && seen.iter().all(|rows| [9, 10].contains(rows)), "{seen:?}");
}

#[tokio::test]
async fn with_every_reply_lost_once_a_day_is_replaced_once() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-29", 5).await;
    let beside = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    app.bigquery.jobs_run_for(1);
    app.bigquery.lose_each_reply_once();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new, &beside]);
    assert_eq!(app.bigquery.jobs().len(), 5, "two loads, two to stage, one copy");
}

#[tokio::test]
async fn a_file_that_was_rewritten_before_it_was_loaded_is_loaded_as_it_is_now() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-29", 5).await;
    app.bigquery.fail_job("backendError", "Error encountered during execution.");
    // One attempt has failed. Its file is not the one to load any more.
    let deadline = penstock_domain::clock::Clock::now(&app.clock)
        + load::MARGIN
        + std::time::Duration::from_millis(1);
    app.ports.serve(Request::Due, deadline).await.unwrap();
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
}

#[tokio::test]
async fn a_file_that_is_rewritten_again_while_its_day_is_staged_is_not_shown_as_it_was() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let second = app.rewrite("events", &first, |row| !row.key.ends_with("-3")).await;
    app.bigquery.jobs_run_for(1_000);
    app.run().await;
    assert_eq!(app.count("archive_rebuilds").await, 1);
    let third = app.rewrite("events", &second, |row| !row.key.ends_with("-2")).await;
    app.bigquery.jobs_run_for(0);
    app.bigquery.run_jobs_out();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&third]);
    let copies = app.bigquery.jobs().iter().filter(|(id, _)| id.contains("_copy_")).count();
    assert_eq!(copies, 1, "the day was never shown with the second file");
}

#[tokio::test]
async fn a_day_of_which_no_file_counts_any_more_is_deleted() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-28", 5).await;
    let other = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.state_of(&old, "replaced").await;
    assert_eq!(app.run().await.rebuilt, 1);
    app.assert_rows("events", &[&other]);
}

#[tokio::test]
async fn a_new_epoch_replaces_the_days_that_it_has_and_loses_no_row_of_the_one_before() {
    let app = LoadApp::new().await;
    let outlived = app.write("events", "2026-11-27", 5).await;
    let old = app.write("events", "2026-11-28", 5).await;
    app.run().await;
    begin_epoch(&app).await;
    let copy = app.write_of("events", "2026-11-28", 2, 4, 0).await;
    let unfinished = app.write_of("events", "2026-11-28", 2, 3, 0).await;
    app.set_planned(&unfinished).await;
    // While the new epoch still writes files of the day, it stays as it is.
    assert_eq!(app.run().await.rebuilt, 0);
    app.assert_rows("events", &[&outlived, &old]);
    app.set_done(&unfinished).await;
    assert_eq!(app.run().await.rebuilt, 1);
    // Retention had deleted rows of the old file before the epoch began, so it is loaded again.
    app.assert_rows("events", &[&outlived, &old, &copy, &unfinished]);
    assert_eq!(app.run().await.rebuilt, 0);
}

#[tokio::test]
async fn rows_that_a_restored_database_does_not_know_go_when_the_new_epoch_copies_their_day() {
    let app = LoadApp::new().await;
    let forgotten = app.write("events", "2026-11-28", 5).await;
    let kept = app.write("payments", "2026-11-28", 5).await;
    let other = app.write("events", "2026-11-27", 3).await;
    app.run().await;
    let client = app.db.client().await;
    client
        .execute("delete from archive_loads where batch_id = $1", &[&forgotten.id])
        .await
        .unwrap();
    client.execute("delete from archive_batches where id = $1", &[&forgotten.id]).await.unwrap();
    begin_epoch(&app).await;
    let copy = app.write_of("events", "2026-11-28", 2, 4, 0).await;
    let second = app.write_of("events", "2026-11-28", 2, 2, 0).await;
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&other, &copy, &second]);
    app.assert_rows("payments", &[&kept]);
    // Days that begin after the epoch has begun hold nothing unknown: they are appended to.
    let later = app.write_of("events", "2026-11-29", 2, 2, 0).await;
    assert_eq!(app.run().await.rebuilt, 0);
    app.assert_rows("events", &[&other, &copy, &second, &later]);
}

#[tokio::test]
async fn a_file_whose_object_is_written_again_is_not_loaded_twice() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    let beside = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.set_planned(&batch).await;
    assert_eq!(app.run().await.rebuilt, 0);
    app.assert_rows("events", &[&batch, &beside]);
    // Its day is replaced meanwhile, and it is missing until it is written.
    let without = app.rewrite("events", &beside, |row| !row.key.ends_with("-3")).await;
    assert_eq!(app.run().await.rebuilt, 1);
    app.assert_rows("events", &[&without]);
    app.set_done(&batch).await;
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&batch, &without]);
}

#[tokio::test]
async fn days_are_replaced_by_request() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-28", 5).await;
    let second = app.write("events", "2026-11-29", 5).await;
    let other = app.write("payments", "2026-11-29", 5).await;
    app.run().await;
    // The database was restored to a time before the second file, whose rows BigQuery has.
    let sql = "delete from archive_loads where batch_id = $1";
    let client = app.db.client().await;
    client.execute(sql, &[&second.id]).await.unwrap();
    client.execute("delete from archive_batches where id = $1", &[&second.id]).await.unwrap();
    let again = app.write("events", "2026-11-29", 7).await;
    let report = app.serve(rebuild(Some("events"), "2026-11-29", "2026-11-30")).await.unwrap();
    assert_eq!(report.rebuilt, 1);
    app.assert_rows("events", &[&first, &again]);
    assert_eq!(app.serve(rebuild(None, "2026-11-01", "2026-11-30")).await.unwrap().rebuilt, 3);
    app.assert_rows("events", &[&first, &again]);
    app.assert_rows("payments", &[&other]);
}

#[tokio::test]
async fn a_copy_that_fails_changes_nothing_and_has_another_id_the_next_time() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    app.bigquery.jobs_run_for(0);
    // The load into the staging table is well.
    app.bigquery.fail_copy("backendError", "Error encountered during execution.");
    app.run().await;
    app.assert_rows("events", &[&old]);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
    // One that BigQuery does not take waits for a person.
    let newest = app.rewrite("events", &new, |row| !row.key.ends_with("-2")).await;
    app.bigquery.fail_copy("invalid", "Some rows belong to different partitions.");
    let report = app.run().await;
    assert_eq!((report.rebuilt, report.parked), (0, 1));
    app.assert_rows("events", &[&new]);
    assert_eq!(app.serve(Request::Retry).await.unwrap().rebuilt, 1);
    app.assert_rows("events", &[&newest]);
}

#[tokio::test]
async fn two_at_once_replace_a_day_once() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.bigquery.jobs_run_for(1);
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    let other = app.environment();
    let deadline =
        penstock_domain::clock::Clock::now(&app.clock) + std::time::Duration::from_secs(100_000);
    let both =
        tokio::join!(app.ports.serve(Request::Due, deadline), other.serve(Request::Due, deadline));
    both.0.unwrap();
    both.1.unwrap();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
    let copies = app.bigquery.jobs().iter().filter(|(id, _)| id.contains("_copy_")).count();
    assert_eq!(copies, 1);
}
