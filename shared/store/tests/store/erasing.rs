//! The erasing of connections, table by table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::connection::State;
use penstock_store::connections::erasing::{self, Table, Unfinished};
use penstock_store::{Connection, Sql, all_statements};
use penstock_testkit::TestDatabase;
use penstock_testkit::filled::{ATTEMPTS, drift, fill, rows_of, tables_of_connections};
use tokio::sync::Semaphore;
use tokio_postgres::Client;

const ALL: [&[Table]; 2] = [&Table::INDEXED, &Table::SEARCHED];

fn tables() -> impl Iterator<Item = Table> {
    ALL.into_iter().flatten().copied()
}

/// A database in which two connections have the same ids, of which `stripe-eu` is being erased.
async fn erasing(rows: u32) -> TestDatabase {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    for name in ["stripe-eu", "stripe"] {
        fill(&client, name, rows).await;
    }
    put(&client, "stripe-eu", "erasing").await;
    client.batch_execute(FOLD).await.unwrap();
    client.batch_execute("analyze").await.unwrap();
    database
}

/// Moves all deltas into the sums.
const FOLD: &str = "select fold_revenue_deltas(1000000)";

async fn put(client: &Client, name: &str, state: &str) {
    let sql = "insert into connections (name, source, settings, key_secret, state, made_at, changed_at) \
               values ($1, 'stripe', '{\"livemode\":\"true\"}', 'a/key', $2, '2026-03-01', '2026-03-01') \
               on conflict (name) do update set state = excluded.state";
    client.execute(sql, &[&name, &state]).await.unwrap();
}

/// Takes steps of `limit` rows until no table has more, and looks at the database after each.
async fn erase_all(on: &mut Connection, limit: i64, mut after_each: impl AsyncFnMut(Table)) -> u64 {
    let mut rows = 0;
    for table in tables() {
        let mut position = Some(table.beginning());
        while let Some(after) = position {
            let step = erasing::step(on, "stripe-eu", table, &after, limit).await.unwrap().unwrap();
            rows += step.rows;
            position = step.next;
            after_each(table).await;
        }
    }
    rows
}

#[tokio::test]
async fn every_table_with_rows_of_connections_is_erased() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let erased: BTreeSet<&str> = tables().flat_map(Table::names).copied().collect();
    for table in tables_of_connections(&client).await {
        assert!(erased.contains(table.as_str()), "{table} is not in connections::erasing::Table");
    }
    // Rows that hang on a run have no other way to their connection.
    let hanging = "select relname::text from pg_class c where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace \
                   and exists (select from pg_attribute where attrelid = c.oid and attname in ('run_id', 'outbox_id')) \
                   and relname not in ('leads', 'events', 'idempotency_keys')";
    for row in client.query(hanging, &[]).await.unwrap() {
        assert!(erased.contains(row.get::<_, &str>(0)), "{}", row.get::<_, &str>(0));
    }
    // The rows of the tests are in all of them. Those of smoke tests name no connection.
    let erased: BTreeSet<&str> =
        erased.into_iter().filter(|table| !["leads", "events"].contains(table)).collect();
    fill(&client, "stripe-eu", 100).await;
    client.batch_execute(FOLD).await.unwrap();
    // The release before has no such tables.
    let newer = "update payments set amount = amount + 1; \
                 insert into circuits values ('stripe-eu', 1, now(), now(), 'status 500'); \
                 insert into strange_accounts values ('stripe-eu', 'acct_1', 1, now(), now()); \
                 insert into failed_attempts \
                 values (gen_random_uuid(), now(), 'stripe-eu', 'charge', 'ch_1', 1, true, 'invalid', 'it is odd', 'it is odd')";
    client.batch_execute(newer).await.unwrap();
    let filled: BTreeSet<String> =
        rows_of(&client, "stripe-eu").await.into_iter().map(|(table, _)| table).collect();
    assert_eq!(filled, erased.into_iter().map(str::to_owned).collect());
}

#[tokio::test]
async fn all_rows_of_the_connection_go_in_short_steps_and_no_row_of_another() {
    let database = erasing(1_000).await;
    let client = database.client().await;
    let (own, others) = (rows_of(&client, "stripe-eu").await, rows_of(&client, "stripe").await);
    let all: i64 = own.iter().map(|(_, rows)| rows).sum();
    assert!(all > 6_000, "{own:?}");
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    let mut steps = 0;
    erase_all(&mut connection, 50, async |table| {
        steps += 1;
        assert_eq!(drift(&client).await, Vec::<String>::new(), "after a step of {}", table.name());
    })
    .await;
    assert!(steps > 100, "{steps} steps");
    assert_eq!(rows_of(&client, "stripe-eu").await, []);
    assert_eq!(rows_of(&client, "stripe").await, others);
    // Again it finds nothing.
    assert_eq!(erase_all(&mut connection, 1_000, async |_| {}).await, 0);
}

/// Writes a lead and two events of a person, as `process` does, with their rows in the outbox.
async fn send(client: &Client, person: &str) {
    let sql = "with lead as (select gen_random_uuid() as id), \
                    event as (select gen_random_uuid() as id, n from generate_series(1, 2) n), \
                    sent as (insert into outbox (id, source, entity, external_id, version_key, version_at, payload, \
                                                 content_type, status, next_attempt_at, received_at, processed_at) \
                             select id, 'leads', 'lead', id::text, '1', now(), ''::bytea, 'a', 'processed', now(), now(), now() \
                             from lead union all \
                             select id, 'events', 'event', id::text, '1', now(), ''::bytea, 'a', 'processed', now(), now(), now() \
                             from event), \
                    leads as (insert into leads (id, state, email, content_type, body, received_at, outbox_id) \
                              select id, 'accepted', $1, 'a', '', now(), id from lead) \
               insert into events (event_id, user_id, type, occurred_at, received_at, outbox_id) \
               select id::text, $1, 'a', now(), now(), id from event";
    client.execute(sql, &[&person]).await.unwrap();
}

#[tokio::test]
async fn what_a_smoke_test_sent_as_the_connections_own_person_goes_with_it_and_nobody_elses() {
    let database = erasing(1).await;
    let client = database.client().await;
    for person in ["stripe-eu@smoke.invalid", "stripe-eu@smoke.example", "stripe@smoke.invalid"] {
        send(&client, person).await;
    }
    let left = "select format('%s %s %s %s', \
                (select string_agg(email, ' ' order by email) from leads), \
                (select string_agg(user_id, ' ' order by user_id) from events), \
                (select count(*) from outbox where source = 'leads'), (select count(*) from outbox where source = 'events'))";
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    // One a step.
    erase_all(&mut connection, 1, async |_| {}).await;
    let (a, b) = ("stripe-eu@smoke.example", "stripe@smoke.invalid");
    let others = format!("{a} {b} {a} {a} {b} {b} 2 4");
    assert_eq!(database.scalar::<String>(left).await, others);
    // What had waited in a queue until it was erased is found as well.
    put(&client, "stripe-eu", "erased").await;
    assert_eq!(erasing::late(&connection, 10).await.unwrap(), []);
    send(&client, "stripe-eu@smoke.invalid").await;
    assert_eq!(erasing::late(&connection, 10).await.unwrap().len(), 1);
    erase_all(&mut connection, 10, async |_| {}).await;
    assert_eq!(erasing::late(&connection, 10).await.unwrap(), []);
    assert_eq!(database.scalar::<String>(left).await, others);
}

#[tokio::test]
async fn the_person_of_a_smoke_test_is_found_by_an_index_among_all_leads_and_events() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let many = "insert into leads (id, state, email, content_type, body, received_at, outbox_id) \
                select gen_random_uuid(), 'accepted', n || '@example.com', 'a', '', now(), gen_random_uuid() \
                from generate_series(1, 5000) n; \
                insert into events (event_id, user_id, type, occurred_at, received_at, outbox_id) \
                select n::text, n::text, 'a', now(), now(), gen_random_uuid() from generate_series(1, 5000) n; \
                analyze leads; analyze events";
    client.batch_execute(many).await.unwrap();
    for (name, index) in [
        ("leads.erase_smoke", "leads_email"),
        ("events.erase_smoke", "events_journey"),
        ("connections.come_late", "leads_email"),
        ("connections.come_late", "events_journey"),
    ] {
        let sql = all_statements().into_iter().find(|sql| sql.name == name).unwrap();
        let plan = plan(&client, sql).await;
        assert!(plan.contains(index), "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn the_sums_are_right_at_every_moment_while_other_connections_write() {
    let database = erasing(1_000).await;
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    let writer = database.client().await;
    // One write a step: a writer without a pause leaves more to be added up than anyone reads.
    let steps = Arc::new(Semaphore::new(1));
    let paced = Arc::clone(&steps);
    let writing = tokio::spawn(async move {
        for round in 0_u32.. {
            paced.acquire().await.unwrap().forget();
            let sql = format!(
                "update payments set amount = amount + 1, status = 'collected' \
                 where source = 'stripe' and external_id like 'x\\_%{}'; \
                 insert into payments select 'stripe', kind, external_id || '_{round}', amount, currency, status, raw_status, \
                     occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at \
                 from payments where source = 'stripe' limit 5",
                round % 10
            );
            writer.batch_execute(&sql).await.unwrap();
        }
    });
    let reader = database.client().await;
    let reading = tokio::spawn(async move {
        let mut samples = 0;
        loop {
            assert_eq!(drift(&reader).await, Vec::<String>::new());
            samples += 1;
            if samples == 20 {
                return;
            }
        }
    });
    erase_all(&mut connection, 20, async |_| steps.add_permits(1)).await;
    reading.await.unwrap();
    writing.abort();
    let client = database.client().await;
    assert_eq!(drift(&client).await, Vec::<String>::new());
    assert_eq!(rows_of(&client, "stripe-eu").await, []);
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_left_for_the_next_round_and_not_waited_for() {
    let database = erasing(100).await;
    let mut holder = database.client().await;
    let held = holder.transaction().await.unwrap();
    for table in ["outbox", "payments", "contacts", "calendar_events", "refetch_requests"] {
        let sql = format!(
            "select from {table} where source = 'stripe-eu' order by external_id limit 1 for update"
        );
        held.execute(&sql, &[]).await.unwrap();
    }
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    let round = erase_all(&mut connection, 10, async |_| {});
    tokio::time::timeout(Duration::from_secs(60), round).await.unwrap();
    let client = database.client().await;
    let left = rows_of(&client, "stripe-eu").await;
    let of = |table: &str| left.iter().find(|(of, _)| of == table).map(|(_, rows)| *rows);
    assert_eq!((of("outbox"), of("payments"), of("contacts")), (Some(1), Some(1), Some(1)));
    held.rollback().await.unwrap();
    erase_all(&mut connection, 10, async |_| {}).await;
    assert_eq!(rows_of(&client, "stripe-eu").await, []);
}

#[tokio::test]
async fn nothing_is_deleted_of_a_connection_that_is_in_use_again() {
    let database = erasing(50).await;
    let client = database.client().await;
    let before = rows_of(&client, "stripe-eu").await;
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    for state in ["active", "paused", "removed"] {
        put(&client, "stripe-eu", state).await;
        for table in tables() {
            let after = table.beginning();
            let step = erasing::step(&mut connection, "stripe-eu", table, &after, 10).await;
            assert_eq!(step.unwrap(), None, "{state}");
        }
        assert_eq!(erasing::unfinished(&connection, 10).await.unwrap(), []);
        assert_eq!(erasing::late(&connection, 10).await.unwrap(), []);
    }
    assert_eq!(rows_of(&client, "stripe-eu").await, before);
}

#[tokio::test]
async fn trap_95_rows_that_come_after_a_connection_is_erased_are_found_in_any_table() {
    let database = erasing(10).await;
    let client = database.client().await;
    let mut connection = database.database_of("relay", 1).connection().await.unwrap();
    erase_all(&mut connection, 1_000, async |_| {}).await;
    put(&client, "stripe-eu", "erased").await;
    assert_eq!(erasing::late(&connection, 10).await.unwrap(), []);
    for table in [
        "outbox",
        "payments",
        "contacts",
        "calendar_events",
        "refetch_requests",
        "not_ours",
        "sync_runs",
        "sync_state",
    ] {
        let columns: String = database
            .scalar(&format!(
                "select string_agg(case when column_name = 'source' then '''stripe-eu''' \
                                        when column_name in ('id') or table_name = 'not_ours' and column_name = 'outbox_id' \
                                             then 'gen_random_uuid()' \
                                        else quote_ident(column_name) end, ', ' order by ordinal_position) \
                 from information_schema.columns where table_name = '{table}' and table_schema = 'public'"
            ))
            .await;
        let copy = format!(
            "insert into {table} select {columns} from {table} where source = 'stripe' limit 1"
        );
        client.batch_execute(&copy).await.unwrap();
        let unfinished = erasing::late(&connection, 10).await.unwrap();
        let since: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let late = Unfinished { name: "stripe-eu".into(), state: State::Erased, since };
        assert_eq!(unfinished, [late], "{table}");
        erase_all(&mut connection, 1_000, async |_| {}).await;
        assert_eq!(erasing::late(&connection, 10).await.unwrap(), [], "{table}");
    }
}

#[tokio::test]
async fn it_is_erased_after_its_time_and_keeps_no_settings() {
    let database = erasing(1).await;
    let pool = database.database_of("relay", 1);
    let connection = pool.connection().await.unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (early, late) = (at("2026-02-28T23:59:59Z"), at("2026-03-01T00:00:00Z"));
    assert!(!erasing::end(&connection, "stripe-eu", early, late).await.unwrap());
    assert!(erasing::end(&connection, "stripe-eu", late, late).await.unwrap());
    assert!(!erasing::end(&connection, "stripe-eu", late, late).await.unwrap(), "once");
    let row = "select concat_ws(' ', state, settings, key_secret, signing_secret, revision) from connections";
    assert_eq!(database.scalar::<String>(row).await, "erased {} 2");
}

/// The lines of a statement's plan, with the values of a large table's middle as its parameters.
async fn plan(client: &Client, Sql { name, text, types }: &Sql) -> String {
    let types: Vec<&str> = types.iter().map(|of| of.name()).collect();
    let table = tables().find(|table| table.name() == name.split_once('.').unwrap().0);
    let values: Vec<String> = types
        .iter()
        .map(|of| match *of {
            "text" => "'stripe-eu'".to_owned(),
            "_text" if name.ends_with("forget") => "'{stripe-eu}'".to_owned(),
            "_text" => {
                let after = table.unwrap().beginning();
                format!(
                    "'{{{}}}'",
                    after.iter().map(|t| format!("\"{t}\"")).collect::<Vec<_>>().join(",")
                )
            }
            _ => "1000".to_owned(),
        })
        .collect();
    let takes = types.iter().map(|of| of.replace("_text", "text[]")).collect::<Vec<_>>().join(", ");
    let prepare = format!("deallocate all; prepare one ({takes}) as {text}");
    client.batch_execute(&prepare).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let explain = format!("explain execute one ({})", values.join(", "));
    let rows = client.simple_query(&explain).await.unwrap();
    let line = |row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    rows.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a line of a plan reads `table`.
fn reads(line: &str, table: &str) -> bool {
    let (_, of) =
        line.split_once("Scan").and_then(|(_, of)| of.split_once(" on ")).unwrap_or(("", ""));
    of.split_whitespace().next() == Some(table)
}

#[tokio::test]
async fn trap_94_no_step_reads_a_large_table_as_a_whole() {
    // The connection has most of the rows: the planner would rather read all of them.
    let database = erasing(20_000).await;
    let client = database.client().await;
    client.batch_execute(ATTEMPTS).await.unwrap();
    let large = [
        "outbox",
        "payments",
        "contacts",
        "calendar_events",
        "refetch_requests",
        "not_ours",
        "dead_letters",
        "failed_attempts",
        "sync_runs",
        "run_requests",
        "reconciled_days",
        "revenue_sums",
    ];
    let steps = |name: &str| name.ends_with(".erase") || name == "connections.come_late";
    let mut seen = 0;
    for _filled_and_empty in 0..2 {
        for sql in all_statements().into_iter().filter(|sql| steps(sql.name)) {
            seen += 1;
            let plan = plan(&client, sql).await;
            let scans: Vec<&str> = plan.lines().collect();
            for (place, scan) in scans.iter().enumerate() {
                if large.iter().any(|table| reads(scan, table)) {
                    let by = scans[place + 1].trim_start();
                    let by_index = ["Index Cond:", "Recheck Cond:", "TID Cond:"]
                        .iter()
                        .any(|condition| by.starts_with(condition));
                    assert!(by_index, "{}:\n{plan}", sql.name);
                }
            }
        }
        let mut connection = database.database_of("relay", 1).connection().await.unwrap();
        erase_all(&mut connection, 5_000, async |_| {}).await;
        put(&client, "stripe-eu", "erased").await;
        client.batch_execute("analyze").await.unwrap();
    }
    assert_eq!(seen, 2 * 16);
}
