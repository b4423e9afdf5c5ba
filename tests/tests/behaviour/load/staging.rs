//! Days that are put together in a staging table: whatever becomes of it, no row is lost, and the
//! other days go on.

use std::time::Duration;

use jiff::Timestamp;
use load::{MARGIN, Request};
use penstock_domain::analytics::Table;
use penstock_domain::clock::Clock as _;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::simulators::bigquery::{Fault, PROJECT};

use super::app::{Batch, DATASET, loaded};
use super::{LoadApp, at};

const DAY: &str = "2026-11-29";

/// A day that was loaded and one of whose files was rewritten, while the job of the first file for
/// the staging table runs.
async fn staging() -> (LoadApp, Batch) {
    let app = LoadApp::new().await;
    let old = app.write("events", DAY, 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    app.bigquery.jobs_run_for(1_000);
    app.run().await;
    (app, new)
}

/// Returns the name of the staging table.
fn staged(app: &LoadApp) -> String {
    let tables = app.bigquery.tables(DATASET);
    tables.into_iter().find(|name| name.starts_with("penstock_staging_")).unwrap()
}

/// Lets jobs end at once, also those that run.
fn jobs_end(app: &LoadApp) {
    app.bigquery.jobs_run_for(0);
    app.bigquery.run_jobs_out();
}

fn later(app: &LoadApp, by: Duration) {
    app.clock.set(app.clock.now() + by);
}

fn deadline(app: &LoadApp) -> Timestamp {
    app.clock.now() + MARGIN + Duration::from_secs(800)
}

#[tokio::test]
async fn a_staging_table_that_ends_between_two_files_takes_no_row_of_the_first_along() {
    let app = LoadApp::new().await;
    let old = app.write("events", DAY, 5).await;
    let second = app.write("events", DAY, 5).await;
    let third = app.write("events", DAY, 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    app.bigquery.jobs_run_for(1_000);
    app.run().await;
    app.bigquery.run_jobs_out();
    app.run().await;
    let sql = "select count(*) from archive_loads where state = 'loaded' \
               and rebuild in (select id from archive_rebuilds)";
    assert_eq!(app.db.scalar::<i64>(sql).await, 1, "the job of the second one runs");
    app.clock.set(at("2026-12-02T12:00:00Z"));
    jobs_end(&app);
    // An environment that has never seen the staging table goes on.
    app.environment().serve(Request::Due, deadline(&app)).await.unwrap();
    app.assert_rows("events", &[&old, &second, &third]);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new, &second, &third]);
}

#[tokio::test]
async fn a_staging_table_with_other_rows_than_were_loaded_is_not_copied() {
    let (app, new) = staging().await;
    app.bigquery.add_rows(DATASET, &staged(&app), &[loaded(&new.rows[0])]);
    jobs_end(&app);
    let log = CapturedLog::start();
    assert_eq!(app.run().await.rebuilt, 0);
    let told = log.text();
    assert!(told.contains(r#""event":"rebuild_given_up""#), "{told}");
    assert!(told.contains("4 rows were loaded, and the staging table has 5"), "{told}");
    drop(log);
    assert_eq!(app.bigquery.tables(DATASET), ["events"]);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
}

#[tokio::test]
async fn a_copy_that_is_refused_at_once_holds_up_no_other_day() {
    let app = LoadApp::new().await;
    let old = app.write("events", DAY, 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    let other = app.write("events", "2026-11-28", 5).await;
    // Files come by another path.
    let jobs = format!("/bigquery/v2/projects/{PROJECT}/jobs");
    app.bigquery.faults().always(&jobs, Fault::NotFound);
    let report = app.run().await;
    assert_eq!((report.loaded, report.rebuilt, report.rests_s), (1, 0, 0));
    app.assert_rows("events", &[&old, &other]);
    app.bigquery.faults().clear();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new, &other]);
}

#[tokio::test]
async fn a_day_that_bigquery_does_not_keep_is_tried_ever_more_seldom_and_the_others_go_on() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "EU");
    app.bigquery.partitions_live(DATASET, Some(60));
    let old = app.write("events", "2026-06-01", 5).await;
    app.run().await;
    let new = app.rewrite("events", &old, |row| !row.key.ends_with("-3")).await;
    let fresh = app.write("events", DAY, 5).await;
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.rebuilt, report.parked), (1, 0, 0));
    let told = log.text();
    assert!(told.contains("4 rows were loaded, and the staging table has 0"), "{told}");
    drop(log);
    assert_eq!(app.bigquery.tables(DATASET), ["events"]);
    app.assert_rows("events", &[&fresh]);
    let jobs = app.bigquery.jobs().len();
    for _ in 0..24 {
        later(&app, Duration::from_secs(300));
        app.run().await;
    }
    // After 1, 2, 4, 8, 16 and 32 minutes, by the schedule of 5 minutes.
    let again = app.bigquery.jobs().len() - jobs;
    assert!((4..=8).contains(&again), "{again} in two hours");
    app.bigquery.partitions_live(DATASET, None);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new, &fresh]);
}

#[tokio::test]
async fn a_day_whose_only_file_is_rewritten_to_nothing_is_left_empty() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-28", 5).await;
    let other = app.write("events", DAY, 5).await;
    app.run().await;
    app.rewrite("events", &old, |_| false).await;
    let report = app.run().await;
    assert_eq!((report.rebuilt, report.waiting, report.parked), (1, 0, 0));
    app.assert_rows("events", &[&other]);
    assert_eq!(app.run().await.rebuilt, 0);
}

#[tokio::test]
async fn a_file_that_is_rewritten_to_nothing_is_left_out_of_its_day() {
    let app = LoadApp::new().await;
    let old = app.write("events", DAY, 5).await;
    let beside = app.write("events", DAY, 5).await;
    app.run().await;
    app.rewrite("events", &old, |_| false).await;
    let report = app.run().await;
    assert_eq!((report.rebuilt, report.waiting, report.parked), (1, 0, 0));
    app.assert_rows("events", &[&beside]);
    assert_eq!(app.bigquery.uploads(), 3, "two files, and one of them for the staging table");
}

#[tokio::test]
async fn a_staging_table_gets_the_column_that_it_lacks() {
    let (app, new) = staging().await;
    let last = Table::named("events").unwrap().columns.last().unwrap();
    app.bigquery.drop_column(DATASET, &staged(&app), last.name);
    jobs_end(&app);
    let report = app.run().await;
    assert_eq!((report.rebuilt, report.parked), (0, 0));
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
}

#[tokio::test]
async fn nothing_is_added_to_a_day_while_it_is_not_known_whether_it_was_deleted() {
    let app = LoadApp::new().await;
    let old = app.write("events", "2026-11-28", 5).await;
    app.run().await;
    app.state_of(&old, "replaced").await;
    let day = format!("/bigquery/v2/projects/{PROJECT}/datasets/{DATASET}/tables/events$20261128");
    app.bigquery.faults().at(1, &day, Fault::Unavailable);
    assert_eq!(app.run().await.rebuilt, 0);
    let new = app.write("events", "2026-11-28", 3).await;
    drop(app.bigquery.take_requests());
    let report = app.run().await;
    assert_eq!((report.loaded, report.rebuilt), (0, 0));
    let deletes = app.bigquery.take_requests();
    assert!(deletes.iter().all(|request| request.method != "DELETE"), "{deletes:?}");
    later(&app, Duration::from_secs(20 * 60));
    let report = app.run().await;
    assert_eq!((report.loaded, report.rebuilt), (1, 1));
    app.assert_rows("events", &[&new]);
}

#[tokio::test]
async fn a_table_that_is_gone_is_not_made_while_a_copy_into_it_runs() {
    let (app, new) = staging().await;
    app.bigquery.run_jobs_out();
    app.run().await;
    let sql = "select count(*) from archive_rebuilds where state = 'copying'";
    assert_eq!(app.db.scalar::<i64>(sql).await, 1);
    app.bigquery.delete_table(DATASET, "events");
    app.environment().serve(Request::Due, deadline(&app)).await.unwrap();
    assert!(!app.bigquery.tables(DATASET).contains(&"events".to_owned()));
    jobs_end(&app);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&new]);
}
