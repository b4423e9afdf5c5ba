//! Each row of each file is in BigQuery once, whatever is lost on the way.

use std::time::Duration;

use load::{MARGIN, Request};
use penstock_domain::clock::Clock as _;
use penstock_tests::simulators::bigquery::Fault;

use super::LoadApp;

const UPLOADS: &str = "/upload/";

#[tokio::test]
async fn files_of_all_tables_are_loaded_each_row_once() {
    let app = LoadApp::new().await;
    let mut batches = Vec::new();
    for table in penstock_domain::analytics::TABLES {
        for day in ["2026-11-28", "2026-11-29"] {
            batches.push((table.name, app.write(table.name, day, 3).await));
        }
    }
    let report = app.run().await;
    assert_eq!((report.loaded, report.rows), (batches.len(), 3 * 16));
    assert_eq!((report.waiting, report.parked, report.rests_s), (0, 0, 0));
    for table in penstock_domain::analytics::TABLES {
        let own: Vec<_> =
            batches.iter().filter(|(name, _)| *name == table.name).map(|(_, b)| b).collect();
        app.assert_rows(table.name, &own);
    }
    // The next event finds nothing to do, and asks BigQuery nothing.
    drop(app.bigquery.take_requests());
    assert_eq!(app.run().await.loaded, 0);
    assert_eq!(app.bigquery.take_requests(), []);
}

#[tokio::test]
async fn trap_56_with_the_reply_to_each_request_lost_once_each_row_is_there_once() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(2);
    app.bigquery.lose_each_reply_once();
    let mut batches = Vec::new();
    for n in 0..6 {
        batches.push(app.write("events", if n < 3 { "2026-11-28" } else { "2026-11-29" }, 5).await);
    }
    app.run_until_all_is_there().await;
    assert!(app.bigquery.replies_lost() > 20, "{}", app.bigquery.replies_lost());
    app.assert_rows("events", &batches.iter().collect::<Vec<_>>());
    // One job a file: a repeated request is the same job.
    assert_eq!(app.bigquery.jobs().len(), 6);
}

#[tokio::test]
async fn a_job_that_was_started_by_an_invocation_that_ended_is_asked_for_and_not_sent_again() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(5);
    let batch = app.write("events", "2026-11-29", 5).await;
    // So little time is left that the job still runs at the end.
    let deadline = app.clock.now() + MARGIN + Duration::from_secs(2);
    let report = app.ports.serve(Request::Due, deadline).await.unwrap();
    assert_eq!((report.loaded, report.waiting), (0, 1));
    assert_eq!(app.loads().await, ["events running 1"]);
    assert_eq!(app.bigquery.uploads(), 1);
    assert_eq!(app.run().await.loaded, 1);
    assert_eq!(app.bigquery.uploads(), 1);
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn two_at_once_load_each_row_once() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(1);
    let mut batches = Vec::new();
    for _ in 0..8 {
        batches.push(app.write("events", "2026-11-29", 5).await);
    }
    let other = app.environment();
    let deadline = app.clock.now() + MARGIN + Duration::from_secs(100_000);
    let both =
        tokio::join!(app.ports.serve(Request::Due, deadline), other.serve(Request::Due, deadline));
    both.0.unwrap();
    both.1.unwrap();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &batches.iter().collect::<Vec<_>>());
    assert_eq!(app.bigquery.jobs().len(), 8, "no file has had two jobs");
}

#[tokio::test]
async fn the_id_of_a_job_that_has_failed_is_never_used_again() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    app.bigquery.fail_job("backendError", "Error encountered during execution.");
    app.bigquery.fail_job("jobInternalError", "The job encountered an internal error.");
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&batch]);
    let jobs = app.bigquery.jobs();
    let ends: Vec<_> = jobs.iter().map(|(id, is_good)| (&id[id.len() - 2..], *is_good)).collect();
    assert_eq!(ends, [("_1", false), ("_2", false), ("_3", true)]);
    assert_eq!(app.loads().await, ["events loaded 3"]);
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_begins_again_under_the_same_id() {
    let app = LoadApp::new().await;
    let batch = app.write_of("events", "2026-11-29", 1, 40, 500_000).await;
    let bigquery = std::sync::Arc::clone(&app.bigquery);
    app.bigquery.faults().at(3, UPLOADS, Fault::Unavailable);
    // Three for the dataset, three for the table, the session, the first chunk, the second one.
    app.bigquery.on_request(9, move || bigquery.forget_uploads());
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&batch]);
    assert_eq!(app.bigquery.uploads(), 2);
    assert_eq!(app.bigquery.jobs().len(), 1);
}

#[tokio::test]
async fn jobs_are_done_in_the_location_that_the_dataset_has() {
    let app = LoadApp::new().await;
    app.bigquery.make_dataset(super::app::DATASET, "us-east4");
    let batch = app.write("events", "2026-11-29", 5).await;
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&batch]);
    assert_eq!(app.bigquery.location(super::app::DATASET).as_deref(), Some("us-east4"));
}

#[tokio::test]
async fn a_load_whose_batch_was_withdrawn_meanwhile_is_followed_to_its_end() {
    let app = LoadApp::new().await;
    app.bigquery.jobs_run_for(1_000);
    app.write("events", "2026-11-29", 5).await;
    app.run().await;
    assert_eq!(app.loads().await, ["events running 1"]);
    app.db.client().await.batch_execute("delete from archive_batches").await.unwrap();
    app.bigquery.jobs_run_for(0);
    app.bigquery.run_jobs_out();
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[]);
    assert_eq!(app.count("archive_loads").await, 0);
}
