//! Days that a person asks for.

use archive::Request;
use jiff::civil::date;
use penstock_domain::clock::Clock as _;
use std::time::Duration;

use super::ArchiveApp;
use super::app::{NOW, ids};

#[tokio::test]
async fn objects_that_are_gone_are_written_again_for_the_days_and_tables_that_are_asked_for() {
    let app = ArchiveApp::new().await;
    for day in 24..=28 {
        app.events(day * 10, day * 10 + 4, &format!("2026-03-{day}T10:00:00Z")).await;
    }
    app.due().await;
    let keys = app.objects.keys();
    let lost: Vec<_> = keys.iter().map(|key| app.objects.lose(key).unwrap()).collect();
    let days =
        |table: &str| Request::days(date(2026, 3, 25), date(2026, 3, 27), Some(table.to_owned()));
    let report = app.try_serve(days("payments")).await.unwrap();
    assert_eq!((report.repaired, report.complete), (0, Some(true)));
    let report = app.try_serve(days("events")).await.unwrap();
    assert_eq!((report.repaired, report.files), (3, 3));
    assert_eq!(app.objects.keys(), keys[1..4]);
    let again: Vec<_> = keys[1..4].iter().map(|key| app.objects.stored(key).unwrap()).collect();
    assert_eq!(again, lost[1..4], "the same files");
    // A second time there is nothing to do.
    assert_eq!(app.try_serve(days("events")).await.unwrap().repaired, 0);
}

#[tokio::test]
async fn a_repair_that_has_no_time_left_says_so_and_goes_on_at_the_next_call() {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.due().await;
    app.objects.lose(&app.objects.keys()[0]);
    let request = || Request::days(date(2026, 3, 1), date(2026, 3, 31), None);
    let soon = app.clock.now() + Duration::from_secs(20);
    let report = app.ports().serve(request(), soon).await.unwrap();
    assert_eq!((report.complete, report.repaired), (Some(false), 0));
    app.try_serve(request()).await.unwrap();
    assert_eq!(app.copied(), ids(1, 5));
}

#[tokio::test]
async fn a_lost_file_whose_rows_are_deleted_leaves_the_list() {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.due().await;
    app.objects.lose(&app.objects.keys()[0]);
    app.execute("delete from events").await;
    let march = Request::days(date(2026, 3, 1), date(2026, 3, 31), None);
    let report = app.try_serve(march).await.unwrap();
    assert_eq!((report.repaired, report.withdrawn, report.files), (1, 1, 0));
    let manifest = app.manifest("events").unwrap();
    assert_eq!((manifest.rows, manifest.files), (0, Vec::new()));
}

#[tokio::test]
async fn a_table_that_is_not_copied_is_refused() {
    let app = ArchiveApp::new().await;
    let request = Request::days(date(2026, 3, 1), date(2026, 3, 31), Some("sessions".to_owned()));
    let error = app.try_serve(request).await.unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
}
