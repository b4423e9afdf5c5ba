//! Files that name people who were erased are written once more, and no object is left that no row
//! knows, whatever the store does.

use std::time::Duration;

use archive::Request;
use jiff::civil::date;
use penstock_domain::clock::Clock as _;
use penstock_store::archive::batches::{self, Written};
use penstock_store::archive::searches;
use penstock_tests::captured_log::CapturedLog;

use super::ArchiveApp;
use super::app::{Fault, NOW, ids};

/// A claim of a file is over after this long, and so is the rest after a failure.
const OVER: Duration = Duration::from_secs(700);

/// Events of a day for each of seven users, in one file a day.
async fn copied(days: &[&str]) -> ArchiveApp {
    let app = ArchiveApp::new().await;
    let mut first = 1;
    for day in days {
        app.events(first, first + 6, day).await;
        first += 7;
    }
    app.due().await;
    assert_eq!(app.objects.keys().len(), days.len());
    app
}

/// Asserts that the store has one object for each file of the list, and no other.
fn assert_known(app: &ArchiveApp) {
    let listed: Vec<String> =
        app.manifest("events").unwrap().files.into_iter().map(|file| file.key).collect();
    assert_eq!(app.objects.keys(), listed);
}

/// Serves an event that writes a file once more. No reply comes, and the function is ended.
async fn dies_after_a_put(app: &ArchiveApp) {
    app.db.until_over().await;
    app.objects.fails([Fault::Silent]);
    let (ports, before) = (app.ports(), app.objects.keys().len());
    let deadline = app.clock.now() + Duration::from_secs(900);
    let serve = Box::pin(ports.serve(Request::due(), deadline));
    tokio::select! {
        _ = serve => panic!("it waits for the answer"),
        () = async {
            while app.objects.keys().len() == before {
                tokio::task::yield_now().await;
            }
        } => {}
    }
}

#[tokio::test]
async fn an_object_whose_reply_was_lost_is_deleted_if_more_people_are_erased_before_the_next_try() {
    for is_killed in [false, true] {
        let app = copied(&[NOW]).await;
        app.erase(1).await;
        if is_killed {
            dies_after_a_put(&app).await;
        } else {
            app.objects.fails([Fault::ReplyLost]);
            app.due().await;
        }
        assert_eq!(app.objects.keys().len(), 2, "the successor is there, and no row has it");
        // The next attempt has another key. It fails in its turn, by the deletion and by the PUT.
        app.erase(2).await;
        app.pass(OVER);
        app.objects.keeps([Fault::Busy]);
        app.due().await;
        assert_eq!(app.objects.keys().len(), 2);
        app.pass(OVER);
        app.objects.fails([Fault::ReplyLost]);
        app.due().await;
        assert_eq!(app.objects.keys().len(), 2);
        app.erase(3).await;
        app.pass(OVER);
        app.due().await;
        assert_known(&app);
        assert_eq!(app.copied(), ids(4, 7), "killed: {is_killed}");
    }
}

#[tokio::test]
async fn an_object_whose_reply_was_lost_is_taken_if_nobody_else_is_erased_before_the_next_try() {
    let app = copied(&[NOW]).await;
    app.erase(1).await;
    app.objects.fails([Fault::ReplyLost]);
    app.due().await;
    let successor = app.objects.keys().into_iter().find(|key| key.contains("-r")).unwrap();
    let written = app.objects.stored(&successor).unwrap();
    app.pass(OVER);
    app.due().await;
    assert_known(&app);
    assert_eq!(app.objects.keys(), std::slice::from_ref(&successor));
    assert_eq!(app.objects.stored(&successor).unwrap(), written, "it is not written again");
    assert_eq!(app.copied(), ids(2, 7));
}

#[tokio::test]
async fn once_another_call_has_claimed_a_file_nothing_is_noted_of_it_by_the_one_before() {
    let app = copied(&[NOW]).await;
    app.erase(1).await;
    let revision: i64 = app.db.scalar("select revision from erasure_settings").await;
    let database = app.db.database_of("archive", 1);
    let connection = database.connection().await.unwrap();
    let on = &**connection;
    let claim = async || {
        let now = app.clock.now();
        searches::claim(on, revision, now, now + Duration::from_secs(600)).await.unwrap()
    };
    let (key, now) = ("v1/events/a-r1.parquet", app.clock.now());
    let written = Written { rows: 6, bytes: 1, sums: "{}".to_owned(), sha256: [0; 32] };

    let first = claim().await.unwrap();
    assert!(searches::begin_successor(on, &first, key).await.unwrap());
    assert_eq!(claim().await, None);
    app.pass(OVER);
    let second = claim().await.unwrap();
    assert_eq!((second.id, second.successor.as_deref()), (first.id, Some(key)));

    assert!(!searches::begin_successor(on, &first, "another").await.unwrap());
    assert!(!searches::replace(on, &first, key, &written, revision, now).await.unwrap());
    searches::note_searched(on, &first, revision).await.unwrap();
    searches::put_off(on, &first, "it failed", now).await.unwrap();
    assert_eq!(claim().await, None, "the second claim lasts");

    assert!(searches::begin_successor(on, &second, key).await.unwrap());
    assert!(searches::replace(on, &second, key, &written, revision, now).await.unwrap());
    assert!(!searches::replace(on, &second, key, &written, revision, now).await.unwrap());
    let files = batches::listed(on, "events").await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].key, key);
}

#[tokio::test]
async fn an_object_that_was_begun_for_a_file_that_is_written_again_is_deleted() {
    for all_are_gone in [false, true] {
        let app = copied(&[NOW]).await;
        let file = app.objects.keys().remove(0);
        app.erase(1).await;
        app.objects.fails([Fault::ReplyLost]);
        app.due().await;
        app.objects.lose(&file).unwrap();
        if all_are_gone {
            app.execute("delete from events").await;
        }
        app.pass(OVER);
        app.db.until_over().await;
        let days = Request::days(date(2026, 3, 1), date(2026, 3, 31), None);
        app.try_serve(days).await.unwrap();
        assert_known(&app);
        let left = if all_are_gone { ids(1, 0) } else { ids(2, 7) };
        assert_eq!(app.copied(), left);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_asked_for_one_file_and_not_for_the_others() {
    let app = copied(&["2026-03-27T12:00:00Z", NOW]).await;
    let before = app.objects.keys();
    app.erase(1).await;
    app.objects.fails([Fault::Busy]);
    let log = CapturedLog::start();
    app.due().await;
    assert_eq!(log.text().matches("file_not_searched").count(), 1);
    assert!(log.text().contains("\"searched\":0,\"rewritten\":0,\"failed\":1"), "{}", log.text());
    assert_eq!(app.objects.keys(), before);
    // The objects that were replaced are not deleted either.
    app.pass(OVER);
    app.objects.keeps([Fault::Busy]);
    app.due().await;
    assert_eq!(log.text().matches("file_not_removed").count(), 1);
    assert!(
        log.text().contains("\"removed\":0,\"unsearched\":0,\"unremoved\":2"),
        "{}",
        log.text()
    );
    assert_eq!(app.objects.keys().len(), 4);
    app.due().await;
    assert_known(&app);
}

#[tokio::test]
async fn an_object_that_the_store_refuses_to_delete_holds_up_no_other() {
    let app = copied(&["2026-03-27T12:00:00Z", NOW]).await;
    app.erase(1).await;
    app.objects.keeps([Fault::Refused]);
    app.due().await;
    assert_eq!(app.objects.keys().len(), 3);
    app.due().await;
    assert_known(&app);
}

#[tokio::test]
async fn no_search_is_begun_that_may_outlast_the_function() {
    let app = copied(&[NOW]).await;
    let before = app.objects.keys();
    app.erase(1).await;
    app.db.until_over().await;
    let log = CapturedLog::start();
    let soon = app.clock.now() + Duration::from_secs(150);
    app.ports().serve(Request::due(), soon).await.unwrap();
    assert_eq!(app.objects.keys(), before);
    assert!(log.text().contains("\"searched\":0"), "{}", log.text());
    assert!(log.text().contains("\"unsearched\":1"), "{}", log.text());
    app.due().await;
    assert_known(&app);
    assert_eq!(app.copied(), ids(2, 7));
}
