//! The cost of a query in database pages read. It is the same however long the history is.

use super::events::add_many;
use super::{at, database, noon};
use penstock_domain::ids::oldest_id_at;
use penstock_store::all_statements;
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

/// The plan that Postgres used, and its cost.
pub struct Plan {
    pub text: String,
    /// Pages read, from the cache or from disk.
    pub buffers: u64,
}

/// Runs a statement that reads as the product does, planned for these very values. The cheapest of
/// three runs counts: what other tests change in the catalogs has Postgres look at the roots of
/// indexes again.
pub async fn explain(on: &Client, name: &str, params: &[&(dyn ToSql + Sync)]) -> Plan {
    let statement = all_statements().into_iter().find(|statement| statement.name == name).unwrap();
    let typed: Vec<(&(dyn ToSql + Sync), Type)> =
        params.iter().copied().zip(statement.types.iter().cloned()).collect();
    let sql = format!("explain (analyze, buffers)\n{}", statement.text);
    let mut runs = Vec::new();
    for _ in 0..3 {
        let rows = on.query_typed(&sql, &typed).await.unwrap();
        let lines: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        runs.push(plan(&lines));
    }
    runs.into_iter().min_by_key(|plan| plan.buffers).unwrap()
}

fn plan(lines: &[&str]) -> Plan {
    // The first such line is for the whole plan.
    let line = lines.iter().find(|line| line.trim_start().starts_with("Buffers: shared")).unwrap();
    let pages =
        line.split(' ').filter_map(|word| word.strip_prefix("hit=").or(word.strip_prefix("read=")));
    Plan { text: lines.join("\n"), buffers: pages.map(|pages| pages.parse::<u64>().unwrap()).sum() }
}

/// Reads a page of `limit` events of ada, behind the newest `skipped`; the events are a second
/// apart.
async fn page(on: &Client, skipped: i64, limit: i64) -> Plan {
    let before = noon() - jiff::SignedDuration::from_secs(skipped);
    let (from, bytes) = (at("2016-01-01T00:00:00Z"), 4_000_000_i64);
    explain(on, "events.journey", &[&"ada", &from, &before, &"", &"", &limit, &bytes]).await
}

/// Asserts that the plan reads one range of the index, in its order.
fn assert_is_one_range(plan: &Plan) {
    let text = &plan.text;
    assert!(text.contains("Index Scan using events_journey on events"), "{text}");
    for costly in ["Sort", "Seq Scan", "Bitmap", "Filter: (user"] {
        assert!(!text.contains(costly), "{costly}: {text}");
    }
}

async fn settled(database: &TestDatabase) -> Client {
    let on = database.client().await;
    on.batch_execute("vacuum (analyze) events, outbox").await.unwrap();
    on
}

#[tokio::test]
async fn a_page_looks_at_as_much_of_a_short_history_as_of_a_long_one_wherever_it_is() {
    let database = database().await;
    add_many(&database, "ada", 2_000).await;
    add_many(&database, "bob", 2_000).await;
    let short = page(&settled(&database).await, 500, 100).await;
    database.client().await.batch_execute("truncate events").await.unwrap();
    add_many(&database, "ada", 60_000).await;
    add_many(&database, "bob", 60_000).await;
    let on = settled(&database).await;
    for (skipped, limit, allowed) in
        [(0, 101, 1), (500, 101, 1), (58_000, 101, 1), (30_000, 1_001, 10)]
    {
        let long = page(&on, skipped, limit).await;
        assert_is_one_range(&long);
        // The index may have grown by a level.
        let most = short.buffers * allowed + 3;
        assert!(long.buffers <= most, "{} pages of at most {most}: {}", long.buffers, long.text);
    }
}

/// If the planner estimates few events for a user, it would sort all of that user's events.
#[tokio::test]
async fn statistics_that_know_nothing_of_a_user_do_not_have_all_events_of_that_user_sorted() {
    let database = database().await;
    let on = database.client().await;
    on.batch_execute("alter table events set (autovacuum_enabled = false)").await.unwrap();
    for others in [0_i64, 40_000] {
        let many = "insert into events (event_id, user_id, type, occurred_at, received_at, outbox_id) \
                    select n::text, 'user' || n % 2000, 'click', now() - n * interval '1 s', now(), gen_random_uuid() \
                      from generate_series(1, $1::bigint) n order by md5(n::text)";
        on.execute(many, &[&others]).await.unwrap();
        on.batch_execute("vacuum (analyze) events").await.unwrap();
        add_many(&database, "ada", 20_000).await;
        for (skipped, limit) in [(0, 101), (10_000, 101), (0, 1_001), (10_000, 1_001)] {
            assert_is_one_range(&page(&on, skipped, limit).await);
        }
        on.batch_execute("truncate events").await.unwrap();
    }
}

/// Adds outbox rows, a second apart, the last at noon. The newest `pending` of them are pending.
async fn arrived(on: &Client, count: i64, pending: i64) {
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                   status, next_attempt_at, received_at) \
               select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000' \
                       || lpad(to_hex(n), 12, '0'))::uuid, \
                      'stripe', 'charge', n::text, '1', at, '', 'application/json', \
                      case when n < $3 then 'pending' else 'processed' end, at, at \
                 from generate_series(0, $2::bigint - 1) n, lateral (select $1::timestamptz - n * interval '1 s' as at) t";
    on.execute(sql, &[&noon(), &count, &pending]).await.unwrap();
}

#[tokio::test]
async fn stats_look_at_the_backlog_and_at_what_came_last_and_not_at_the_history() {
    let mut pages = Vec::new();
    for history in [2_000, 60_000] {
        let database = database().await;
        arrived(&database.client().await, history, 50).await;
        let on = settled(&database).await;
        let waiting = explain(&on, "outbox.count_pending", &[&10_000_i64]).await;
        let since = [60, 300].map(|s| oldest_id_at(noon() - jiff::SignedDuration::from_secs(s)));
        let windows = [60_i64, 300];
        let params: [&(dyn ToSql + Sync); 3] = [&since[1], &since.as_slice(), &windows.as_slice()];
        let recent = explain(&on, "outbox.count_recent", &params).await;
        for plan in [&waiting, &recent] {
            // A leaf without rows may be read as a whole.
            let mut walked = plan.text.lines().filter(|line| line.contains("Seq Scan on outbox"));
            assert!(walked.all(|line| line.contains("cost=0.00..0.00 ")), "{}", plan.text);
        }
        pages.push((waiting.buffers, recent.buffers));
    }
    let [short, long] = pages.as_slice() else { panic!("two sizes") };
    assert!(long.0 <= short.0 + 3 && long.1 <= short.1 + 3, "{short:?} and {long:?} pages");
}

#[tokio::test]
async fn a_backlog_is_counted_only_so_far() {
    let database = database().await;
    arrived(&database.client().await, 20_000, 20_000).await;
    let on = settled(&database).await;
    let plan = explain(&on, "outbox.count_pending", &[&100_i64]).await;
    assert!(plan.text.contains("Merge Append"), "{}", plan.text);
    assert!(plan.buffers < 120, "{}", plan.text);
}
