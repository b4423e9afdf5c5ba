//! Questions by connection, by vendor, and about all.

use std::collections::BTreeMap;

use super::plans::explain;
use super::{Payment, at, config, database, errors, get, noon, ok, ports, upsert};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use penstock_domain::ids::OutboxId;
use penstock_store::revenue::set_business_zone;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// The connections of these tests, each with its vendor and its state. Those without a state have
/// no row, because the template declares them.
pub const CONNECTIONS: [(&str, &str, Option<&str>); 7] = [
    ("stripe", "stripe", None),
    ("stripe-eu", "stripe", Some("active")),
    ("stripe-eu.acct_1AbC", "stripe", Some("paused")),
    ("old", "stripe", Some("removed")),
    ("hubspot", "hubspot", None),
    ("portal-b", "hubspot", Some("active")),
    ("team-calendar", "gcal", Some("active")),
];

/// Writes the rows of [`CONNECTIONS`].
pub async fn connect(on: &Client) {
    for (name, source, state) in CONNECTIONS {
        let Some(state) = state else { continue };
        let sql = "insert into connections (name, source, key_secret, state, made_at, changed_at) \
                   values ($1, $2, 'a-secret', $3, now(), now())";
        on.execute(sql, &[&name, &source, &state]).await.unwrap();
    }
}

#[tokio::test]
async fn revenue_is_of_a_vendor_of_a_connection_or_of_all_and_of_nothing_for_names_that_nothing_has()
 {
    let database = database().await;
    let on = database.client().await;
    connect(&on).await;
    let payment = |source, amount| Payment {
        source,
        ..Payment::new("ch_1", amount, "collected", "2026-03-10T10:00:00Z")
    };
    let all = [
        ("stripe", 1),
        ("stripe-eu", 10),
        ("stripe-eu.acct_1AbC", 100),
        ("old", 1_000),
        ("portal-b", 10_000),
    ];
    upsert(&on, &all.map(|(source, amount)| payment(source, amount))).await;
    let ports = ports(database.database_of("metrics", 1), config());
    for (query, total) in [
        ("", "11111"),
        ("source=stripe", "1111"),
        ("source=hubspot", "10000"),
        ("connection=stripe", "1"),
        ("connection=stripe-eu", "10"),
        ("connection=stripe-eu.acct_1AbC", "100"),
        ("source=stripe&connection=old", "1000"),
        ("source=stripe&connection=portal-b", "0"),
        ("source=hubspot&connection=hubspot", "0"),
        // The name of a connection is no vendor.
        ("source=stripe-eu", "0"),
        ("source=stripe-eu&connection=stripe-eu", "0"),
        ("source=nobody", "0"),
        ("connection=nobody", "0"),
        ("source=nobody&connection=stripe", "0"),
        ("source=nobody&connection=nobody", "0"),
    ] {
        for view in ["summary", "daily", "weekly"] {
            let body = ok(&ports, &format!("/metrics/revenue/{view}?{query}")).await.body;
            assert_eq!(body["totalRevenueCents"], total, "{view} {query}");
            let named = |name: &str| {
                let of_query =
                    query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
                of_query.map_or(Value::Null, |text| json!(text))
            };
            assert_eq!(
                (&body["source"], &body["connection"]),
                (&named("source"), &named("connection"))
            );
        }
    }
    for query in ["connection=", "connection=a/b", "connection=%00", "connection=a&connection=b"] {
        for path in [
            "/metrics/revenue/daily",
            "/runs",
            "/stats",
            "/metrics/unmapped-statuses",
            "/metrics/unreadable-objects",
        ] {
            let told = errors(&get(&ports, &format!("{path}?{query}")).await);
            assert_eq!(
                (told.len(), told[0].0.as_str()),
                (1, "#/query/connection"),
                "{path} {query}"
            );
        }
    }
}

/// A row of everything that replies list by source, for each connection.
async fn fill(on: &Client) {
    for (n, (name, ..)) in CONNECTIONS.iter().enumerate() {
        let payment = |id: &str, status| Payment {
            source: name,
            ..Payment::new(id, 5, status, "2026-03-10T10:00:00Z")
        };
        upsert(on, &[payment("odd", "unmapped"), payment("bad", "unreadable")]).await;
        let id = OutboxId::new(noon() - jiff::SignedDuration::from_secs(30)).0;
        let other = format!("019a0000-0000-7000-8000-00000000000{n}");
        let sql = format!(
            "update payments set outbox_id = '{other}' where source = '{name}';
             insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, attempts, created_at)
             values (gen_random_uuid(), '{name}', 'charge', 'bad', '{other}', '', 'it is odd', 'invalid', 1, now());
             insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, next_attempt_at, received_at)
             values ('{id}', '{name}', 'e', 'waits', '1', '2026-03-15T11:59:30Z', '', 'application/json', 'pending', now(), '2026-03-15T11:59:30Z');
             insert into not_ours (outbox_id, source, reason, noted_at) values (gen_random_uuid(), '{name}', 'test_mode', now());
             insert into sync_state (source, entity, mode, halted, updated_at) values ('{name}', 'event', 'incremental', 'no', now());
             insert into refetch_requests (source, entity, external_id, requested_at, next_send_at, ended_at)
             values ('{name}', 'deal', '1', '2026-03-14T12:00Z', '2026-03-14T12:00Z', '2026-03-15T10:00Z');
             insert into sync_runs (id, source, entity, mode, status, started_at, updated_at)
             values ('{other}', '{name}', 'event', 'incremental', 'failed', '2026-03-15T11:00:0{n}Z', '2026-03-15T11:00:0{n}Z')"
        );
        on.batch_execute(&sql).await.unwrap();
    }
}

/// The connections that a list names, each once. Each row names its vendor too.
fn names(list: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    for row in list.as_array().unwrap() {
        let name = row["connection"].as_str().unwrap_or_else(|| panic!("{row}"));
        let vendor = CONNECTIONS.iter().find(|(known, ..)| *known == name).unwrap().1;
        assert_eq!(row["source"], vendor, "{row}");
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn each_list_names_vendor_and_connection_of_a_row_and_is_of_those_that_were_asked_about() {
    let database = database().await;
    let on = database.client().await;
    connect(&on).await;
    fill(&on).await;
    let ports = ports(database.database_of("metrics", 1), config());
    for (query, wanted) in [
        (
            "",
            &[
                "hubspot",
                "old",
                "portal-b",
                "stripe",
                "stripe-eu",
                "stripe-eu.acct_1AbC",
                "team-calendar",
            ][..],
        ),
        ("source=stripe", &["old", "stripe", "stripe-eu", "stripe-eu.acct_1AbC"]),
        ("source=hubspot", &["hubspot", "portal-b"]),
        ("connection=hubspot", &["hubspot"]),
        ("connection=stripe-eu.acct_1AbC", &["stripe-eu.acct_1AbC"]),
        ("source=gcal&connection=team-calendar", &["team-calendar"]),
        ("source=gcal&connection=stripe", &[]),
        ("source=team-calendar", &[]),
        ("source=nobody", &[]),
        ("connection=nobody", &[]),
    ] {
        for (path, list) in [
            ("/metrics/unmapped-statuses", "statuses"),
            ("/metrics/unreadable-objects", "objects"),
            ("/runs", "runs"),
        ] {
            let body = ok(&ports, &format!("{path}?{query}")).await.body;
            assert_eq!(names(&body[list]), wanted, "{path} {query}");
        }
        let stats = ok(&ports, &format!("/stats?{query}")).await.body;
        for list in ["pending", "rates", "notOurs", "paused"] {
            assert_eq!(names(&stats[list]), wanted, "{list} {query}");
        }
        let ended = stats.get("endedRefetches").cloned().unwrap_or(json!([]));
        assert_eq!(names(&ended), wanted, "{query}");
        let age = if wanted.is_empty() { Value::Null } else { json!(30) };
        assert_eq!(stats["oldestPendingAgeS"], age, "{query}");
    }
    for (n, (name, source, _)) in CONNECTIONS.into_iter().enumerate() {
        let run = ok(&ports, &format!("/runs/019a0000-0000-7000-8000-00000000000{n}")).await.body;
        assert_eq!((&run["source"], &run["connection"]), (&json!(source), &json!(name)));
    }
    assert_eq!(ok(&ports, "/health").await.body["bufferSize"], 7);
}

#[tokio::test]
async fn pages_of_a_vendors_runs_go_through_all_of_its_connections() {
    let database = database().await;
    let on = database.client().await;
    connect(&on).await;
    let many = "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at) \
                select gen_random_uuid(), name, 'event', 'incremental', 'failed', at, at \
                  from generate_series(1, 30) n, unnest($1::text[]) name, \
                       lateral (select timestamptz '2026-03-15T10:00:00Z' + n * interval '1 minute' as at) t";
    let all: Vec<&str> = CONNECTIONS.iter().map(|(name, ..)| *name).collect();
    on.execute(many, &[&all]).await.unwrap();
    let ports = ports(database.database_of("metrics", 1), config());
    let mut seen = BTreeMap::<String, usize>::new();
    let mut cursor = String::new();
    loop {
        let page = ok(&ports, &format!("/runs?source=stripe&limit=7{cursor}")).await.body;
        for run in page["runs"].as_array().unwrap() {
            *seen.entry(run["connection"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let wanted = ["old", "stripe", "stripe-eu", "stripe-eu.acct_1AbC"];
    assert_eq!(seen, wanted.map(|name| (name.to_owned(), 30)).into());
}

#[tokio::test]
async fn a_full_run_of_a_connection_shows_how_far_back_it_has_come_as_its_vendor_does() {
    let database = database().await;
    let on = database.client().await;
    connect(&on).await;
    let under_way = "
        insert into sync_runs (id, source, entity, mode, status, started_at, updated_at)
        select ('019a0000-0000-7000-8000-00000000000' || n)::uuid, name, entity, 'full', 'running',
               '2026-03-15T11:00:00Z', '2026-03-15T11:30:00Z'
          from (values (1, 'stripe-eu', 'charge'), (2, 'portal-b', 'contact')) v (n, name, entity);
        insert into sync_state (source, entity, mode, run_id, run_started, window_to, upper_bound, updated_at)
        select source, entity, mode, id, started_at, '2026-01-01T00:00:00Z', '2026-03-15T11:00:00Z', updated_at from sync_runs;
        insert into run_requests (id, source, mode, entities, requested_at)
        values ('019a0000-0000-7000-8000-0000000000aa', 'stripe-eu', 'full', '{charge,refund}', '2026-03-15T10:59:00Z')";
    on.batch_execute(under_way).await.unwrap();
    let ports = ports(database.database_of("metrics", 1), config());
    let run = |n: &str| format!("/runs/019a0000-0000-7000-8000-0000000000{n}");
    let stripe = ok(&ports, &run("01")).await.body;
    assert_eq!(stripe["progress"]["reached"], "2026-01-01T00:00:00Z", "{stripe}");
    let hubspot = ok(&ports, &run("02")).await.body;
    assert_eq!(hubspot["progress"]["reached"], Value::Null, "{hubspot}");
    let requested = ok(&ports, &run("aa")).await.body;
    assert_eq!(
        (&requested["source"], &requested["connection"]),
        (&json!("stripe"), &json!("stripe-eu"))
    );
    let part = &requested["runs"][0];
    assert_eq!((&part["source"], &part["connection"]), (&json!("stripe"), &json!("stripe-eu")));
    assert_eq!(part["progress"]["reached"], "2026-01-01T00:00:00Z", "{requested}");
    assert_eq!(requested["waiting"][0]["entity"], "refund");
}

/// A question by a vendor reads no more than one about all, and Postgres looks the connections up
/// once, whatever the number of rows.
#[tokio::test]
async fn trap_89_the_connections_of_a_vendor_are_looked_up_once_and_hurt_no_plan() {
    let database = database().await;
    let on = database.client().await;
    connect(&on).await;
    let many = "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, \
                       version_at, native, version_rank, content_hash, raw, outbox_id, updated_at) \
                select name, 'charge', n::text, n, 'USD', 'collected', '', at, at, true, 0, 0, '', gen_random_uuid(), at \
                  from unnest($1::text[]) name, generate_series(1, 3000) n, \
                       lateral (select timestamptz '2026-03-15T12:00:00Z' - n * interval '3 hours' as at) t; ";
    let all: Vec<&str> = CONNECTIONS.iter().map(|(name, ..)| *name).collect();
    set_business_zone(&on, "Asia/Kathmandu").await.unwrap();
    on.execute(many.trim_end_matches("; "), &[&all]).await.unwrap();
    on.execute("select fold_revenue_deltas(1000000)", &[]).await.unwrap();
    let runs = "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at) \
                select gen_random_uuid(), name, 'event', 'incremental', 'succeeded', at, at, at \
                  from unnest($1::text[]) name, generate_series(1, 3000) n, \
                       lateral (select timestamptz '2026-03-15T12:00:00Z' - n * interval '15 minutes' as at) t";
    on.execute(runs, &[&all]).await.unwrap();
    on.batch_execute(
        "vacuum (analyze) payments, revenue_sums, revenue_deltas, sync_runs, connections",
    )
    .await
    .unwrap();

    type Params<'a> = Vec<&'a (dyn ToSql + Sync)>;
    let (first, last) = (at("2026-03-01T00:00:00Z"), at("2026-03-10T00:00:00Z"));
    let (first_day, last_day) = (date(2026, 3, 1), date(2026, 3, 10));
    let (first_midnight, last_midnight) = (first_day.at(0, 0, 0, 0), last_day.at(0, 0, 0, 0));
    let (cuts, grains) = (vec![0_i64], vec!["hour"]);
    let (lows, highs) = (vec![first_midnight], vec![last_midnight]);
    let bounds = vec![first_midnight, last_midnight];
    let instants = vec![first, last];
    let none: Option<&str> = None;
    let no_mark: Option<DateTime> = None;
    let (no_time, no_id): (Option<Timestamp>, Option<uuid::Uuid>) = (None, None);
    let zone = "Asia/Kathmandu";
    let statements: [(&str, Params<'_>, Params<'_>); 4] = [
        (
            "revenue.read_business_days",
            vec![&zone, &first_day, &last_day, &1_440_i64, &first_midnight, &first_midnight],
            vec![],
        ),
        (
            "revenue.read_edges",
            vec![&first_midnight, &last_midnight, &cuts, &grains, &lows, &highs, &bounds, &no_mark],
            vec![],
        ),
        ("revenue.read_payments", vec![&instants], vec![]),
        ("sync_runs.page", vec![&no_time, &no_id], vec![&none, &201_i64]),
    ];
    for (name, before, after) in &statements {
        let plan = async |vendor: Option<&'static str>, connection: Option<&'static str>| {
            let chosen: Params<'_> = vec![&vendor, &connection];
            let params: Params<'_> = [before.as_slice(), &chosen, after].concat();
            explain(&on, name, &params).await
        };
        let whole = plan(None, None).await;
        assert!(!whole.text.contains("connections_of"), "{name}: {}", whole.text);
        for (vendor, connection) in
            [(Some("stripe"), None), (None, Some("portal-b")), (Some("stripe"), Some("old"))]
        {
            let asked = plan(vendor, connection).await;
            assert!(
                !asked.text.contains("connections_of"),
                "{name}: each row calls it: {}",
                asked.text
            );
            assert!(asked.text.contains("InitPlan"), "{name}: {}", asked.text);
            let scan = "Seq Scan on ";
            for table in ["revenue_sums", "sync_runs"] {
                let scans = |text: &str| text.contains(&format!("{scan}{table}"));
                assert!(!scans(&asked.text) || scans(&whole.text), "{name}: {}", asked.text);
            }
            // A page of the look-up, and for rare rows of a page of runs some more of its index.
            let most = whole.buffers * 4 + 20;
            assert!(
                asked.buffers <= most,
                "{name}: {} of {most} pages: {}",
                asked.buffers,
                asked.text
            );
        }
    }
}
