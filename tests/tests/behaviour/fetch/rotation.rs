//! Secrets that are rotated in the middle of a run (trap 46) are read again once, and no run fails.

use std::sync::Arc;

use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::elsewhere;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::stripe_account::account;

/// The database's secret in the form that RDS writes, for a login of that name.
fn login_of(app: &TestApp, user: &str) -> String {
    let login = app.db.login_of("fetch");
    let (host, port, name) = (&login.host, login.port, &login.database);
    json!({"username": user, "password": "p", "host": host, "port": port, "dbname": name})
        .to_string()
}

#[tokio::test]
async fn trap_46_a_database_login_that_is_rotated_in_mid_run_is_read_again_once_and_no_run_fails() {
    let app = TestApp::over(account(95, 500)).await;
    let suffix: String = app.db.scalar("select current_database()::text").await;
    let (before, after) = (format!("before_{suffix}"), format!("after_{suffix}"));
    // As AWS rotates a secret by alternating users: each has what the function's role has.
    let role = app.db.login_of("fetch").user;
    let roles = format!(
        "create role {before} login password 'p' in role {role}; \
         create role {after} login password 'p' in role {role}"
    );
    app.db.client().await.batch_execute(&roles).await.unwrap();
    let aws = Arc::new(FakeAws::start().await);
    aws.rotate(&login_of(&app, &before));
    let queues = ["tickets", "fetch-requests", "quick-requests"].map(|name| aws.queue(name));
    let (stripe, key) = (app.stripe.url(), app.stripe.key());
    let env = [
        ("DATABASE_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"),
        ("DATABASE_TLS", "disable"),
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("TICKETS_QUEUE_URL", &queues[0]),
        ("FETCH_REQUESTS_QUEUE_URL", &queues[1]),
        ("QUICK_REQUESTS_QUEUE_URL", &queues[2]),
        ("STRIPE_BASE_URL", &stripe),
        ("STRIPE_API_KEY", &key),
        // The connection is idle while the request waits for the reply, so no transaction is cut
        // off.
        ("STRIPE_CONCURRENCY", "1"),
    ];
    let fetch = RuntimeHost::start(&binary("fetch"), &env).await;
    // The old login ends, and with it the connection that used it.
    let (url, secrets, now) = (app.db.url(), Arc::clone(&aws), login_of(&app, &after));
    let end = format!(
        "alter role {before} nologin; \
         select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{before}'"
    );
    app.stripe.on_request(3, move || {
        secrets.rotate(&now);
        elsewhere::execute(&url, &end);
    });
    let request = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    assert_eq!(fetch.invoke_unhurried(request).await.reply()["outcome"], "finished");
    assert_eq!(aws.secret_reads(), 2, "once to begin with, once after the refusal");
    let report: String = app.db.scalar("select status || ' ' || errors from sync_runs").await;
    assert_eq!(report, "succeeded 0");
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 500);
    drop(fetch);
    let roles = format!("drop role if exists {before}; drop role if exists {after}");
    app.db.client().await.batch_execute(&roles).await.unwrap();
}
