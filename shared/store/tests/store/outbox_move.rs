//! A filled outbox of the release before becomes one of leaves while functions go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use penstock_store::migrations::migrate;
use penstock_testkit::TestDatabase;
use penstock_testkit::filled::fill;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// The schema before the outbox had leaves.
const BEFORE: i32 = 24;

/// No lock is waited for longer.
const LIMIT: Duration = Duration::from_secs(1);

/// Two hundred thousand rows if PENSTOCK_FULL is 1.
#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
fn rows() -> u32 {
    if std::env::var("PENSTOCK_FULL").as_deref() == Ok("1") { 200_000 } else { 4_000 }
}

/// As the release before stores a page.
const STORE: &str = "select id from insert_into_outbox('stripe', 'application/json', null, null, null, null::uuid, now(), \
    now(), $1::uuid[], array_fill('charge'::text, array[10]), (select array_agg(i::text) from unnest($1::uuid[]) i), \
    array_fill('evt_1'::text, array[10]), array_fill(now() - interval '1 minute', array[10]), \
    array_fill('2024'::text, array[10]), array_fill('{}'::bytea, array[10])) as id";

/// As the release before claims.
const CLAIM: &str = "with free as (select id, source from outbox where id = any($1::uuid[]) and status = 'pending' \
                                   for update skip locked) \
    update outbox o set status = 'processed', processed_at = now() from free where o.id = free.id returning o.id";

const IDS: &str = "select array_agg(overlay(gen_random_uuid()::text placing left(lpad(to_hex((extract(epoch from \
    clock_timestamp()) * 1000)::bigint), 12, '0'), 8) || '-' || right(lpad(to_hex((extract(epoch from \
    clock_timestamp()) * 1000)::bigint), 12, '0'), 4) || '-7' from 1 for 15)::uuid) from generate_series(1, 10)";

/// Stores rows and claims them until told to stop. Returns the ids that were stored and those that
/// were claimed.
fn work(client: Client, stop: Arc<AtomicBool>) -> JoinHandle<(Vec<uuid::Uuid>, Vec<uuid::Uuid>)> {
    tokio::spawn(async move {
        let (mut stored, mut claimed) = (Vec::new(), Vec::new());
        while !stop.load(Ordering::SeqCst) {
            let ids: Vec<uuid::Uuid> = client.query_one(IDS, &[]).await.unwrap().get(0);
            for (sql, into) in [(STORE, &mut stored), (CLAIM, &mut claimed)] {
                let rows = client.query(sql, &[&ids]).await.unwrap();
                into.extend(rows.iter().map(|row| row.get::<_, uuid::Uuid>(0)));
            }
        }
        (stored, claimed)
    })
}

/// The waits for locks of the outbox.
const OF_THE_OUTBOX: &str = "l.relation in (select oid from pg_class where relname like 'outbox%') \
    and l.database = (select oid from pg_database where datname = current_database())";

/// Looks for waits for locks that are `of` something, until told to stop. Returns the longest, less
/// the time since the look before: a machine that is too busy to look has not let the holder go on.
pub fn watch(client: Client, of: &str, stop: Arc<AtomicBool>) -> JoinHandle<Duration> {
    let sql = format!(
        "select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart) * 1000000), 0)::bigint \
         from pg_locks l where not l.granted and {of}"
    );
    tokio::spawn(async move {
        let (mut longest, mut looked_at) = (Duration::ZERO, Instant::now());
        while !stop.load(Ordering::SeqCst) {
            let waits: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
            let waits = Duration::from_micros(waits.unsigned_abs());
            longest = longest.max(waits.saturating_sub(looked_at.elapsed()));
            looked_at = Instant::now();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        longest
    })
}

/// The files of the table and its indexes, and where each row is.
async fn places(client: &Client, table: &str) -> String {
    let sql = format!(
        "select concat_ws(' ', pg_relation_filenode('{table}'), \
             (select string_agg(pg_relation_filenode(indexrelid)::text, ' ' order by indexrelid) from pg_index \
              where indrelid = '{table}'::regclass and indexrelid::regclass::text !~ '_tx_'), \
             (select md5(string_agg(ctid::text || xmin::text, ',' order by ctid)) from {table} where external_id like 'x\\_%'))"
    );
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

/// Returns the rights of each login on the outbox, by table and by column.
async fn grants(client: &Client) -> BTreeSet<String> {
    let sql = "select format('%s %s', grantee, privilege_type) from information_schema.table_privileges \
               where table_name = 'outbox' and grantee like 'penstock%' \
               union select format('%s %s %s', grantee, column_name, privilege_type) \
               from information_schema.column_privileges where table_name = 'outbox' and grantee like 'penstock%'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures of the move")]
async fn a_filled_outbox_becomes_one_of_leaves_while_functions_store_and_claim() {
    // Its roles are there for the grants.
    let migrated = TestDatabase::new().await;
    drop(migrated.database_of("process", 1).connection().await.unwrap());
    let database = TestDatabase::of_version(BEFORE).await;
    let client = database.client().await;
    fill(&client, "stripe", rows()).await;
    let role = database.login_of("process").user;
    let granted = format!(
        "grant select, update on outbox to {role}; grant insert (id), select (source) on outbox to {}",
        database.login_of("ingest").user
    );
    client.batch_execute(&granted).await.unwrap();
    let before = (places(&client, "outbox").await, grants(&client).await);
    assert!(before.1.len() > 20, "{:?}", before.1);

    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = [database.client().await, database.client().await]
        .map(|client| work(client, Arc::clone(&stop)))
        .into();
    let watching = watch(database.client().await, OF_THE_OUTBOX, Arc::clone(&stop));
    let begun = Instant::now();
    migrate(&database.database(2)).await.unwrap();
    let took = begun.elapsed();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::SeqCst);
    let waited = watching.await.unwrap();
    println!("moved {} rows in {took:?}; longest wait for a lock {waited:?}", rows());
    assert!(waited < LIMIT, "{waited:?}");

    assert_eq!(places(&client, "outbox_before").await, before.0, "no row moved");
    assert!(grants(&client).await.is_superset(&before.1), "no function is refused meanwhile");
    let mut stored = Vec::new();
    for worker in workers {
        let (own, mut claimed) = worker.await.unwrap();
        claimed.sort_unstable();
        claimed.dedup();
        assert!(own.len() > 10 && claimed.len() == own.len(), "each is claimed once");
        stored.extend(own);
    }
    let known = "select count(*) from outbox where id = any($1) and status = 'processed'";
    let known: i64 = client.query_one(known, &[&stored]).await.unwrap().get(0);
    assert_eq!(usize::try_from(known).unwrap(), stored.len());
    let all = database.scalar::<i64>("select count(*) from outbox").await;
    assert_eq!(all, i64::from(rows()) + known, "nothing is lost, and nothing is there twice");
    let ahead = "select make_outbox_leaves(now(), 7)";
    assert_eq!(database.scalar::<i32>(ahead).await, 7);
}
