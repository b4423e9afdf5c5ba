//! `/readyz`, and the line of `relay` that the alarm watches: how long each pull has been silent.

use std::time::Duration;

use super::{at, config, database, event, noon, ok, ports, send};
use jiff::{SignedDuration, Timestamp};
use metrics::MetricsConfig;
use penstock_domain::connection::{DATABASE, Unusable, check_name};
use penstock_domain::source::SOURCES;
use penstock_store::freshness::{Pull, expect, pulls, stalest};
use penstock_testkit::{MemoryQueue, TestDatabase};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::clock::StoppedClock;
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A run of a pull of `connection` that succeeded so long before noon.
async fn succeed(on: &Client, connection: &str, entity: &str, mode: &str, seconds: i64) {
    let at = noon() - SignedDuration::from_secs(seconds);
    let sql = "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at) \
               values (gen_random_uuid(), $1, $2, $3, 'succeeded', $4, $4, $4)";
    on.execute(sql, &[&connection, &entity, &mode, &at]).await.unwrap();
}

/// A connection that was made, and last changed, so long before noon.
async fn connect(on: &Client, source: &str, name: &str, state: &str, seconds: i64) {
    let at = noon() - SignedDuration::from_secs(seconds);
    let sql = "insert into connections (name, source, key_secret, state, made_at, changed_at) \
               values ($1, $2, 'a-secret', $3, $4, $4)";
    on.execute(sql, &[&name, &source, &state, &at]).await.unwrap();
}

fn declaring(sources: &'static str) -> MetricsConfig {
    MetricsConfig::from_env(&[("SOURCES", sources)].into_iter().collect()).unwrap()
}

async fn ready(database: &TestDatabase, config: MetricsConfig) -> Value {
    let ports = ports(database.database_of("metrics", 1), config);
    let reply = send(&ports, &event("GET", "/readyz", &[])).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// A round of `relay` at `now`, and the line that it logs.
async fn relayed(database: &TestDatabase, sources: &[&'static str], now: Timestamp) -> Value {
    let relay = relay::Ports {
        database: database.database_of("relay", 1),
        tickets: MemoryQueue::default(),
        requests: MemoryQueue::default(),
        transactions: MemoryQueue::default(),
        depths: std::sync::Arc::new(MemoryQueue::default()),
        retention: relay::Retention::default(),
        sources: sources.to_vec(),
        clock: StoppedClock(now),
    };
    let log = CapturedLog::start();
    let round = relay.run_once(now + Duration::from_secs(40)).await.unwrap();
    let lines = log.text();
    let line = lines.lines().find(|line| line.contains("stalest_pull")).expect("a line");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["stalest_s"], round.stalest_s);
    line
}

#[tokio::test]
async fn ready_says_how_fresh_each_connection_is_which_is_the_worst_and_degraded_where_one_is_late()
{
    let database = database().await;
    let on = database.client().await;
    succeed(&on, "stripe", "event", "incremental", 900).await;
    // A full run started by hand hides nothing, nor does one entity another.
    succeed(&on, "stripe", "charge", "full", 5).await;
    succeed(&on, "hubspot", "contact", "incremental", 60).await;
    succeed(&on, "hubspot", "deal", "incremental", 3_600).await;
    connect(&on, "gcal", "team-calendar", "active", 86_400).await;
    succeed(&on, "team-calendar", "event", "incremental", 300).await;
    let mut body = ready(&database, declaring("stripe,hubspot")).await;
    assert!(body["checks"]["db"]["latencyMs"].take().is_u64());
    let expected = json!({
        "status": "ok", "syncStatus": "ok", "uptimeS": 42,
        "checks": {
            "db": {"ok": true, "latencyMs": null},
            "sqs": {"ok": true},
            "stripe": {"ok": true, "source": "stripe", "state": "active", "lastSync": "2026-03-15T11:45:00Z", "lagS": 900},
            "hubspot": {"ok": true, "source": "hubspot", "state": "active", "lastSync": "2026-03-15T11:00:00Z", "lagS": 3_600},
            "team-calendar": {"ok": true, "source": "gcal", "state": "active", "lastSync": "2026-03-15T11:55:00Z", "lagS": 300},
        },
        "stalest": {"source": "hubspot", "connection": "hubspot", "entity": "deal", "lagS": 3_600},
    });
    assert_eq!(body, expected);

    succeed(&on, "hubspot", "deal", "incremental", 1).await;
    on.batch_execute("delete from sync_runs where source = 'team-calendar'").await.unwrap();
    let late = ready(&database, declaring("stripe,hubspot")).await;
    assert_eq!(late["status"], "degraded");
    let calendar =
        json!({"ok": false, "source": "gcal", "state": "active", "lastSync": null, "lagS": null});
    assert_eq!(late["checks"]["team-calendar"], calendar);
    let worst =
        json!({"source": "gcal", "connection": "team-calendar", "entity": "event", "lagS": 86_400});
    assert_eq!(late["stalest"], worst);
    let line = relayed(&database, &["stripe", "hubspot"], noon()).await;
    assert_eq!(line["connection"], "team-calendar");
}

#[tokio::test]
async fn a_full_run_counts_for_its_entity_until_an_incremental_one_has_succeeded() {
    let database = database().await;
    let on = database.client().await;
    // The state after a calendar's first full run.
    succeed(&on, "gcal", "event", "full", 300).await;
    let check = |body: &Value| body["checks"]["gcal"]["lagS"].clone();
    assert_eq!(check(&ready(&database, declaring("gcal")).await), 300);
    succeed(&on, "gcal", "event", "incremental", 400).await;
    assert_eq!(check(&ready(&database, declaring("gcal")).await), 400);
}

#[tokio::test]
async fn a_connection_that_is_paused_by_a_person_is_shown_and_not_late_and_one_that_is_removed_is_not_shown()
 {
    let database = database().await;
    let on = database.client().await;
    for state in ["active", "paused", "removed", "erasing", "erased"] {
        connect(&on, "stripe", state, state, 10_000).await;
        succeed(&on, state, "event", "incremental", 9_000).await;
    }
    on.batch_execute("delete from connections where name = 'active'").await.unwrap();
    let body = ready(&database, declaring("")).await;
    let checks = body["checks"].as_object().unwrap();
    assert_eq!(checks.keys().collect::<Vec<_>>(), ["db", "paused", "sqs"]);
    let paused = json!({
        "ok": true, "source": "stripe", "state": "paused", "lastSync": "2026-03-15T09:30:00Z", "lagS": 9_000,
    });
    assert_eq!((&checks["paused"], &body["status"]), (&paused, &json!("ok")));
    assert_eq!(body["stalest"], Value::Null);
    let line = relayed(&database, &[], noon()).await;
    assert_eq!((&line["stalest_s"], line.get("connection")), (&json!(0), None), "{line}");

    // A row with the name of a declared connection says only where it stands.
    let declared = "insert into connections (name, source, state, made_at, changed_at) \
                    values ('gcal', 'gcal', 'paused', '2026-03-15T10:00:00Z', '2026-03-15T10:00:00Z')";
    on.batch_execute(declared).await.unwrap();
    let body = ready(&database, declaring("gcal")).await;
    assert_eq!(
        (&body["checks"]["gcal"]["state"], &body["status"]),
        (&json!("paused"), &json!("ok"))
    );
    // It is resumed: the silence while it was paused does not count.
    succeed(&on, "gcal", "event", "incremental", 100_000).await;
    let resumed = "update connections set state = 'active', changed_at = '2026-03-15T11:50:00Z' where name = 'gcal'";
    on.batch_execute(resumed).await.unwrap();
    let body = ready(&database, declaring("gcal")).await;
    assert_eq!(
        (&body["checks"]["gcal"]["ok"], &body["stalest"]["lagS"]),
        (&json!(true), &json!(600))
    );
    // It is declared no more: its row is no connection.
    assert!(ready(&database, declaring("")).await["checks"].get("gcal").is_none());
}

#[tokio::test]
async fn a_pull_that_the_vendor_refuses_is_shown_degrades_and_is_the_worst_once_it_is() {
    let database = database().await;
    let on = database.client().await;
    let halted = "insert into sync_state (source, entity, mode, halted, paused_since, next_try_at, refusals, updated_at)
        values ('stripe-eu', 'event', 'incremental', 'stripe refuses the key with 401: no', '2026-03-15T11:00:00Z',
                '2026-03-15T12:04:00Z', 4, now())";
    on.batch_execute(halted).await.unwrap();
    connect(&on, "stripe", "stripe-eu", "active", 100_000).await;
    succeed(&on, "stripe-eu", "event", "incremental", 3_700).await;
    succeed(&on, "stripe", "event", "incremental", 60).await;
    let body = ready(&database, declaring("stripe")).await;
    let expected = json!([{
        "source": "stripe", "connection": "stripe-eu", "entity": "event", "mode": "incremental",
        "since": "2026-03-15T11:00:00Z", "nextTryAt": "2026-03-15T12:04:00Z",
    }]);
    assert_eq!(body["checks"]["stripe-eu"]["paused"], expected);
    assert_eq!(body["checks"]["stripe"]["ok"], true);
    assert_eq!(
        (&body["status"], &body["checks"]["stripe-eu"]["ok"]),
        (&json!("degraded"), &json!(false))
    );
    let line = relayed(&database, &["stripe"], noon()).await;
    let named = json!([line["source"], line["connection"], line["entity"], line["stalest_s"]]);
    assert_eq!(named, json!(["stripe", "stripe-eu", "event", 3_700]));
    let ports = ports(database.database_of("metrics", 1), config());
    assert_eq!(ok(&ports, "/stats").await.body["paused"], expected);
}

#[tokio::test]
async fn trap_88_a_connection_is_late_once_it_had_the_time_to_succeed_even_if_nothing_ever_began() {
    let database = database().await;
    let on = database.client().await;
    // Made while the system runs.
    connect(&on, "hubspot", "portal-b", "active", 3_600).await;
    let body = ready(&database, declaring("")).await;
    let fresh =
        json!({"ok": true, "source": "hubspot", "state": "active", "lastSync": null, "lagS": null});
    assert_eq!(body["checks"]["portal-b"], fresh);
    on.batch_execute("update connections set changed_at = changed_at - interval '1 second'")
        .await
        .unwrap();
    assert_eq!(ready(&database, declaring("")).await["checks"]["portal-b"]["ok"], false);
    on.batch_execute("delete from connections").await.unwrap();

    // Declared: nothing is known of it before the first round of `relay`.
    let body = ready(&database, declaring("stripe")).await;
    assert_eq!((&body["status"], &body["stalest"]["lagS"]), (&json!("ok"), &json!(0)));
    for (minutes, lag) in [(0, 0), (1, 60), (90, 5_400)] {
        let line =
            relayed(&database, &["stripe"], noon() + Duration::from_secs(minutes * 60)).await;
        assert_eq!((&line["stalest_s"], &line["entity"]), (&json!(lag), &json!("event")));
    }
    let mut ports = ports(database.database_of("metrics", 1), declaring("stripe"));
    ports.clock.0 = at("2026-03-15T13:30:00Z");
    let body = send(&ports, &event("GET", "/readyz", &[])).await.body;
    assert_eq!((&body["status"], &body["stalest"]["lagS"]), (&json!("degraded"), &json!(5_400)));
}

#[tokio::test]
async fn relay_waits_for_no_pull_that_another_transaction_holds() {
    let database = database().await;
    let mut on = database.client().await;
    let rows = "insert into sync_state (source, entity, mode, updated_at) values ('stripe', 'event', 'incremental', now())";
    on.batch_execute(rows).await.unwrap();
    let page = on.transaction().await.unwrap();
    page.execute("select from sync_state for update", &[]).await.unwrap();
    let other = database.client().await;
    other.batch_execute("set lock_timeout = '1s'").await.unwrap();
    expect(&other, &["stripe", "hubspot"], noon()).await.unwrap();
    let known = "select array_agg(source || ' ' || entity order by source, entity) from sync_state where known_since is not null";
    assert_eq!(database.scalar::<Vec<String>>(known).await, ["hubspot contact", "hubspot deal"]);
    page.commit().await.unwrap();
    expect(&other, &["stripe", "hubspot"], noon() + Duration::from_secs(60)).await.unwrap();
    let since: Timestamp =
        database.scalar("select max(known_since) from sync_state where source = 'stripe'").await;
    assert_eq!(since, at("2026-03-15T12:01:00Z"));
    // Once for each.
    expect(&other, &["stripe", "hubspot"], noon() + Duration::from_secs(120)).await.unwrap();
    let last: Timestamp = database.scalar("select max(known_since) from sync_state").await;
    assert_eq!(last, since);
}

#[tokio::test]
async fn a_declared_connection_that_is_erased_leaves_no_row_for_relay_to_make_again() {
    let database = database().await;
    let on = database.client().await;
    for (source, state) in [("stripe", "erased"), ("hubspot", "removed"), ("gcal", "paused")] {
        connect(&on, source, source, state, 10).await;
    }
    expect(&on, &["stripe", "hubspot", "gcal"], noon()).await.unwrap();
    let known = "select array_agg(source) from sync_state";
    assert_eq!(database.scalar::<Vec<String>>(known).await, ["gcal"]);
}

/// Random connections, paused and resumed, with random runs.
async fn some_connections(on: &Client, rng: &mut fastrand::Rng) {
    on.batch_execute("truncate connections; truncate sync_runs; delete from sync_state")
        .await
        .unwrap();
    for n in 0..rng.usize(0..6) {
        let source = rng.choice(SOURCES).unwrap().name();
        let name = if rng.u8(0..4) == 0 { source.to_owned() } else { format!("c{n}") };
        let state = *rng.choice(&["active", "active", "paused", "removed", "erased"]).unwrap();
        let taken: bool = on
            .query_one("select exists (select from connections where name = $1)", &[&name])
            .await
            .unwrap()
            .get(0);
        if !taken {
            connect(on, source, &name, state, rng.i64(0..8_000)).await;
        }
        for _ in 0..rng.usize(0..6) {
            let entity = *rng.choice(&["event", "contact", "deal"]).unwrap();
            let mode = *rng.choice(&["incremental", "full", "reconcile"]).unwrap();
            succeed(on, &name, entity, mode, rng.i64(0..8_000)).await;
        }
    }
}

#[tokio::test]
async fn the_alarm_and_ready_agree_whatever_there_is() {
    let database = database().await;
    let on = database.client().await;
    let mut rng = fastrand::Rng::with_seed(13);
    let (mut late, mut named) = (0, 0);
    for _ in 0..40 {
        some_connections(&on, &mut rng).await;
        let declared =
            *rng.choice(&["", "stripe", "stripe,hubspot", "stripe,hubspot,gcal"]).unwrap();
        let line = relayed(&database, &declaring(declared).sources, noon()).await;
        let body = ready(&database, declaring(declared)).await;
        let worst = &body["stalest"];
        for name in ["source", "connection", "entity"] {
            assert_eq!(line.get(name), worst.get(name), "{body}");
        }
        assert_eq!(line["stalest_s"], worst["lagS"].as_u64().unwrap_or(0), "{body}");
        let is_late = line["stalest_s"].as_u64().unwrap() > 3_600;
        assert_eq!(body["status"] == "degraded", is_late, "{body}");
        let checks = body["checks"].as_object().unwrap();
        for (name, check) in checks.iter().filter(|(_, check)| check["ok"] == false) {
            assert_eq!(check["state"], "active", "{name}: {body}");
        }
        late += usize::from(is_late);
        named += usize::from(worst.is_object());
    }
    assert!(late > 5 && named > late, "{late} of {named}");
}

#[test]
fn no_connection_is_called_like_the_databases_check() {
    for source in SOURCES {
        assert_eq!(check_name(DATABASE, *source), Err(Unusable::Taken));
        assert_eq!(check_name("db-of-a-team", *source), Ok(()));
    }
}

#[test]
fn of_pulls_that_are_equally_stale_the_first_by_name_is_the_worst() {
    let pull = |connection: &str, entity: &str, seconds: i64| Pull {
        source: "hubspot".to_owned(),
        connection: connection.to_owned(),
        entity: entity.to_owned(),
        is_active: true,
        last_success: None,
        silent_since: Some(noon() - SignedDuration::from_secs(seconds)),
    };
    let all = [pull("b", "deal", 5), pull("b", "contact", 5), pull("a", "x", 4), pull("c", "a", 5)];
    assert_eq!(stalest(&all, noon()), Some(&all[1]));
    assert_eq!(stalest(&[], noon()), None);
}

#[tokio::test]
async fn a_pull_is_looked_up_by_indexes_however_many_runs_there_are() {
    let database = database().await;
    let on = database.client().await;
    let many = "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at) \
                select gen_random_uuid(), 'c' || n % 40, 'event', 'incremental', 'succeeded', at, at, at \
                  from generate_series(1, 40000) n, lateral (select timestamptz '2026-03-15' - n * interval '1 minute' as at) t";
    on.batch_execute(many).await.unwrap();
    for n in 0..40 {
        connect(&on, "stripe", &format!("c{n}"), "active", 10).await;
    }
    on.batch_execute("vacuum (analyze) sync_runs, connections, sync_state").await.unwrap();
    let names: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
    assert_eq!(pulls(&on, &names).await.unwrap().len(), 44);
    let sources: &[&str] = &["stripe"];
    let plan =
        super::plans::explain(&on, "freshness.pulls", &[&sources, &sources, &["event"].as_slice()])
            .await;
    assert!(!plan.text.contains("Seq Scan on sync_runs"), "{}", plan.text);
    assert!(plan.buffers < 400, "{}", plan.text);
}
