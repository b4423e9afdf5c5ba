//! Files go up in chunks, of which one at a time is in memory.

use std::sync::Arc;
use std::time::Duration;

use penstock_clients::bigquery::CHUNK;
use penstock_clients::objects::ObjectError;
use penstock_domain::analytics::Table;
use penstock_domain::clock::Clock as _;
use penstock_tests::simulators::bigquery::Fault;

use super::LoadApp;
use super::files::parquet;

const UPLOADS: &str = "/upload/";

/// About 20 MB, which is three chunks.
const LARGE: (usize, usize) = (40, 500_000);

#[tokio::test]
async fn a_large_file_is_read_and_sent_chunk_by_chunk() {
    let app = LoadApp::new().await;
    let batch = app.write_of("events", "2026-11-29", 1, LARGE.0, LARGE.1).await;
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&batch]);
    let requests = app.bigquery.take_requests();
    let largest = requests.iter().map(|request| request.bytes).max().unwrap();
    assert_eq!(u64::try_from(largest).unwrap(), CHUNK);
    let chunks = requests.iter().filter(|request| request.method == "PUT").count();
    assert_eq!((chunks, app.shelf.reads()), (3, 3));
}

#[tokio::test]
async fn after_a_chunk_of_which_a_half_has_arrived_the_rest_is_sent() {
    let app = LoadApp::new().await;
    let batch = app.write_of("events", "2026-11-29", 1, LARGE.0, LARGE.1).await;
    app.bigquery.faults().at(2, UPLOADS, Fault::HalfAChunk);
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&batch]);
    assert_eq!(app.bigquery.uploads(), 1);
}

#[tokio::test]
async fn a_chunk_whose_reply_is_lost_is_asked_for_and_not_sent_twice() {
    let app = LoadApp::new().await;
    let batch = app.write_of("events", "2026-11-29", 1, LARGE.0, LARGE.1).await;
    for nth in [2, 4] {
        app.bigquery.faults().at(nth, UPLOADS, Fault::LostReply);
    }
    app.bigquery.faults().at(3, UPLOADS, Fault::BadGateway);
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&batch]);
    // The second chunk is read again: it has not arrived.
    assert_eq!((app.bigquery.uploads(), app.shelf.reads()), (1, 4));
}

#[tokio::test]
async fn the_store_may_fail_now_and_then() {
    let app = LoadApp::new().await;
    let batch = app.write_of("events", "2026-11-29", 1, LARGE.0, LARGE.1).await;
    let away = || ObjectError::unreachable("read an object", "503 SlowDown");
    app.shelf.fail([away(), away()]);
    assert_eq!(app.run().await.loaded, 1);
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn a_file_that_is_gone_though_it_counts_is_tried_again_and_told_as_behind() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    app.shelf.remove(&batch.key);
    let report = app.run().await;
    assert_eq!((report.loaded, report.waiting, report.rests_s), (0, 1, 0));
    assert_eq!(app.loads().await, ["events due 2 the object is not there"]);
    assert_eq!(app.bigquery.jobs(), []);
    app.keep_again("events", &batch);
    app.run_until_all_is_there().await;
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn a_job_whose_reply_was_lost_is_found_though_its_upload_is_refused_afterwards() {
    let app = LoadApp::new().await;
    let batch = app.write("events", "2026-11-29", 5).await;
    // The chunk, and the question of how much of it has arrived.
    app.bigquery.faults().at(2, UPLOADS, Fault::LostReply);
    app.bigquery.faults().at(2, UPLOADS, Fault::Invalid);
    let report = app.run().await;
    assert_eq!((report.loaded, report.parked), (1, 0));
    assert_eq!(app.bigquery.jobs().len(), 1);
    app.assert_rows("events", &[&batch]);
}

#[tokio::test]
async fn a_file_that_is_gone_after_another_has_sent_it_is_loaded() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    let second = app.write("events", "2026-11-29", 5).await;
    app.shelf.remove(&second.key);
    let bytes = parquet(Table::named("events").unwrap(), &second.rows, &[]);
    let bigquery = Arc::clone(&app.bigquery);
    // The session, and then the question for the job.
    app.bigquery.on_request(2, move || bigquery.complete_upload(bytes));
    assert_eq!(app.run().await.loaded, 1);
    assert_eq!(app.loads().await, ["events loaded 1", "events loaded 1"]);
    app.assert_rows("events", &[&first, &second]);
}

#[tokio::test]
async fn the_token_goes_to_no_other_host() {
    let app = LoadApp::new().await;
    let first = app.write("events", "2026-11-29", 5).await;
    app.run().await;
    app.bigquery.be_called(&app.bigquery.url().replace("127.0.0.1", "localhost"));
    app.write("events", "2026-11-29", 5).await;
    drop(app.bigquery.take_requests());
    assert_eq!(app.run().await.loaded, 0);
    app.clock.set(app.clock.now() + Duration::from_secs(15 * 60));
    let report = app.run().await;
    assert_eq!((report.loaded, report.parked), (0, 1));
    let error = "events parked 2 the upload is to go to another host";
    assert_eq!(app.loads().await, ["events loaded 1", error]);
    assert!(app.bigquery.take_requests().iter().all(|request| request.method != "PUT"));
    app.assert_rows("events", &[&first]);
}
