//! Reads while other transactions write.

use super::{Payment, amount, at, config, database, drift, ok, ports, try_upsert, upsert};
use fastrand::Rng;
use jiff::Timestamp;
use penstock_store::revenue::set_business_zone;
use penstock_testkit::TestDatabase;

const MOVES: usize = 150;
const TOTAL: i128 = 400 * 1000;

fn payment(id: usize, rng: &mut Rng) -> Payment {
    let start = at("2010-10-25T00:00:00Z").as_second();
    let occurred_at = Timestamp::from_second(start + rng.i64(0..20 * 86_400)).unwrap();
    Payment {
        occurred_at,
        ..Payment::new(format!("{id:04}"), 1000, "collected", "2010-11-01T00:00:00Z")
    }
}

/// Redates payments, several in each statement. No sum changes. It fails if it deadlocks.
async fn redate(database: &TestDatabase, seed: u64) {
    let (mut rng, on) = (Rng::with_seed(seed), database.client().await);
    for _ in 0..MOVES {
        let first = rng.usize(0..380);
        let mut moved: Vec<Payment> = (first..first + 20).map(|id| payment(id, &mut rng)).collect();
        // A row that is new as well, so that one statement fires the triggers of both kinds.
        let mut worthless = payment(rng.usize(1000..9000), &mut rng);
        worthless.amount = 0;
        moved.push(worthless);
        try_upsert(&on, &moved).await.unwrap();
    }
}

async fn watch(database: &TestDatabase, zone: &'static str) {
    let mut config = config();
    config.business_zone = "Europe/Berlin".to_owned();
    let ports = ports(database.database_of("metrics", 1), config);
    for view in ["daily", "weekly"].into_iter().cycle().take(60) {
        let target = format!(
            "/metrics/revenue/{view}?startDate=2010-10-20&endDate=2010-11-20&timezone={zone}"
        );
        let reply = ok(&ports, &target).await;
        let rows = reply.body["breakdown"].as_array().unwrap();
        assert_eq!(reply.amount("totalRevenueCents"), TOTAL, "{zone}");
        assert_eq!(
            rows.iter().map(|row| amount(&row["amountCents"])).sum::<i128>(),
            TOTAL,
            "{zone}"
        );
    }
}

/// Changes the business zone to and fro while others read.
async fn rezone(database: &TestDatabase) {
    let on = database.client().await;
    for zone in
        ["Asia/Kolkata", "Europe/Berlin", "UTC", "Europe/Berlin"].into_iter().cycle().take(12)
    {
        assert!(set_business_zone(&on, zone).await.unwrap());
    }
}

#[tokio::test]
async fn trap_37_every_read_is_one_snapshot_while_others_write_and_no_bucket_drifts() {
    let database = database().await;
    let on = database.client().await;
    let mut rng = Rng::with_seed(37);
    upsert(&on, &(0..400).map(|id| payment(id, &mut rng)).collect::<Vec<_>>()).await;
    tokio::join!(
        redate(&database, 1),
        redate(&database, 2),
        redate(&database, 3),
        redate(&database, 4),
        rezone(&database),
        watch(&database, "UTC"),
        watch(&database, "Asia/Kolkata"),
        watch(&database, "Europe/Berlin"),
        watch(&database, "America/St_Johns"),
    );
    assert_eq!(drift(&on).await, 0);
    let sum: i64 = database
        .scalar("select sum(amount)::bigint from revenue_buckets where grain = 'day'")
        .await;
    assert_eq!(i128::from(sum), TOTAL);
}

#[tokio::test]
async fn a_statement_that_is_rolled_back_leaves_no_trace_in_the_buckets() {
    let database = database().await;
    let mut on = database.client().await;
    upsert(&on, &[Payment::new(1, 5, "collected", "2026-01-01T00:00:00Z")]).await;
    let transaction = on.transaction().await.unwrap();
    upsert(transaction.client(), &[Payment::new(2, 7, "collected", "2026-01-01T00:00:00Z")]).await;
    transaction.rollback().await.unwrap();
    let sum: i64 = database
        .scalar("select sum(amount)::bigint from revenue_buckets where grain = 'day'")
        .await;
    assert_eq!(sum, 5);
}

#[tokio::test]
async fn a_zone_that_postgres_does_not_know_is_refused_and_the_same_zone_changes_nothing() {
    let database = database().await;
    let on = database.client().await;
    let error = set_business_zone(&on, "Mars/Olympus").await.unwrap_err();
    assert!(matches!(error.disposition(), penstock_domain::disposition::Disposition::Dead(_)));
    assert!(set_business_zone(&on, "Asia/Kolkata").await.unwrap());
    assert!(!set_business_zone(&on, "Asia/Kolkata").await.unwrap());
}

#[tokio::test]
async fn a_search_path_of_the_writers_own_cannot_lead_the_buckets_astray() {
    let database = database().await;
    let on = database.client().await;
    let hostile = "create schema evil; \
                   create table evil.revenue_deltas (like revenue_deltas); \
                   create table evil.revenue_settings as select true as one, 'Asia/Kolkata'::text as business_zone; \
                   create function evil.date_trunc(text, timestamp) returns timestamp language sql \
                       as $$ select timestamp '1999-01-01' $$; \
                   set search_path = evil, pg_catalog, public; \
                   create temp table revenue_settings as table evil.revenue_settings;";
    on.batch_execute(hostile).await.unwrap();
    upsert(&on, &[Payment::new(1, 5, "collected", "2026-01-01T00:00:00Z")]).await;
    let kept: i64 = database.scalar("select count(*) from public.revenue_deltas").await;
    assert_eq!(kept, 1);
}
