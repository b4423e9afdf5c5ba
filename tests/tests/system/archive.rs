//! The analytics copy as a deployment makes it, in the bucket that the template makes.

use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_clients::objects::{Bucket, Objects as _};
use penstock_domain::analytics::Manifest;
use serde_json::json;

use crate::deployed_app::DeployedApp;

const EVENTS: &str = "insert into events (event_id, sender, type, payload, occurred_at, received_at, outbox_id) \
     select 'e' || n, '', 't', '{}', now(), '2026-03-28T12:00:00Z', gen_random_uuid() from generate_series(1, 100) n";

async fn manifest(bucket: &Bucket) -> Manifest {
    let object = bucket.get("v1/_manifest/events.json").await.unwrap().expect("a list");
    serde_json::from_slice(&object.body).unwrap()
}

#[tokio::test]
async fn the_schedules_event_copies_to_the_stacks_bucket_and_make_archive_writes_lost_objects_again()
 {
    let name = "sys-archive-copy";
    let app = DeployedApp::new("sys-archive", &[("ArchiveBucketName", name)]).await;
    app.sql.batch_execute(EVENTS).await.unwrap();
    // Transactions of other tests' databases hold the horizon.
    let is_over =
        "select max(tx) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint from events";
    while !app.sql.query_one(is_over, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let report = app.stack.invoke("archive", &json!({"archive": "due"})).await.unwrap();
    assert_eq!((&report["rows"], &report["left"]), (&json!(100), &json!(0)), "{report}");
    let bucket = Bucket::new(Arc::new(Aws::default()), name.to_owned());
    let [file] = manifest(&bucket).await.files.try_into().expect("one file");
    let written = bucket.get(&file.key).await.unwrap().expect("the file");
    assert_eq!(i64::try_from(written.body.len()).unwrap(), file.bytes);
    let facts = bucket.head(&file.key).await.unwrap().expect("the file").facts;
    assert_eq!(facts["sha256"], file.sha256);
    bucket.delete(&file.key).await.unwrap();
    assert_eq!(bucket.get(&file.key).await, Ok(None));
    let (code, told) = app.stack.archive("2026-03-01", "2026-03-31").await.unwrap();
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("2026-03-22 to 2026-03-28: complete; 1 files, 100 rows"), "{told}");
    assert_eq!(bucket.get(&file.key).await.unwrap().expect("it is back").body, written.body);
}

#[tokio::test]
async fn without_a_bucket_make_archive_says_that_nothing_is_copied() {
    let app = DeployedApp::new("sys-archive-off", &[]).await;
    let (code, told) = app.stack.archive("2026-03-01", "2026-03-01").await.unwrap();
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("no ArchiveBucketName"), "{told}");
}
