//! Sums that somebody has made wrong are corrected while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use penstock_store::revenue::{rebuild, set_business_zone};
use penstock_testkit::TestDatabase;
use penstock_testkit::filled::drift;

use super::{ZONES, assert_exact, brute_force, figures, fold, some_payments};
use crate::metrics::upsert;

/// Ways to make sums wrong. Each grain has its own, and some change what there is no room for in a
/// delta.
const WRONGS: [&str; 9] = [
    "update revenue_sums set collected = collected + 7 where grain = 'day'",
    "delete from revenue_sums where grain = 'hour'",
    "update revenue_sums set disputed = 3, refunded_count = 9 where grain = 'four_hours'",
    "update revenue_sums set refunded = refunded * 1000000000000000, disputed_count = disputed_count + 1 \
     where grain = 'quarter_hour'",
    "update revenue_sums set bucket_start = bucket_start - interval '9 years' where grain = 'business_day'",
    "insert into revenue_sums values ('quarter_hour', '2025-03-09', 'nobody', 'XXX', 1, 2, 3, 4, 5, 6)",
    "delete from revenue_deltas",
    "insert into revenue_deltas select * from revenue_deltas",
    "delete from revenue_sums",
];

#[tokio::test]
async fn a_rebuild_corrects_sums_of_each_grain_while_others_write() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    set_business_zone(&on, "Asia/Kathmandu").await.unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    upsert(&on, &some_payments(&mut rng, "first", 200)).await;
    fold(&on, 100).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, stopped) = (database.client().await, Arc::clone(&stop));
    let writing = tokio::spawn(async move {
        let mut rng = fastrand::Rng::with_seed(6);
        while !stopped.load(Ordering::SeqCst) {
            upsert(&writer, &some_payments(&mut rng, "other", 20)).await;
        }
    });
    for wrong in WRONGS {
        on.batch_execute(wrong).await.unwrap();
        rebuild(&on).await.unwrap();
        let snapshot = "begin isolation level repeatable read";
        on.batch_execute(snapshot).await.unwrap();
        assert_exact(&on, wrong).await;
        on.batch_execute("commit").await.unwrap();
        assert_eq!(drift(&on).await, Vec::<String>::new(), "{wrong}");
        fold(&on, 100).await;
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    while fold(&on, 1_000).await != Some(0) {}
    assert_exact(&on, "at the end").await;
}

#[tokio::test]
async fn wrong_sums_are_seen_by_who_compares_them() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    set_business_zone(&on, ZONES[1]).await.unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    for prefix in ["a", "b", "c", "d", "e"] {
        upsert(&on, &some_payments(&mut rng, prefix, 200)).await;
    }
    fold(&on, 1_000).await;
    for (grain, zone) in [
        ("day", "UTC"),
        ("hour", "Europe/Berlin"),
        ("four_hours", "America/Los_Angeles"),
        ("quarter_hour", "Asia/Kolkata"),
        ("business_day", ZONES[1]),
    ] {
        let wrong = format!(
            "update revenue_sums set collected = collected + extract(epoch from bucket_start)::bigint where grain = '{grain}'"
        );
        on.batch_execute(&wrong).await.unwrap();
        assert_ne!(figures(&on, zone).await, brute_force(&on, zone).await, "{grain}");
        rebuild(&on).await.unwrap();
        assert_exact(&on, grain).await;
    }
}

#[tokio::test]
async fn a_rebuild_in_a_snapshot_of_before_is_refused() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    for call in ["rebuild_revenue_buckets()", "set_business_zone('Asia/Kolkata')"] {
        let sql = format!("begin isolation level repeatable read; select {call}");
        let refused = on.batch_execute(&sql).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "0A000", "{call}");
        on.batch_execute("rollback").await.unwrap();
    }
}
