//! DuckDB and pyarrow see each row once, in the types of docs/ANALYTICS.md.

use std::collections::BTreeMap;

use penstock_domain::analytics::{Kind, TABLES, Table};
use penstock_domain::clock::Clock as _;
use penstock_testkit::TestDatabase;
use penstock_tests::test_app::TestApp;

use super::copied::{Copied, Seen, TableSeen};
use crate::ingest::post;
use crate::stripe_account::account;

/// Rows of the tables that no vendor here fills, with values at the ends of their types.
const OTHERS: &str = "
    insert into contacts (source, external_id, email, deleted_at, version_at, native, version_rank, content_hash, raw, outbox_id,
                          updated_at)
    select 'hubspot', n::text, 'person' || n || '@example.com', case when n % 5 = 0 then now() end, now(), true, 0, 0, '',
           gen_random_uuid(), now() - n * interval '1 day' from generate_series(1, 40) n;
    insert into calendar_events (source, calendar_id, external_id, status, summary, starts_at, start_date, end_date, all_day,
                                 version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
    select 'gcal', 'team@example.com', n::text, 'confirmed', E'L\\u00fcnch \\U0001F600 ' || n,
           case when n % 2 = 0 then timestamptz '2026-05-01 10:00:00.123456Z' end,
           case when n % 2 = 1 then date '1969-12-31' + n end, case when n % 2 = 1 then date '2026-05-02' end, n % 2 = 1, now(),
           true, 0, 0, '', gen_random_uuid(), now() from generate_series(1, 40) n;
    insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at)
    select gen_random_uuid(), 'crm', case when n % 3 = 0 then '\\x00ff'::bytea else '{\"n\":1}' end, '\\x00', 'completed', now(),
           now(), now() from generate_series(1, 30) n;
    insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at)
    select gen_random_uuid(), case when n = 1 then ''::bytea else '{\"v\":1}' end, 'no ticket ' || n, 'malformed_ticket', 5,
           'm' || n, now() from generate_series(1, 20) n;
    insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                          version_rank, content_hash, raw, outbox_id, updated_at)
    values ('stripe', 'charge', 'greatest', 9223372036854775807, 'JPY', 'collected', 's', '1969-12-31 23:59:59.999999Z', now(),
            true, 0, 0, '', gen_random_uuid(), now()),
           ('stripe', 'charge', 'dinar', 1234, 'KWD', 'collected', 's', now(), now(), true, 0, 0, '', gen_random_uuid(), now()),
           ('stripe', 'charge', 'none', 5, 'XXX', 'collected', 's', now(), now(), true, 0, 0, '', gen_random_uuid(), now())";

/// An app with rows in every table that is copied.
pub async fn filled(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 120)).await;
    app.let_in().await;
    app.fetch_all().await.unwrap();
    let json = [("Content-Type", "application/json")];
    for n in 0..20 {
        let lead =
            format!(r#"{{"email":"p{n}@example.com","name":"Zoë {n}","message":"say \"hi\""}}"#);
        assert_eq!(post(&app.ingest, "/leads", &json, lead.as_bytes()).await.status, 201);
        let event = format!(
            r#"{{"eventId":"e{n}","userId":"u{}","sessionId":"s","type":"t{}","payload":{{"n":{n}}}}}"#,
            n % 7,
            n % 3
        );
        assert_eq!(post(&app.ingest, "/events", &[], event.as_bytes()).await.status, 202);
    }
    // Bytes that are no JSON and no text.
    let odd = [("Content-Type", "application/octet-stream")];
    assert_eq!(post(&app.ingest, "/leads", &odd, b"\0\xff a lead").await.status, 201);
    app.drain().await;
    app.db.client().await.batch_execute(OTHERS).await.unwrap();
    app
}

/// The digest of the rows of a table, as the readers make it of files.
pub async fn in_postgres(db: &TestDatabase, table: &Table) -> (i64, String) {
    let content = match table.column("payload") {
        Some(_) => "coalesce(md5(payload), '-')",
        None => "'-'",
    };
    let sql = format!(
        "select count(*), md5(coalesce(string_agg(row_key || ':' || tx || ':' || {content}, ',' order by row_key), '')) \
         from analytics_{}",
        table.name
    );
    let row = db.client().await.query_one(&sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Asserts that both readers have seen the newest version of each row of Postgres, and no row
/// twice.
pub async fn assert_exactly_once(db: &TestDatabase, seen: &BTreeMap<String, TableSeen>) {
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    let mut all: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    all.sort_unstable();
    assert_eq!(names, all, "each table has a manifest");
    for table in TABLES {
        let TableSeen { wrong, duckdb, pyarrow, .. } = &seen[table.name];
        assert_eq!(wrong, &Vec::<String>::new(), "{}", table.name);
        let (rows, digest) = in_postgres(db, table).await;
        for (reader, Seen { rows: read, versions, keys, digest: newest, .. }) in
            [("DuckDB", duckdb), ("pyarrow", pyarrow)]
        {
            let name = table.name;
            assert_eq!(read, versions, "{reader} has seen a version of {name} twice");
            assert_eq!((keys, newest), (&rows, &digest), "{reader} has seen other rows of {name}");
        }
    }
}

#[tokio::test]
async fn both_readers_see_each_row_once_and_as_postgres_has_it() {
    let app = filled(890).await;
    let copied = Copied::of(&app.db, &app.clock);
    let report = copied.copy(&app.db).await;
    assert!(report.rows > 400 && report.left == 0, "{report:?}");
    let seen = copied.read().await;
    assert_exactly_once(&app.db, &seen).await;
    for table in TABLES {
        let TableSeen { duckdb, files, .. } = &seen[table.name];
        assert!(duckdb.rows >= 20 && *files > 0, "{}: {duckdb:?}", table.name);
    }
    assert_eq!(copied.files(), copied.listed(), "no file is in no manifest");
}

#[tokio::test]
async fn a_row_that_changes_is_copied_again_and_its_newest_version_is_the_one_of_postgres() {
    let app = filled(891).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let first = copied.read().await;
    app.clock.advance(std::time::Duration::from_secs(7_200));
    app.stripe.change(40);
    app.stripe.settle();
    app.fetch_all().await.unwrap();
    app.drain().await;
    let edit = "update leads set status = 'won', revision = revision + 1, updated_at = $1, tx = default where email like 'p1%'";
    assert!(app.db.client().await.execute(edit, &[&app.clock.now()]).await.unwrap() > 5);
    copied.copy(&app.db).await;
    let second = copied.read().await;
    assert_exactly_once(&app.db, &second).await;
    for table in ["payments", "leads"] {
        let (before, after) = (&first[table].duckdb, &second[table].duckdb);
        assert!(after.rows > after.keys, "{table} has versions: {after:?}");
        assert!(after.keys >= before.keys && after.rows > before.rows, "{table}: {before:?}");
    }
    copied.copy(&app.db).await;
    let third = copied.read().await;
    assert_eq!(third["payments"].files, second["payments"].files, "nothing new, no file");
}

/// The type of a column in pyarrow's words.
const fn in_pyarrow(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Json => "string",
        Kind::Bytes => "binary",
        Kind::Int => "int64",
        Kind::Decimal => "decimal128(38, 9)",
        Kind::Bool => "bool",
        Kind::Instant => "timestamp[us, tz=UTC]",
        Kind::Day => "date32[day]",
    }
}

#[tokio::test]
async fn both_readers_see_the_types_that_the_page_says() {
    let app = filled(892).await;
    let copied = Copied::of(&app.db, &app.clock);
    copied.copy(&app.db).await;
    let seen = copied.read().await;
    for table in TABLES {
        let TableSeen { duckdb, pyarrow, .. } = &seen[table.name];
        for column in table.columns {
            let (table, name) = (table.name, column.name);
            assert_eq!(duckdb.types[name], column.kind.in_duckdb(), "{table}.{name}");
            assert_eq!(pyarrow.types[name], in_pyarrow(column.kind), "{table}.{name}");
        }
        // The day of arrival is in the path, and no column of the file.
        assert_eq!(duckdb.types.len(), table.columns.len() + 1, "{}", table.name);
        assert_eq!(pyarrow.types.len(), table.columns.len(), "{}", table.name);
    }
}
