//! Rows of connections in every table, without the functions that write them.

use tokio_postgres::Client;

/// Each letter's attempt, for a database of this release: older schemas have no such table.
pub const ATTEMPTS: &str = "
    insert into failed_attempts
    select outbox_id, created_at, source, entity, external_id, attempts, true, error_kind, error, error
    from dead_letters where outbox_id is not null;
    analyze failed_attempts";

/// The tables that hold rows of connections without a column that names the connection, each with
/// the condition of one.
const HANGING: [(&str, &str); 2] = [
    ("reconciliations", "run_id in (select id from sync_runs where source = $1)"),
    ("reconciled_days", "run_id in (select id from sync_runs where source = $1)"),
];

/// Writes `rows` objects of each kind as those of the connection `source`, with all that belongs to
/// them. Two connections get the same ids.
///
/// # Panics
///
/// If Postgres refuses a row.
pub async fn fill(client: &Client, source: &str, rows: u32) {
    let sql =
        include_str!("filled.sql").replace("{source}", source).replace("{rows}", &rows.to_string());
    client.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{source}: {e:?}"));
}

/// Returns the tables that have a column with names of connections. `connections` itself is none of
/// them.
///
/// # Panics
///
/// If Postgres does not answer.
pub async fn tables_of_connections(client: &Client) -> Vec<String> {
    let sql = "select distinct c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid \
               where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace \
                 and a.attname in ('source', 'connection') and not a.attisdropped and c.relname <> 'connections' \
               order by 1";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Counts the rows of a connection, table by table, also of those that hang on its runs. Tables
/// without any are left out.
///
/// # Panics
///
/// If Postgres does not answer.
pub async fn rows_of(client: &Client, source: &str) -> Vec<(String, i64)> {
    let named = tables_of_connections(client).await.into_iter();
    let mut conditions: Vec<_> = named.map(|table| (table, "source = $1")).collect();
    conditions.extend(HANGING.map(|(table, of)| (table.to_owned(), of)));
    let mut counts = Vec::new();
    for (table, condition) in conditions {
        let sql = format!("select count(*) from {table} where {condition}");
        let count: i64 = client.query_one(&sql, &[&source]).await.unwrap().get(0);
        if count > 0 {
            counts.push((table, count));
        }
    }
    counts
}

/// Returns how the sums differ from the payments: nothing, if all is well.
///
/// # Panics
///
/// If Postgres does not answer.
pub async fn drift(client: &Client) -> Vec<String> {
    // One statement, so one snapshot.
    let sql = "with counted as ( \
                   select p.source, p.currency, p.status, sum(p.amount) as amount, count(*) as count \
                   from payments p where p.status in ('collected', 'refunded', 'disputed') group by 1, 2, 3), \
               kept as ( \
                   select grain, source, currency, status, sum(amount) as amount, sum(count)::bigint as count \
                   from revenue_buckets group by 1, 2, 3, 4 having sum(count) <> 0 or sum(amount) <> 0) \
               select format('%s: %s <> %s', g.grain, c::text, k::text) \
               from (values ('day'), ('quarter_hour')) as g (grain) \
               cross join (select source, currency, status from counted \
                           union select source, currency, status from kept) every \
               left join counted c using (source, currency, status) \
               left join kept k on k.grain = g.grain and (k.source, k.currency, k.status) \
                                                       = (every.source, every.currency, every.status) \
               where (c.amount, c.count) is distinct from (k.amount, k.count)";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
