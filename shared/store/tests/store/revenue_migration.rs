//! A filled database comes over from revenue behind a lock to revenue without one.

use penstock_store::revenue::rebuild;
use penstock_testkit::TestDatabase;
use penstock_testkit::filled::{drift, fill};
use tokio_postgres::Client;

/// The schemas before and after.
const BEFORE: i32 = 24;
const AFTER: i32 = 25;

async fn filled(rows: u32) -> TestDatabase {
    // The roles come with the first database of a server.
    drop(TestDatabase::new().await);
    let database = TestDatabase::of_version(BEFORE).await;
    let client = database.client().await;
    client.batch_execute("select set_business_zone('America/New_York')").await.unwrap();
    for source in ["stripe", "hubspot"] {
        fill(&client, source, rows).await;
    }
    // Sums beyond 2^63, and sums of nothing.
    let odd = "update payments set amount = 9223372036854775807 where external_id like '%7'; \
               update payments set status = 'pending' where external_id like '%3'";
    client.batch_execute(odd).await.unwrap();
    database
}

/// The buckets of something, as the release before has them.
async fn buckets(client: &Client) -> Vec<String> {
    let sql = "select format('%s %s %s %s %s: %s of %s', grain, bucket_start, source, currency, status, amount, count) \
               from revenue_buckets where grain <> 'hour' and (amount <> 0 or count <> 0) order by 1";
    texts(client, sql).await
}

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Statements of the release before, each with its answer as one text.
const RELEASE_BEFORE: [&str; 3] = [
    // revenue.read_business_days
    "select concat_ws(' ', (day.bucket_start::date - '2024-01-01'::date)::bigint, day.currency, day.collected, \
                      day.refunded, day.disputed, day.count) as answer from revenue_settings left join lateral ( \
       select bucket_start, currency, \
              coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected, \
              coalesce(sum(amount) filter (where status = 'refunded'), 0)::text as refunded, \
              coalesce(sum(amount) filter (where status = 'disputed'), 0)::text as disputed, \
              coalesce(sum(count) filter (where status = 'collected'), 0)::text as count \
         from revenue_buckets where grain = 'business_day' and bucket_start >= '2020-01-01' and bucket_start <= '2030-01-01' \
        group by bucket_start, currency having sum(count) <> 0) day on true \
     where business_zone = 'America/New_York' order by 1",
    // revenue.read_edges
    "select concat_ws(' ', edge.cut, part.currency, part.collected, part.count) as answer \
     from unnest(array[1, 2]::bigint[], array['2024-01-01', '2025-01-01']::timestamp[], \
                 array['2024-12-31', '2026-12-31']::timestamp[]) as edge (cut, low, high) cross join lateral ( \
       select currency, coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected, \
              coalesce(sum(count) filter (where status = 'collected'), 0)::text as count \
         from revenue_buckets where grain = 'quarter_hour' and bucket_start >= edge.low and bucket_start < edge.high \
        group by currency having sum(count) <> 0) part order by 1",
    // run_stands
    "select coalesce(string_agg(oldest::text, ' ' order by run_id), '') as answer from run_stands",
];

/// revenue_buckets.erase of the release before.
const ERASE: &str = "with looked_at as materialized ( \
        select ctid, grain, bucket_start, source, currency, status from revenue_buckets \
        where (grain, bucket_start, source, currency, status) > ('', '-infinity'::timestamp, '', '', '') \
        order by grain, bucket_start, source, currency, status limit 5000), \
    deleted as (delete from revenue_buckets \
        where ctid = any(array(select ctid from looked_at where source = 'stripe')) and count = 0 and amount = 0 \
        returning 1) \
    select (select count(*) from deleted) || ' ' || ((select count(*) from looked_at) > 0) as answer";

async fn answers(client: &Client) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in RELEASE_BEFORE {
        all.push(texts(client, sql).await);
    }
    all
}

#[tokio::test]
async fn every_sum_comes_over_and_the_release_before_reads_the_same() {
    let database = filled(1_000).await;
    let client = database.client().await;
    client.batch_execute("update sync_state set watermark = now()").await.unwrap();
    let before = (buckets(&client).await, answers(&client).await);
    assert!(before.0.len() > 500 && before.1[0].len() > 100, "{}", before.0.len());
    let grants = "select string_agg(privilege_type || ' ' || grantee, ', ' order by 1) \
                  from information_schema.table_privileges where table_name = 'revenue_buckets' and grantee like '%metrics'";
    let metrics = database.login_of("metrics").user;
    client
        .batch_execute(&format!("grant select on revenue_buckets to \"{metrics}\""))
        .await
        .unwrap();
    let granted: Option<String> = database.scalar(grants).await;
    database.migrate_to(AFTER).await;
    assert_eq!((buckets(&client).await, answers(&client).await), before);
    assert_eq!(database.scalar::<Option<String>>(grants).await, granted);
    assert_eq!(texts(&client, ERASE).await, ["0 true"]);
    // What is written from here on.
    client
        .batch_execute("update payments set amount = 5 where external_id like '%1'")
        .await
        .unwrap();
    assert_eq!(drift(&client).await, Vec::<String>::new());
    let appended = (buckets(&client).await, answers(&client).await);
    assert_ne!(appended, before);
    client.batch_execute("select fold_revenue_deltas(1000000)").await.unwrap();
    assert_eq!((buckets(&client).await, answers(&client).await), appended);
    rebuild(&client).await.unwrap();
    assert_eq!((buckets(&client).await, answers(&client).await), appended);
    let hours = "select count(*) from (select date_trunc('hour', bucket_start), source, currency, sum(collected) \
                     from revenue_sums where grain = 'quarter_hour' group by 1, 2, 3 \
                 except select bucket_start, source, currency, collected from revenue_sums where grain = 'hour') d";
    assert_eq!(database.scalar::<i64>(hours).await, 0);
}

#[tokio::test]
async fn writers_go_on_while_the_migration_waits_for_an_open_transaction() {
    let database = filled(300).await;
    let mut holder = database.client().await;
    let open = holder.transaction().await.unwrap();
    open.batch_execute("update payments set amount = amount + 1 where external_id like '%2'")
        .await
        .unwrap();
    let database = std::sync::Arc::new(database);
    let migrating = tokio::spawn({
        let database = std::sync::Arc::clone(&database);
        async move { database.migrate_to(AFTER).await }
    });
    // Nothing that waits behind the migration waits for the open transaction.
    let writer = database.client().await;
    for round in 0..15 {
        // The release before locks a row in its trigger, which the open transaction holds.
        let sql = format!(
            "insert into payments select source, kind, external_id || '_{round}', amount, currency, 'pending', raw_status, \
                 occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at \
             from payments where status = 'collected' order by source, kind, external_id limit 3; \
             select count(*) from revenue_buckets"
        );
        writer.batch_execute(&sql).await.unwrap();
    }
    assert!(!migrating.is_finished(), "it waits for what it must not miss");
    open.commit().await.unwrap();
    migrating.await.unwrap();
    writer
        .batch_execute("update payments set status = 'collected' where status = 'pending'")
        .await
        .unwrap();
    assert_eq!(drift(&writer).await, Vec::<String>::new());
}
