//! Runs and health, for the operator.

use std::sync::Arc;

use super::{at, config, database, event, get, ok, ports, send};
use metrics::MetricsConfig;
use penstock_store::{Database, Login, StaticLogin, Tls};
use penstock_testkit::{RuntimeHost, TestDatabase, binary};
use serde_json::{Value, json};

/// Seven runs, a minute apart except two that began together.
const RUNS: &str = "
    insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at, unmapped, last_error)
    select ('019a0000-0000-7000-8000-00000000000' || n)::uuid, case n % 2 when 0 then 'stripe' else 'hubspot' end,
           'charges', 'full', case n when 7 then 'failed' else 'succeeded' end, at, at, at + interval '5 s',
           '{charge:odd}', case n when 7 then 'page 3: 500' end
      from generate_series(1, 7) n,
           lateral (select timestamptz '2026-03-15 11:00:00.123456Z' + least(n, 6) * interval '1 minute' as at) t";

async fn with_runs() -> TestDatabase {
    let database = database().await;
    let sources = "insert into sync_state (source, entity, mode, updated_at) \
                   values ('stripe', 'charges', 'full', now()), ('hubspot', 'charges', 'full', now())";
    database.client().await.batch_execute(&format!("{RUNS}; {sources}")).await.unwrap();
    database
}

fn ids(reply: &Value) -> Vec<String> {
    let last = |id: &Value| id.as_str().unwrap().chars().last().unwrap().to_string();
    reply["runs"].as_array().unwrap().iter().map(|run| last(&run["runId"])).collect()
}

#[tokio::test]
async fn trap_25_pages_of_runs_neither_skip_nor_repeat_while_runs_are_added() {
    let database = with_runs().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let mut page = ok(&ports, "/runs?limit=3").await.body;
    let mut seen = ids(&page);
    while let Some(cursor) = page["nextCursor"].as_str() {
        let newer = "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at) \
                     values (gen_random_uuid(), 'stripe', 'charges', 'full', 'running', now(), now())";
        database.client().await.batch_execute(newer).await.unwrap();
        page = ok(&ports, &format!("/runs?limit=3&cursor={cursor}")).await.body;
        seen.extend(ids(&page));
    }
    assert_eq!(seen, ["7", "6", "5", "4", "3", "2", "1"]);
}

#[tokio::test]
async fn runs_are_filtered_by_source_and_status() {
    let database = with_runs().await;
    let ports = ports(database.database_of("metrics", 1), config());
    assert_eq!(ids(&ok(&ports, "/runs?source=stripe").await.body), ["6", "4", "2"]);
    assert_eq!(ids(&ok(&ports, "/runs?source=hubspot&status=failed").await.body), ["7"]);
    let none = ok(&ports, "/runs?source=gcal").await.body;
    assert_eq!(none, json!({"runs": [], "nextCursor": null}));
}

#[tokio::test]
async fn a_run_tells_what_happened_and_one_that_never_was_is_404() {
    let database = with_runs().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let run = ok(&ports, "/runs/019a0000-0000-7000-8000-000000000007").await.body;
    let expected = json!({
        "runId": "019a0000-0000-7000-8000-000000000007", "source": "hubspot", "entity": "charges", "mode": "full",
        "status": "failed", "startedAt": "2026-03-15T11:06:00.123456Z", "updatedAt": "2026-03-15T11:06:00.123456Z",
        "finishedAt": "2026-03-15T11:06:05.123456Z", "pages": 0, "rowsSeen": 0, "rowsNew": 0, "processed": 0,
        "dead": 0, "errors": 0, "lastError": "page 3: 500", "unmapped": ["charge:odd"], "cursorBefore": null,
        "cursorAfter": null,
    });
    assert_eq!(run, expected);
    for id in ["019a0000-0000-7000-8000-0000000000ff", "7", "%00"] {
        assert_eq!(get(&ports, &format!("/runs/{id}")).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn ready_says_how_fresh_each_source_is_and_degraded_where_one_is_late() {
    let database = with_runs().await;
    let mut ports = ports(database.database_of("metrics", 1), config());
    let ready = send(&ports, &event("GET", "/readyz", &[])).await;
    assert_eq!(ready.status, 200);
    let mut body = ready.body;
    assert!(body["checks"]["db"]["latencyMs"].take().is_u64());
    let expected = json!({
        "status": "ok", "syncStatus": "ok", "uptimeS": 42,
        "checks": {
            "db": {"ok": true, "latencyMs": null},
            "stripe": {"ok": true, "lastSync": "2026-03-15T11:06:05.123456Z", "lagS": 3234},
            "hubspot": {"ok": true, "lastSync": "2026-03-15T11:05:05.123456Z", "lagS": 3294},
        },
    });
    assert_eq!(body, expected);

    ports.clock.0 = at("2026-03-15T12:05:30Z");
    let late = send(&ports, &event("GET", "/readyz", &[])).await;
    assert_eq!((late.status, &late.body["status"]), (200, &json!("degraded")));
    assert_eq!(late.body["checks"]["hubspot"]["ok"], false);
    assert_eq!(late.body["checks"]["stripe"]["ok"], true);
}

#[tokio::test]
async fn a_full_run_by_hand_does_not_hide_an_incremental_pull_that_stands_still() {
    let database = with_runs().await;
    let stands = "insert into sync_state (source, entity, mode, updated_at) values ('stripe', 'event', 'incremental', now())";
    database.client().await.batch_execute(stands).await.unwrap();
    let ready =
        send(&ports(database.database_of("metrics", 1), config()), &event("GET", "/readyz", &[]))
            .await;
    assert_eq!(
        ready.body["checks"]["stripe"],
        json!({"ok": false, "lastSync": null, "lagS": null})
    );
    assert_eq!(ready.body["syncStatus"], "degraded");
}

#[tokio::test]
async fn a_full_run_counts_for_its_entity_until_an_incremental_one_has_succeeded() {
    let database = database().await;
    // The state after a calendar's first full run: its own pull, and the token for the incremental
    // one.
    let first = "
        insert into sync_state (source, entity, mode, updated_at)
        values ('gcal', 'event', 'full', now()), ('gcal', 'event', 'incremental', now());
        insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at)
        values (gen_random_uuid(), 'gcal', 'event', 'full', 'succeeded', '2026-03-15T11:50:00Z', '2026-03-15T11:55:00Z', '2026-03-15T11:55:00Z')";
    database.client().await.batch_execute(first).await.unwrap();
    let ready =
        send(&ports(database.database_of("metrics", 1), config()), &event("GET", "/readyz", &[]))
            .await;
    assert_eq!(
        ready.body["checks"]["gcal"],
        json!({"ok": true, "lastSync": "2026-03-15T11:55:00Z", "lagS": 300})
    );
}

#[tokio::test]
async fn a_pull_that_is_paused_is_shown_with_since_when_and_the_next_try() {
    let database = with_runs().await;
    let paused = "insert into sync_state (source, entity, mode, halted, paused_since, next_try_at, refusals, updated_at)
        values ('stripe', 'charge', 'full', 'stripe refuses the key with 401: no', '2026-03-15T11:00:00Z', '2026-03-15T12:04:00Z', 4, now())";
    database.client().await.batch_execute(paused).await.unwrap();
    let ports = ports(database.database_of("metrics", 1), config());
    let ready = send(&ports, &event("GET", "/readyz", &[])).await;
    let expected = json!([{
        "source": "stripe", "entity": "charge", "mode": "full", "since": "2026-03-15T11:00:00Z",
        "nextTryAt": "2026-03-15T12:04:00Z",
    }]);
    assert_eq!(ready.body["checks"]["stripe"]["paused"], expected);
    assert_eq!(ready.body["checks"]["stripe"]["ok"], false);
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("degraded")));
    assert_eq!(ok(&ports, "/stats").await.body["paused"], expected);
}

#[tokio::test]
async fn a_source_that_is_configured_no_more_keeps_nobody_degraded() {
    let database = with_runs().await;
    let late = MetricsConfig { sources: vec!["stripe"], ..config() };
    let mut ports = ports(database.database_of("metrics", 1), late);
    ports.clock.0 = at("2026-03-15T12:05:30Z");
    let ready = send(&ports, &event("GET", "/readyz", &[])).await;
    assert_eq!(ready.body["status"], "ok");
    assert!(ready.body["checks"].get("hubspot").is_none(), "{}", ready.body);
}

#[tokio::test]
async fn a_deployment_without_any_source_is_late_with_none() {
    let database = with_runs().await;
    let none = MetricsConfig::from_env(&[("SOURCES", "")].into_iter().collect()).unwrap();
    let ready =
        send(&ports(database.database_of("metrics", 1), none), &event("GET", "/readyz", &[])).await;
    assert_eq!(
        (&ready.body["status"], ready.body["checks"].as_object().unwrap().len()),
        (&json!("ok"), 1)
    );
}

#[tokio::test]
async fn a_source_that_never_synced_is_degraded_not_down() {
    let database = database().await;
    let source = "insert into sync_state (source, entity, mode, updated_at) values ('gcal', 'events', 'full', now())";
    database.client().await.batch_execute(source).await.unwrap();
    let ready =
        send(&ports(database.database_of("metrics", 1), config()), &event("GET", "/readyz", &[]))
            .await;
    assert_eq!((ready.status, &ready.body["syncStatus"]), (200, &json!("degraded")));
    assert_eq!(ready.body["checks"]["gcal"], json!({"ok": false, "lastSync": null, "lagS": null}));
}

#[tokio::test]
async fn only_a_database_out_of_reach_is_503_and_healthz_does_not_ask_for_it() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let login = Login {
        host: "127.0.0.1".into(),
        port,
        database: "d".into(),
        user: "u".into(),
        password: None,
    };
    let ports = ports(
        Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).unwrap(),
        config(),
    );
    let ready = send(&ports, &event("GET", "/readyz", &[])).await;
    assert_eq!((ready.status, ready.header("retry-after")), (503, "5"));
    assert_eq!(ready.body["checks"], json!({"db": {"ok": false, "latencyMs": null}}));
    let health = send(&ports, &event("GET", "/healthz", &[])).await;
    assert_eq!(
        health.body,
        json!({"status": "ok", "uptimeS": 42, "timestamp": "2026-03-15T12:00:00Z"})
    );
}

#[tokio::test]
async fn the_binary_answers_as_lambda_invokes_it() {
    let database = with_runs().await;
    let url = database.url_of("metrics");
    let env = [("DATABASE_URL", url.as_str()), ("DATABASE_TLS", "disable")];
    let host = RuntimeHost::start(&binary("metrics"), &env).await;
    let reply =
        host.invoke(event("GET", "/runs?limit=2", &[("x-api-key", super::READ_KEY)])).await.reply();
    assert_eq!(reply["statusCode"], 200, "{reply}");
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(ids(&body), ["7", "6"]);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the one setting of this test; functions get theirs from edge"
)]
async fn every_recorded_event_of_api_gateway_gets_a_reply() {
    let Ok(fixtures) = std::env::var("PENSTOCK_FIXTURES") else {
        eprintln!("skipped: PENSTOCK_FIXTURES does not name the folder of recorded events");
        return;
    };
    let ports = ports(database().await.database_of("metrics", 1), config());
    let mut asked = 0;
    for file in ["go", "rust", "powertools"].iter().flat_map(|maker| {
        std::fs::read_dir(format!("{fixtures}/aws-lambda-events/{maker}"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
    }) {
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(recorded) = serde_json::from_str::<Value>(&text) else { continue };
        // Those with a type go to an authorizer, not to a function behind the API.
        if recorded["version"] == "2.0"
            && recorded["rawPath"].is_string()
            && recorded["type"].is_null()
        {
            let reply = send(&ports, &recorded).await;
            assert!([404, 405].contains(&reply.status), "{}: {}", file.display(), reply.body);
            asked += 1;
        }
    }
    assert!(asked > 10);
}
