//! A hundred days pass: the outbox stays as large as it is after its retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use penstock_domain::clock::Clock;
use penstock_domain::ids::OutboxId;
use penstock_edge::config;
use penstock_store::{begin, commit, outbox};
use penstock_tests::test_app::TestApp;
use tokio_postgres::Client;

use super::{DAY, app_by_day};

/// Whether all of it is done: PENSTOCK_FULL is 1.
fn is_full() -> bool {
    config::from_process().given("PENSTOCK_FULL") == Some("1")
}

/// Stores a day's rows, `rows` of them, as many a statement as a full page has.
const STORE: &str = "select count(*) from generate_series(1, $1::bigint / 100) page, lateral ( \
    select insert_into_outbox('stripe', 'application/json', null, null, null, null::uuid, $2, $2, \
        array_agg(overlay(gen_random_uuid()::text placing left(outbox_id_at($2)::text, 13) || '-7' from 1 for 15)::uuid), \
        array_agg('charge'::text), array_agg('ch_' || page || '_' || n), array_agg('evt_' || $3 || '_' || page || '_' || n), \
        array_agg($2 - interval '1 minute'), array_agg('v'::text), array_agg(decode(repeat('61', 200), 'hex'))) \
    from generate_series(1, 100) n group by page) stored";

/// Claims all that is pending, 500 rows a transaction. Returns how many a second.
async fn claim(app: &TestApp, client: &Client) -> u128 {
    let database = app.db.database_of("process", 1);
    let pending = "select id from outbox where status = 'pending' and id >= outbox_id_at($1)";
    let since = app.clock.now() - DAY;
    let rows = client.query(pending, &[&since]).await.unwrap();
    let ids: Vec<OutboxId> = rows.iter().map(|row| OutboxId(row.get(0))).collect();
    let begun = Instant::now();
    for part in ids.chunks(500) {
        let mut connection = database.connection().await.unwrap();
        let tx = begin(&mut connection).await.unwrap();
        let claimed = outbox::claim(&tx, part, app.clock.now()).await.unwrap();
        assert_eq!(claimed.read().unwrap().len(), part.len());
        commit(tx).await.unwrap();
    }
    ids.len() as u128 * 1_000_000 / begun.elapsed().as_micros().max(1)
}

/// Pages of all leaves, their indexes and their TOAST tables.
async fn size(client: &Client) -> i64 {
    let sql = "select sum(pg_total_relation_size(format('%I', name)::regclass))::bigint from outbox_leaves";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Looks for waits for locks of the outbox until told to stop. Returns the longest.
async fn longest_wait(client: Client, stop: Arc<AtomicBool>) -> Duration {
    let sql = "select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart) * 1000000), 0)::bigint \
               from pg_locks l join pg_class c on c.oid = l.relation \
               where not l.granted and c.relname like 'outbox%' and l.database = \
                     (select oid from pg_database where datname = current_database())";
    let mut longest = 0_i64;
    while !stop.load(Ordering::SeqCst) {
        longest = longest.max(client.query_one(sql, &[]).await.unwrap().get(0));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Duration::from_micros(longest.unsigned_abs())
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures of the hundred days")]
async fn a_hundred_days_leave_the_outbox_as_large_as_its_retention() {
    // Fifty days are enough to see leaves come and go for two weeks.
    let (days, rows): (i64, i64) = if is_full() { (100, 100_000) } else { (50, 200) };
    let app = app_by_day(560, &[]).await;
    let client = app.db.client().await;
    let stop = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(longest_wait(app.db.client().await, Arc::clone(&stop)));
    let (mut sizes, mut rates) = (Vec::new(), Vec::new());
    for day in 0..days {
        let now = app.clock.now();
        client.query(STORE, &[&rows, &now, &day.to_string()]).await.unwrap();
        rates.push(claim(&app, &client).await);
        app.clock.advance(DAY);
        // Rows come and are processed while leaves come and go.
        let now = app.clock.now();
        let more = format!("{day}_beside");
        let (deadline, one_page) = (app.relay_deadline(), 100_i64);
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&one_page, &now, &more];
        let (stored, round) =
            tokio::join!(client.query(STORE, &params), app.relay.run_once(deadline));
        stored.unwrap();
        round.unwrap();
        claim(&app, &client).await;
        app.tickets.take();
        sizes.push(size(&client).await);
    }
    stop.store(true, Ordering::SeqCst);
    let waited = watching.await.unwrap();
    let (settled, last) = (sizes[36], sizes[sizes.len() - 1]);
    let leaves: i64 = app.db.scalar("select count(*) from outbox_leaves").await;
    let mean = |days: &[u128]| days.iter().sum::<u128>() / days.len() as u128;
    let (first_rate, last_rate) = (mean(&rates[1..6]), mean(&rates[rates.len() - 5..]));
    println!(
        "outbox of {rows} rows a day: {settled} bytes on day 36, {last} on day {days}, {leaves} leaves; \
         {first_rate} claims a second on the first days, {last_rate} on the last; \
         longest wait for a lock {waited:?}"
    );
    assert!(leaves <= 36 + 9, "{leaves}");
    assert!(last <= settled + settled / 20, "{settled} bytes on day 36, {last} at last");
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from outbox where status <> 'processed'").await,
        0
    );
    if is_full() {
        assert!(100 * last_rate >= 95 * first_rate, "{first_rate} and {last_rate} claims a second");
        assert!(waited <= Duration::from_millis(50), "{waited:?}");
    }
}
