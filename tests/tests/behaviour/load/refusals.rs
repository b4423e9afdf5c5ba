//! Refusals of BigQuery: a person is told where a person has to act, and the rest waits and goes on
//! by itself. Nothing of it is lost, and nothing comes twice.

use std::time::Duration;

use load::{Ports, Request};
use penstock_clients::objects::ObjectError;
use penstock_domain::clock::Clock as _;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::simulators::bigquery::Fault;

use super::{LoadApp, at};

fn later(app: &LoadApp, by: Duration) {
    app.clock.set(app.clock.now() + by);
}

#[tokio::test]
async fn without_a_project_nobody_is_asked_anything() {
    let app = LoadApp::new().await;
    app.write("events", "2026-11-29", 5).await;
    let nowhere = app.db.database_of("load", 1);
    let ports = Ports::new(nowhere, None, app.shelf.clone(), app.clock.clone());
    let report = ports.serve(Request::Due, at("2026-11-29T13:00:00Z")).await.unwrap();
    assert_eq!(report, load::Report::default());
    assert_eq!(app.count("archive_targets").await, 0);
    assert_eq!((app.bigquery.take_requests(), app.shelf.reads()), (vec![], 0));
}

#[tokio::test]
async fn a_quota_that_is_used_up_rests_until_it_refills_and_the_wait_is_told() {
    let app = LoadApp::at("2026-11-29T22:00:00Z").await;
    let mut batches = Vec::new();
    for _ in 0..3 {
        batches.push(app.write("events", "2026-11-29", 5).await);
    }
    app.bigquery.quota(Some(2));
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.rests_s), (2, 1, 1_800));
    let told = log.text();
    assert!(
        told.contains(r#""event":"bigquery_refuses","is_quota":true"#)
            && told.contains(r#""rest_s":1800"#),
        "{told}"
    );
    drop(log);
    // Until then BigQuery is asked nothing.
    drop(app.bigquery.take_requests());
    later(&app, Duration::from_secs(1_799));
    assert_eq!(app.run().await.rests_s, 1);
    assert_eq!(app.bigquery.take_requests(), []);
    // Jobs that fail count as well, so there are few: two hours are four tries.
    let failed = |app: &LoadApp| app.bigquery.jobs().iter().filter(|(_, good)| !good).count();
    for _ in 0..24 {
        later(&app, Duration::from_secs(300));
        app.run().await;
    }
    assert!((3..=6).contains(&failed(&app)), "{}", failed(&app));
    app.assert_rows("events", &batches.iter().collect::<Vec<_>>());
    assert_eq!(app.count("circuits").await, 0);
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_at_once_and_tried_ever_more_seldom() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    app.bigquery.rotate_key();
    let log = CapturedLog::start();
    assert_eq!(app.run().await.rests_s, 60);
    let told = log.text();
    assert!(told.contains(r#""event":"bigquery_refuses""#), "{told}");
    assert!(told.contains("invalid_grant: Invalid JWT Signature."), "{told}");
    assert!(!told.contains("PRIVATE KEY"), "{told}");
    drop(log);
    let mut rests = Vec::new();
    for _ in 0..4 {
        later(&app, Duration::from_secs(3_600));
        rests.push(app.run().await.rests_s);
    }
    assert_eq!(rests, [120, 240, 480, 960]);
    // Another key is there, and a person does not wait for the end of the rest.
    let ports = app.environment();
    let deadline = app.clock.now() + Duration::from_secs(900);
    let report = ports.serve(Request::Retry, deadline).await.unwrap();
    assert_eq!((report.loaded, report.rests_s), (1, 0));
    app.assert_rows("events", &[&batch]);
    assert_eq!(app.count("circuits").await, 0);
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_in_bigquerys_words() {
    let app = LoadApp::new().await;
    app.write("events", "2026-11-29", 5).await;
    app.bigquery.faults().always("/upload/", Fault::Denied);
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.rests_s), (0, 1, 60));
    let told = log.text();
    assert!(
        told.contains(r#""event":"bigquery_refuses""#) && told.contains("accessDenied"),
        "{told}"
    );
}

#[tokio::test]
async fn a_token_that_is_over_is_exchanged_without_a_word() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.bigquery.revoke_access_tokens();
    let second = app.write("events", "2026-11-29", 5).await;
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&first, &second]);
    assert_eq!(app.bigquery.tokens_granted(), 2);
}

#[tokio::test]
async fn bigquery_that_is_away_rests_for_seconds_at_first_and_a_quarter_of_an_hour_at_most() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    app.bigquery.faults().always("/", Fault::Unavailable);
    let mut rests = Vec::new();
    for _ in 0..4 {
        rests.push(app.run().await.rests_s);
        later(&app, Duration::from_secs(1_000));
    }
    assert_eq!(rests, [5, 10, 20, 40]);
    app.bigquery.faults().clear();
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&batch]);
    assert_eq!(app.count("circuits").await, 0);
}

#[tokio::test]
async fn a_store_that_refuses_is_told_to_a_person() {
    let app = LoadApp::new().await;
    app.write("events", "2026-11-29", 5).await;
    app.shelf.fail([ObjectError::refused("read an object", "403 AccessDenied")]);
    let log = CapturedLog::start();
    assert_eq!(app.run().await.rests_s, 60);
    let told = log.text();
    assert!(told.contains("the store did not read an object: 403 AccessDenied"), "{told}");
    assert!(told.contains(r#""what":"archive_unreadable""#), "{told}");
    assert!(!told.contains("bigquery_refuses"), "{told}");
}

#[tokio::test]
async fn a_file_that_bigquery_does_not_take_waits_for_a_person_and_the_others_go_on() {
    let app = LoadApp::new().await;
    let bad = app.write("events", "2026-11-29", 5).await;
    let good = app.write("events", "2026-11-29", 5).await;
    let of_others = app.write("payments", "2026-11-29", 5).await;
    app.bigquery.fail_job("invalid", "Error while reading data, error message: no Parquet");
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.parked), (2, 1, 0));
    // It is tried once more, in case that its table lacks a column.
    app.bigquery.fail_job("invalid", "Error while reading data, error message: no Parquet");
    later(&app, Duration::from_secs(15 * 60));
    let log = CapturedLog::start();
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.parked), (0, 1, 1));
    assert_eq!(log.text().matches(r#""what":"load_parked""#).count(), 1, "{}", log.text());
    drop(log);
    app.assert_rows("events", &[&good]);
    app.assert_rows("payments", &[&of_others]);
    later(&app, Duration::from_secs(86_400));
    let log = CapturedLog::start();
    assert_eq!(app.run().await.loaded, 0);
    assert!(log.text().contains(r#""event":"bigquery_behind""#), "{}", log.text());
    drop(log);
    let report = app.serve(Request::Retry).await.unwrap();
    assert_eq!((report.loaded, report.waiting, report.parked), (1, 0, 0));
    app.assert_rows("events", &[&bad, &good]);
}
