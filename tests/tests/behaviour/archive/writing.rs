//! Files are written once, whatever the store does.

use std::time::Duration;

use archive::{ArchiveError, Request};
use penstock_tests::captured_log::{CapturedLog, listen};

use super::ArchiveApp;
use super::app::{Fault, NOW, Stored, everything, ids};

#[tokio::test]
async fn a_store_that_is_busy_is_tried_again_at_the_next_event_and_nothing_is_lost() {
    listen();
    let log = CapturedLog::start();
    let app = ArchiveApp::new().await;
    app.events(1, 50, NOW).await;
    for attempt in 1..=3 {
        app.objects.fails([Fault::Busy]);
        app.db.until_over().await;
        let error = app.try_serve(Request::due()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Objects(_)), "{error}");
        let lines = log.text().matches(r#""event":"archive_not_written""#).count();
        assert_eq!(lines, attempt);
        assert_eq!(app.objects.keys(), [""; 0]);
        app.pass(Duration::from_secs(300));
    }
    let report = app.due().await;
    assert_eq!((report.files, report.failed, report.left), (1, 0, 0));
    assert_eq!(app.copied(), ids(1, 50));
}

#[tokio::test]
async fn a_reply_that_is_lost_is_found_again_and_the_file_counts_once() {
    let app = ArchiveApp::new().await;
    app.events(1, 50, NOW).await;
    app.objects.fails([Fault::ReplyLost]);
    app.db.until_over().await;
    app.try_serve(Request::due()).await.unwrap_err();
    let key = app.objects.keys().pop().unwrap();
    let written = app.objects.stored(&key).unwrap();
    app.pass(Duration::from_secs(300));
    let report = app.due().await;
    assert_eq!((report.files, report.rows, report.left), (1, 50, 0));
    assert_eq!(app.objects.stored(&key).unwrap(), written, "it is not written again");
    assert_eq!(app.copied(), ids(1, 50));
}

#[tokio::test]
async fn a_file_of_rows_that_changed_after_a_lost_reply_counts_as_it_was_written() {
    let app = ArchiveApp::new().await;
    let payment = "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, \
                                         native, version_rank, content_hash, raw, outbox_id, updated_at) \
                   select 'stripe', 'charge', 'ch_' || n, n * 100, 'EUR', 'collected', 'succeeded', now(), now(), true, 0, 0, '', \
                          gen_random_uuid(), '2026-03-28T11:00:00Z' from generate_series(1, 3) n";
    app.execute(payment).await;
    app.objects.fails([Fault::ReplyLost]);
    app.db.until_over().await;
    app.try_serve(Request::due()).await.unwrap_err();
    let change = "update payments set amount = 999, updated_at = '2026-03-28T12:00:00Z', tx = pg_current_xact_id()::text::bigint \
                  where external_id = 'ch_1'";
    app.execute(change).await;
    app.pass(Duration::from_secs(300));
    app.all().await;
    let files = app.manifest("payments").unwrap().files;
    let sums: Vec<_> = files.iter().map(|file| (file.rows, file.sums["EUR"].as_str())).collect();
    assert_eq!(sums, [(3, "600"), (1, "999")]);
    assert_eq!(app.column("payments", "amount_minor"), ["100", "200", "300", "999"]);
}

#[tokio::test]
async fn a_store_that_never_answers_ends_with_the_function_and_the_next_one_goes_on() {
    let app = ArchiveApp::new().await;
    app.events(1, 50, NOW).await;
    app.objects.fails([Fault::Silent]);
    app.db.until_over().await;
    let ports = app.ports();
    let deadline = super::at(NOW) + Duration::from_secs(900);
    let serve = Box::pin(ports.serve(Request::due(), deadline));
    tokio::select! {
        _ = serve => panic!("it waits for the answer"),
        () = async {
            while app.objects.keys().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    // Another leaves the file alone for as long as the first one may write it.
    assert_eq!(app.due().await.files, 0);
    app.pass(Duration::from_secs(300));
    assert_eq!(app.due().await.files, 1);
    assert_eq!(app.copied(), ids(1, 50));
}

#[tokio::test]
async fn a_file_that_the_store_refuses_is_told_and_rests_and_others_are_written() {
    listen();
    let log = CapturedLog::start();
    let mut app = ArchiveApp::new().await;
    app.settings.batch_bytes = 50_000;
    app.events(1, 1_000, NOW).await;
    app.objects.fails([Fault::Refused]);
    let report = app.due().await;
    assert_eq!((report.failed, report.left), (1, 1), "{report:?}");
    assert!(log.text().contains("403 AccessDenied"), "{}", log.text());
    assert_eq!(app.due().await.files, 0, "it rests");
    app.pass(Duration::from_secs(60));
    assert_eq!(app.due().await.files, 1);
    assert_eq!(app.copied(), ids(1, 1_000));
}

#[tokio::test]
async fn an_object_of_somebody_else_under_a_files_name_is_never_taken_for_it() {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.objects.fails([Fault::Busy]);
    app.db.until_over().await;
    app.try_serve(Request::due()).await.unwrap_err();
    let key: String = app.db.scalar("select key from archive_batches").await;
    let stranger = Stored { body: "a file".into(), facts: [].into() };
    app.objects.store(&key, stranger.clone());
    app.pass(Duration::from_secs(300));
    let report = app.due().await;
    assert_eq!((report.files, report.failed, report.left), (0, 1, 1));
    let error: String = app.db.scalar("select last_error from archive_batches").await;
    assert!(error.contains("is not of this database"), "{error}");
    assert_eq!(app.objects.stored(&key), Some(stranger));
    assert_eq!(app.manifest("events").unwrap().files, []);
}

#[tokio::test]
async fn a_list_is_never_replaced_by_an_older_one() {
    let app = ArchiveApp::new().await;
    app.events(1, 5, NOW).await;
    app.due().await;
    let first = app.manifest("events").unwrap();
    app.events(6, 10, NOW).await;
    app.all().await;
    let second = app.manifest("events").unwrap();
    assert!(second.revision > first.revision);
    // A function that was frozen since the first list wakes up: Postgres says that a list is due.
    app.execute("update archive_marks set manifested = 0").await;
    assert_eq!(app.due().await.listed, 0);
    assert_eq!(app.manifest("events").unwrap(), second);
    // One that fails is written by the next event.
    app.events(11, 15, NOW).await;
    app.objects.fails([]);
    app.db.until_over().await;
    // The file, and then the list.
    app.pass(Duration::from_secs(3600));
    app.try_serve(everything()).await.unwrap();
    assert_eq!(app.copied(), ids(1, 15));
}

#[tokio::test]
async fn files_of_the_same_rows_are_the_same_bytes() {
    let app = ArchiveApp::new().await;
    app.events(1, 2_000, NOW).await;
    app.due().await;
    let key = app.objects.keys().pop().unwrap();
    let first = app.objects.lose(&key).unwrap();
    let day = "2026-03-28".parse().unwrap();
    app.db.until_over().await;
    let report = app.try_serve(Request::days(day, day, None)).await.unwrap();
    assert_eq!((report.repaired, report.files, report.complete), (1, 1, Some(true)));
    assert_eq!(app.objects.stored(&key).unwrap(), first);
}
