//! A filled database of the release before the connections comes over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use penstock_testkit::TestDatabase;
use penstock_testkit::filled::{drift, fill, rows_of, tables_of_connections};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::outbox_move::watch;

/// The schemas before and after connections.
const BEFORE: i32 = 20;
const AFTER: i32 = 24;

/// No lock is waited for longer.
const LIMIT: Duration = Duration::from_secs(1);

/// The waits for locks of this database, of any kind.
const OF_ANYTHING: &str =
    "l.pid in (select pid from pg_stat_activity where datname = current_database())";

const SOURCES: [&str; 3] = ["stripe", "hubspot", "gcal"];

/// A database of the release before, with rows of each source.
async fn filled(rows: u32) -> TestDatabase {
    let database = TestDatabase::of_version(BEFORE).await;
    let client = database.client().await;
    for source in SOURCES {
        fill(&client, source, rows).await;
    }
    database
}

/// Tables with all that tells whether they were rewritten: their files, and where each row is, with
/// the transaction that wrote it. Columns that were added do not count.
async fn places(client: &Client) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for table in tables_of_connections(client).await {
        let sql = format!(
            "select concat_ws(' ', pg_relation_filenode('{table}'), count(*), \
                              md5(string_agg(t.ctid::text || t.xmin::text, ',' order by t.ctid))) \
             from {table} t"
        );
        all.insert(table, client.query_one(&sql, &[]).await.unwrap().get(0));
    }
    let indexes = "select indexrelid::regclass::text, pg_relation_filenode(indexrelid)::text from pg_index i \
                   join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace \
                     and c.relname not in ('connections', 'migration_lock', 'refinery_schema_history')";
    for row in client.query(indexes, &[]).await.unwrap() {
        all.insert(row.get(0), row.get(1));
    }
    all
}

/// All figures that questions are answered from: the sums of each grain, and the counts of what is
/// not counted, unreadable, dead or not ours.
async fn figures(client: &Client) -> Vec<String> {
    let sql = "select format('%s %s %s %s %s: %s of %s', grain, bucket_start, source, currency, status, amount, count) \
               from revenue_buckets \
               union all select format('%s %s %s: %s of %s', source, kind, status, sum(amount), count(*)) \
                         from payments group by source, kind, status \
               union all select format('%s %s: %s', source, reason, count(*)) from not_ours group by source, reason \
               union all select format('%s %s %s: %s', source, mode, status, count(*)) \
                         from sync_runs group by source, mode, status \
               union all select format('%s %s: %s', source, status, count(*)) from outbox group by source, status \
               order by 1";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_filled_database_comes_over_with_no_row_rewritten_and_every_figure_the_same() {
    let database = filled(3_000).await;
    let client = database.client().await;
    let before = (places(&client).await, figures(&client).await);
    assert!(before.0.len() > 30 && before.1.len() > 1_000, "{} {}", before.0.len(), before.1.len());
    database.migrate_to(AFTER).await;
    let (moved, figures) = (places(&client).await, figures(&client).await);
    for (name, place) in &before.0 {
        assert_eq!(moved.get(name), Some(place), "{name} was rewritten");
    }
    assert_eq!(figures, before.1);
    assert_eq!(drift(&client).await, Vec::<String>::new());
    // Each source is the connection of its name, without a row.
    assert_eq!(database.scalar::<i64>("select count(*) from connections").await, 0);
    for source in SOURCES {
        let of = format!("select connections_of('{source}', null) = array['{source}']");
        assert!(database.scalar::<bool>(&of).await);
    }
}

/// Has read and written rows of these tables, and keeps its transaction open.
const OPEN: &str = "begin; \
    select count(*) from outbox; update outbox set attempts = attempts where external_id like 'x\\_%1'; \
    select count(*) from payments; update payments set updated_at = now() where external_id like 'x\\_%1'; \
    select count(*) from contacts; update contacts set phone = '1' where external_id like 'x\\_%1'; \
    select count(*) from calendar_events; update calendar_events set summary = 's' where external_id like 'x\\_%1'; \
    select count(*) from revenue_buckets; select count(*) from dead_letters; select count(*) from not_ours; \
    update sync_runs set pages = pages + 1 where mode = 'full'; \
    update refetch_requests set tries = tries where external_id like 'x\\_%3'; \
    select count(*) from leads; select count(*) from events";

/// Commits small writes to all these tables, one after the other, until told to stop.
async fn write(client: Client, stop: Arc<AtomicBool>) {
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let sql = format!(
            "update outbox set attempts = attempts where external_id = 'x_{0}'; \
             update payments set amount = amount + 1, updated_at = now() where external_id = 'x_{0}'; \
             update sync_runs set pages = pages + 1 where entity = 'refund' and mode = 'incremental'; \
             update sync_state set updated_at = now() where entity = 'refund'; \
             select * from run_stands limit 1",
            // None that the open transaction holds.
            2 + round % 500 * 10
        );
        client.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn the_migration_waits_for_no_open_transaction_and_nobody_waits_a_second_for_it() {
    let database = filled(6_000).await;
    let holder = database.client().await;
    holder.batch_execute(OPEN).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(database.client().await, Arc::clone(&stop)));
    let watching = watch(database.client().await, OF_ANYTHING, Arc::clone(&stop));
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The transaction stays open: who waits for it waits for ever.
    let migrated = timeout(Duration::from_secs(60), database.migrate_to(AFTER)).await;
    stop.store(true, Ordering::SeqCst);
    assert!(migrated.is_ok(), "the migration still waits for the open transaction");
    writing.await.unwrap();
    let waited = watching.await.unwrap();
    assert!(waited < LIMIT, "somebody waited {waited:?} for a lock");
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(drift(&database.client().await).await, Vec::<String>::new());
}

/// The statements by which the release before stores, claims and writes, as its functions have
/// them.
const RELEASE_BEFORE: &str = "\
    select id from insert_into_outbox('stripe', 'application/json', null, null, null, null::uuid, now(), now(), \
        array[gen_random_uuid()], array['charge'], array['old_18'], array['v_1'], array[now()], array['2024'], \
        array['{}'::bytea]) as id; \
    select id from insert_into_outbox('stripe', 'application/json', null::uuid, now(), now(), \
        array[gen_random_uuid()], array['charge'], array['old_9'], array['v_1'], array[now()], array['2024'], \
        array['{}'::bytea]) as id; \
    with free as (select id, source from outbox where external_id in ('old_18', 'old_9') and status = 'pending' \
                  for update skip locked) \
    update outbox o set status = 'processed', processed_at = now() from free \
    left join vendor_accounts a on a.source = free.source where o.id = free.id \
    returning o.id, a.livemode, a.currency; \
    insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, \
                          native, version_rank, content_hash, raw, outbox_id, updated_at) \
    select source, 'charge', external_id, 100, 'USD', 'collected', 'r', '2031-05-05', now(), true, 0, 0, '', id, now() \
    from outbox where external_id in ('old_18', 'old_9'); \
    insert into sync_state as s (source, entity, mode, lease_until, fence, updated_at) \
    values ('stripe', 'charge', 'incremental', now(), 1, now()) \
    on conflict (source, entity, mode) do update set fence = s.fence + 1; \
    insert into vendor_accounts as v (source, livemode, currency, unknown, asked_at) \
    values ('stripe', true, 'USD', null, now()) on conflict (source) do update set asked_at = excluded.asked_at; \
    insert into refetch_requests (source, entity, external_id, pushed, requested_at, next_send_at) \
    values ('stripe', 'charge', 'old_9', true, now(), now()) on conflict (source, entity, external_id) do nothing";

#[tokio::test]
async fn the_release_before_goes_on_writing_and_its_rows_are_those_of_the_first_connections() {
    let database = filled(100).await;
    database.migrate_to(AFTER).await;
    let client = database.client().await;
    let made = "insert into connections (name, source, state, made_at, changed_at) \
                values ('stripe-eu', 'stripe', 'active', now(), now())";
    client.batch_execute(made).await.unwrap();
    fill(&client, "stripe-eu", 100).await;
    let others = rows_of(&client, "stripe-eu").await;
    client.batch_execute(RELEASE_BEFORE).await.unwrap();
    let sum = "select amount::bigint from revenue_buckets where grain = 'day' and bucket_start = '2031-05-05' \
               and source = any(connections_of('stripe', null))";
    assert_eq!(database.scalar::<i64>(sum).await, 200);
    assert_eq!(rows_of(&client, "stripe-eu").await, others);
    assert_eq!(drift(&client).await, Vec::<String>::new());
}
