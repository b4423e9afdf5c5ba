//! The audit log of changes that come with an API key: each has its row, in its own transaction.

use penstock_edge::http::Service as _;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use super::trigger::{ADMIN_KEY, Admin, accepted, admin, request};
use crate::jobs::{post, start, work};
use crate::process::batches::{charge, put};
use crate::stripe_account::account;

/// The trail, oldest first: each entry as `who did what to what: why detail`.
pub async fn trail(app: &TestApp) -> Vec<String> {
    let sql = "select format('%s %s %s %s: %s %s', actor_kind, actor, action, object, why, detail) \
               from audit_log order by seq";
    app.db.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Has the database refuse each row of the trail to a function.
pub async fn refuse_trail(app: &TestApp, function: &str) {
    let role: String = app.db.scalar(&format!(
        "select quote_ident(grantee) from information_schema.role_table_grants \
         where table_name = 'audit_log' and privilege_type = 'INSERT' and grantee like '%{function}'"
    )).await;
    let revoke = format!("revoke insert on audit_log from {role}");
    app.db.client().await.batch_execute(&revoke).await.unwrap();
}

async fn moved(admin: &Admin, path: &str) -> u16 {
    post(admin, path, json!({})).await.0
}

#[tokio::test]
async fn each_change_with_a_key_is_in_the_trail_once_and_what_changes_nothing_is_not() {
    let app = TestApp::over(account(1_700, 1)).await;
    let admin = admin(&app).await;
    let run = accepted(&admin, "stripe/incremental", "first").await;
    assert_eq!(accepted(&admin, "stripe/incremental", "first").await, run, "the same request");
    for (path, times) in [("/connections/stripe/pause", 2), ("/connections/stripe/resume", 2)] {
        for _ in 0..times {
            assert_eq!(moved(&admin, path).await, 200, "{path}");
        }
    }
    let ids = put(&app, &[("ch_1".to_owned(), charge("ch_1", "1e400", "succeeded"))]).await;
    work(&app, &ids).await;
    let job = start(&admin, "/admin/events/replay", json!({})).await;
    for step in ["pause", "pause", "resume", "stop", "stop"] {
        assert_eq!(moved(&admin, &format!("/admin/jobs/{job}/{step}")).await, 200, "{step}");
    }
    assert_eq!(moved(&admin, &format!("/admin/jobs/{job}/resume")).await, 409);
    let by =
        |action: &str, object: &str, more: &str| format!("key operator {action} {object}: {more}");
    let expected = [
        by("run.requested", "stripe", r#" {"mode":"incremental"}"#),
        by("connection.paused", "stripe", " "),
        by("connection.resumed", "stripe", " "),
        by("job.started", &job, r#"it is mended {"kind":"replay"}"#),
        by("job.paused", &job, " "),
        by("job.resumed", &job, " "),
        by("job.stopped", &job, " "),
    ];
    assert_eq!(trail(&app).await, expected);
}

#[tokio::test]
async fn the_trail_says_from_which_address_and_in_which_request() {
    let app = TestApp::over(account(1_701, 1)).await;
    let admin = admin(&app).await;
    let headers = [
        ("x-admin-api-key", ADMIN_KEY),
        ("idempotency-key", "first"),
        // A caller writes what it likes here.
        ("x-forwarded-for", "192.0.2.9"),
    ];
    let mut asked = request("POST", "/trigger/stripe/incremental", &headers);
    asked.source_ip = Some("198.51.100.7".to_owned());
    let reply = admin.handle(&asked, "invocation-7").await;
    assert_eq!(reply.status_code, 202);
    let id = reply.headers["x-request-id"].to_str().unwrap().to_owned();
    let sql = "select format('%s %s', address, request_id) from audit_log";
    assert_eq!(app.db.scalar::<String>(sql).await, format!("198.51.100.7 {id}"));
}

#[tokio::test]
async fn a_change_whose_row_cannot_be_written_is_not_made() {
    let app = TestApp::over(account(1_702, 1)).await;
    let admin = admin(&app).await;
    let ids = put(&app, &[("ch_1".to_owned(), charge("ch_1", "1e400", "succeeded"))]).await;
    work(&app, &ids).await;
    let (_, plan) = post(&admin, "/admin/events/replay", json!({"dryRun": true})).await;
    refuse_trail(&app, "admin").await;
    let headers = [("x-admin-api-key", ADMIN_KEY), ("idempotency-key", "first")];
    let asked = request("POST", "/trigger/stripe/incremental", &headers);
    assert_eq!(admin.handle(&asked, "invocation").await.status_code, 500);
    assert_eq!(moved(&admin, "/connections/stripe/pause").await, 500);
    let begun = json!({"token": plan["token"], "why": "it is mended"});
    assert_eq!(post(&admin, "/admin/events/replay", begun).await.0, 500);
    let changed = "select (select count(*) from run_requests) + (select count(*) from jobs where state <> 'planned') \
                   + (select count(*) from connections where state <> 'active')";
    assert_eq!(app.db.scalar::<i64>(changed).await, 0);
}
