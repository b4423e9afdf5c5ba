//! `make smoke`, as one runs it after a deployment.

use std::cell::Cell;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::deployed_app::{DeployedApp, SOON};

/// The steps in their order, as `make smoke` prints them.
const STEPS: [&str; 11] = [
    "health", "ready", "connect", "webhook", "forgery", "lead", "event", "journey", "revenue",
    "erase", "gone",
];

/// Runs `make smoke`. Returns its exit code and its lines. Calls `relay` again and again meanwhile,
/// as its rule does once a minute.
async fn smoke(app: &DeployedApp, url: &str, keys: [&str; 2]) -> (Option<i32>, Vec<String>) {
    let mut make = Command::new("make");
    make.args(["-s", "smoke", &format!("URL={url}")])
        .env("KEY", keys[0])
        .env("INGEST_KEY", keys[1])
        // It is a make of its own, and not part of the one that runs the tests.
        .env_remove("MAKEFLAGS")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let is_over = Cell::new(false);
    // Its last round ends too: `relay` may run once at a time, and the next one would be throttled.
    let relay = async {
        while !is_over.get() {
            app.stack.invoke("relay", &json!({})).await.unwrap_or_else(|e| panic!("{e}"));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let make = async {
        let output = tokio::time::timeout(2 * SOON, make.output()).await;
        is_over.set(true);
        output.unwrap().unwrap()
    };
    let (output, ()) = tokio::join!(make, relay);
    let said = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), said.lines().map(str::to_owned).collect())
}

/// Returns verdict and name of each step.
fn steps(lines: &[String]) -> Vec<(String, String)> {
    let step = |line: &String| {
        let mut words = line.split_whitespace();
        let verdict = words.next()?;
        let name = words.find(|word| STEPS.contains(word))?;
        Some((verdict.to_owned(), name.to_owned()))
    };
    lines.iter().filter(|line| !line.starts_with("smoke:")).filter_map(step).collect()
}

async fn left(app: &DeployedApp) -> String {
    let sql = "select concat_ws(' ', (select count(*) from outbox), (select count(*) from payments), \
                      (select count(*) from leads), (select count(*) from events), \
                      (select count(*) from dead_letters), (select count(*) from revenue_buckets where count <> 0))";
    app.sql.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn make_smoke_tries_all_of_a_deployment_and_leaves_nothing_behind() {
    let app = DeployedApp::new("sys-smoke", &[]).await;
    let gateway = app.stack.gateway().unwrap();
    let admin = app.stack.key("admin", "the smoke test").await.unwrap();
    let ingest = app.stack.key("ingest", "the smoke test").await.unwrap();
    let all_ok = STEPS.map(|step| ("ok".to_owned(), step.to_owned()));

    // A step that fails is named, what follows from it is left out, and all else is tried.
    let (code, lines) = smoke(&app, gateway.url(), [&admin, "no-key"]).await;
    let wanted = all_ok.clone().map(|(ok, step)| {
        let verdict = match step.as_str() {
            "lead" | "event" => "FAILED",
            "journey" => "skipped",
            _ => &ok,
        };
        (verdict.to_owned(), step)
    });
    let words = || format!("{lines:#?}\n{}", app.stack.last_words(20));
    // make's own code for a recipe that failed.
    assert_eq!((code, steps(&lines)), (Some(2), wanted.to_vec()), "{}", words());
    assert!(lines.iter().any(|line| line.contains("401")), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "smoke: FAILED: lead, event");
    assert_eq!(left(&app).await, "0 0 0 0 0 0");

    // Another run beside the one that is still being erased, and all is well.
    let (code, lines) = smoke(&app, gateway.url(), [&admin, &ingest]).await;
    let words = || format!("{lines:#?}\n{}", app.stack.last_words(20));
    assert_eq!((code, steps(&lines)), (Some(0), all_ok.to_vec()), "{}", words());
    assert_eq!(left(&app).await, "0 0 0 0 0 0");
    let connections: String = app
        .sql
        .query_one(
            "select string_agg(distinct state, ' ') from connections where name like 'smoke-%'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(connections, "erasing");
    assert!(!lines.concat().contains(&admin) && !lines.concat().contains(&ingest));

    // Without its keys it says which are missing.
    let (code, _) = smoke(&app, gateway.url(), [&admin, ""]).await;
    assert_eq!(code, Some(2));
}
