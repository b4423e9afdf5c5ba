//! The dataset and the tables: made on first use, extended, and looked at with care if they are not
//! as they were left.

use std::time::Duration;

use load::Request;
use penstock_domain::analytics::Table;
use penstock_domain::clock::Clock as _;
use penstock_tests::captured_log::CapturedLog;

use super::app::{DATASET, loaded};
use super::{LoadApp, at};

fn names(table: &str) -> Vec<String> {
    Table::named(table).unwrap().columns.iter().map(|column| column.name.to_owned()).collect()
}

#[tokio::test]
async fn the_dataset_and_a_table_are_made_when_there_is_a_file_for_it() {
    let app = LoadApp::new().await;
    app.run().await;
    assert_eq!(app.bigquery.take_requests(), []);
    app.write("events", "2026-11-29", 5).await;
    app.run().await;
    assert_eq!(app.bigquery.location(DATASET).as_deref(), Some("EU"));
    assert_eq!(app.bigquery.tables(DATASET), ["events"]);
    assert_eq!(app.bigquery.columns(DATASET, "events"), names("events"));
}

#[tokio::test]
async fn a_column_that_a_release_has_added_is_added_and_older_files_still_load() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "EU");
    let of = Table::named("events").unwrap();
    let (last, before) = of.columns.split_last().unwrap();
    let columns: Vec<_> = before.iter().map(|c| (c.name, c.kind.in_bigquery())).collect();
    app.bigquery.make_table(DATASET, "events", &columns);
    let older = app.write("events", "2026-11-28", 5).await;
    app.db.client().await.batch_execute("delete from archive_batches").await.unwrap();
    app.keep("events", &older, &[last.name]).await;
    let newer = app.write("events", "2026-11-29", 5).await;
    let log = CapturedLog::start();
    assert_eq!(app.run().await.loaded, 2);
    assert!(log.text().contains(r#""event":"bigquery_table_extended""#), "{}", log.text());
    assert_eq!(app.bigquery.columns(DATASET, "events"), names("events"));
    app.assert_rows("events", &[&older, &newer]);
}

#[tokio::test]
async fn a_column_of_another_type_is_told_and_the_other_tables_go_on() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "EU");
    app.bigquery.make_table(DATASET, "events", &[("tx", "STRING"), ("arrived_at", "TIMESTAMP")]);
    let batch = app.write("events", "2026-11-29", 5).await;
    let other = app.write("payments", "2026-11-29", 5).await;
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.parked), (1, 1, 1));
    let told = log.text();
    assert!(told.contains("the column tx is of type STRING, and the files have INT64"), "{told}");
    drop(log);
    app.assert_rows("payments", &[&other]);
    app.bigquery.delete_table(DATASET, "events");
    assert_eq!(app.run().await.loaded, 0, "it waits for a person");
    let report = app.serve(Request::Retry).await.unwrap();
    assert_eq!((report.loaded, report.parked), (1, 0));
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn a_table_with_rows_that_are_not_ours_is_left_alone() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "EU");
    let of = Table::named("events").unwrap();
    let columns: Vec<_> = of.columns.iter().map(|c| (c.name, c.kind.in_bigquery())).collect();
    app.bigquery.make_table(DATASET, "events", &columns);
    let batch = app.write("events", "2026-11-29", 5).await;
    let of_others: Vec<_> = batch.rows.iter().map(loaded).collect();
    app.bigquery.add_rows(DATASET, "events", &of_others);
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.parked), (0, 1));
    assert!(log.text().contains("it holds rows that are not known here"), "{}", log.text());
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn a_table_that_somebody_has_deleted_is_made_and_all_of_it_is_loaded_again() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-28", 5).await;
    let other = app.write("payments", "2026-11-28", 5).await;
    app.run().await;
    app.bigquery.delete_table(DATASET, "events");
    let second = app.write("events", "2026-11-29", 5).await;
    let log = CapturedLog::start();
    app.run_until_all_is_there().await;
    assert!(log.text().contains(r#""what":"table_lost""#), "{}", log.text());
    app.assert_rows("events", &[&first, &second]);
    app.assert_rows("payments", &[&other]);
    // The job of the first load is known to BigQuery for ever, and says nothing about this table.
    assert!(app.bigquery.jobs().iter().any(|(id, is_good)| id.ends_with("_2") && *is_good));
}

#[tokio::test]
async fn into_another_dataset_everything_is_loaded_and_the_old_one_is_left_as_it_is() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-28", 5).await;
    app.run().await;
    let second = app.write("events", "2026-11-29", 5).await;
    let moved = app.environment_of("elsewhere");
    let deadline = app.clock.now() + Duration::from_secs(900);
    assert_eq!(moved.serve(Request::Due, deadline).await.unwrap().loaded, 2);
    app.assert_rows_in("elsewhere", "events", &[&first, &second]);
    app.assert_rows("events", &[&first]);
    // Back again, what is there is not known any more.
    let report = app.environment().serve(Request::Due, deadline).await.unwrap();
    assert_eq!((report.loaded, report.parked), (0, 1));
    app.assert_rows("events", &[&first]);
}

#[tokio::test]
async fn a_staging_table_that_stays_behind_ends_by_itself() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.rewrite("events", &batch, |row| !row.key.ends_with("-0")).await;
    app.bigquery.jobs_run_for(1_000);
    app.run().await;
    assert_eq!(app.bigquery.tables(DATASET).len(), 2, "one is staged into");
    app.clock.set(at("2026-12-02T12:00:00Z"));
    app.bigquery.jobs_run_for(0);
    app.bigquery.run_jobs_out();
    app.run_until_all_is_there().await;
    assert_eq!(app.bigquery.tables(DATASET), ["events"]);
}

#[tokio::test]
async fn a_dataset_that_somebody_has_deleted_is_made_anew_wherever_the_one_before_was() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "US");
    let first = app.write("events", "2026-11-28", 5).await;
    assert_eq!(app.run().await.loaded, 1);
    app.bigquery.delete_dataset(DATASET);
    let second = app.write("events", "2026-11-29", 5).await;
    app.run_until_all_is_there().await;
    assert_eq!(app.bigquery.location(DATASET).as_deref(), Some("EU"));
    app.assert_rows("events", &[&first, &second]);
}

#[tokio::test]
async fn a_file_whose_table_lacks_a_column_is_tried_again_before_a_person_is_told() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-28", 5).await;
    app.run().await;
    let last = names("events").pop().unwrap();
    app.bigquery.drop_column(DATASET, "events", &last);
    let second = app.write("events", "2026-11-29", 5).await;
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.parked), (0, 1, 0));
    assert!(!log.text().contains("bigquery_to_look_at"), "{}", log.text());
    drop(log);
    app.clock.set(app.clock.now() + Duration::from_secs(15 * 60));
    assert_eq!(app.run().await.loaded, 1);
    assert_eq!(app.bigquery.columns(DATASET, "events"), names("events"));
    app.assert_rows("events", &[&first, &second]);
}

#[tokio::test]
async fn a_table_that_was_put_right_is_parked_no_longer() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(DATASET, "EU");
    for table in ["events", "payments"] {
        app.bigquery.make_table(DATASET, table, &[("tx", "STRING"), ("arrived_at", "TIMESTAMP")]);
        app.write(table, "2026-11-29", 5).await;
    }
    assert_eq!(app.run().await.parked, 2);
    app.bigquery.delete_table(DATASET, "events");
    app.bigquery.delete_table(DATASET, "payments");
    let of = Table::named("payments").unwrap();
    let columns: Vec<_> = of.columns.iter().map(|c| (c.name, c.kind.in_bigquery())).collect();
    app.bigquery.make_table(DATASET, "payments", &columns);
    app.clock.set(app.clock.now() + Duration::from_secs(3_601));
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.parked), (2, 0, 0));
}
