//! Runs and health, for the operator.

use std::sync::Arc;

use super::{config, database, event, get, ok, ports, send};
use penstock_store::{Database, Login, StaticLogin, Tls};
use penstock_testkit::{RuntimeHost, TestDatabase, binary};
use serde_json::{Value, json};

/// Seven runs, a minute apart except two that began together.
const RUNS: &str = "
    insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at, unmapped, last_error,
                           error_class)
    select ('019a0000-0000-7000-8000-00000000000' || n)::uuid, case n % 2 when 0 then 'stripe' else 'hubspot' end,
           'charges', 'full', case n when 7 then 'failed' else 'succeeded' end, at, at, at + interval '5 s',
           '{charge:odd}', case n when 7 then 'page 3: 500' end, case n when 7 then 'dependency' end
      from generate_series(1, 7) n,
           lateral (select timestamptz '2026-03-15 11:00:00.123456Z' + least(n, 6) * interval '1 minute' as at) t";

async fn with_runs() -> TestDatabase {
    let database = database().await;
    database.client().await.batch_execute(RUNS).await.unwrap();
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
        "runId": "019a0000-0000-7000-8000-000000000007", "source": "hubspot", "connection": "hubspot", "entity": "charges", "mode": "full",
        "status": "failed", "startedAt": "2026-03-15T11:06:00.123456Z", "updatedAt": "2026-03-15T11:06:00.123456Z",
        "finishedAt": "2026-03-15T11:06:05.123456Z", "pages": 0, "rowsSeen": 0, "rowsNew": 0, "processed": 0,
        "dead": 0, "errors": 0, "lastError": "page 3: 500", "errorClass": "dependency", "unmapped": ["charge:odd"], "cursorBefore": null,
        "cursorAfter": null,
    });
    assert_eq!(run, expected);
    for id in ["019a0000-0000-7000-8000-0000000000ff", "7", "%00"] {
        assert_eq!(get(&ports, &format!("/runs/{id}")).await.status, 404, "{id}");
    }
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
