//! The memory that the function takes, whatever the backlog.

use std::time::Duration;

use penstock_testkit::{Outcome, TestDatabase, memory_kib};
use penstock_tests::simulators::s3::S3Simulator;
use penstock_tests::thorough::part;
use serde_json::json;

use super::kills::victim;

/// Events of 1.6 KB that hardly compress: in full they fill more than one file.
const LARGE: &str = "insert into events (event_id, sender, type, payload, occurred_at, received_at, outbox_id) \
     select 'e' || n, '', 't', (select '\"' || string_agg(md5(n || '-' || k), '') || '\"' from generate_series(1, 50) k), now(), \
            '2026-03-28T12:00:00Z', gen_random_uuid() \
     from generate_series(1, $1::int) n";

#[tokio::test]
async fn files_of_a_hundred_megabytes_are_written_in_a_quarter_of_a_gigabyte() {
    let rows = i32::try_from(part(120_000)).unwrap();
    let (db, s3) = (TestDatabase::new().await, S3Simulator::start().await);
    db.client().await.execute(LARGE, &[&rows]).await.unwrap();
    db.until_over().await;
    let victim = victim(&db, &s3).await;
    let event = json!({"archive": "due"});
    let minutes = Duration::from_secs(300);
    let done = "select coalesce(sum(rows), 0)::bigint from archive_batches where state = 'done'";
    // A busy machine may be too slow for the limit of one request: then the next event goes on.
    for _ in 0..5 {
        let outcome = victim.host.invoke_with_deadline(event.clone(), minutes).await;
        let is_told = matches!(outcome, Outcome::Replied(_) | Outcome::Failed { .. });
        assert!(is_told, "{outcome:?}");
        if db.scalar::<i64>(done).await == i64::from(rows) {
            break;
        }
    }
    assert_eq!(db.scalar::<i64>(done).await, i64::from(rows));
    let bytes: i64 = db.scalar("select sum(bytes)::bigint from archive_batches").await;
    assert!(bytes > i64::from(rows) * 700, "{bytes} bytes of {rows} rows: they compress too well");
    let peak = memory_kib(victim.host.pid(), "VmHWM").unwrap() >> 10;
    assert!(peak < 256, "{peak} MB for {bytes} bytes");
}
