//! Statements that a function leaves behind, since it was killed or frozen while they waited: the
//! limits of its role end them (trap 69). The functions are run as built.

use std::time::Duration;

use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_testkit::{Outcome, RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::stripe_account::{account, assert_true};
use crate::webhook::secrets::BuiltWebhook;

const SECRET: &str = "whsec_of_the_frozen";

/// Longer than Postgres takes to see that a peer is gone (5 s), and than the limits of `webhook`
/// (8 s).
const SOON: Duration = Duration::from_secs(60);

/// With these nothing that a function leaves behind ends by a limit of its role.
pub const NO_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("transaction_timeout", "0")];

/// Starts a function as built, over the database of `app`.
async fn start(name: &str, app: &TestApp) -> (RuntimeHost, FakeAws) {
    let aws = FakeAws::start().await;
    let own = [
        ("DATABASE_URL", app.db.url_of(name)),
        ("STRIPE_BASE_URL", app.stripe.url()),
        ("STRIPE_API_KEY", app.stripe.key()),
        ("STRIPE_LIVEMODE", "false".to_owned()),
        ("SOURCES", "stripe".to_owned()),
    ];
    let env = [aws.environment().as_slice(), &own].concat();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    (RuntimeHost::start(&binary(name), &env).await, aws)
}

async fn lock(app: &TestApp, tables: &str) -> Client {
    let client = app.db.client().await;
    let lock = format!("begin; lock table {tables} in access exclusive mode");
    client.batch_execute(&lock).await.unwrap();
    client
}

/// Sets limits of the role of `function` for this database.
pub async fn limit(app: &TestApp, function: &str, limits: &[(&str, &str)]) {
    let user = app.db.login_of(function).user;
    let database: String = app.db.scalar("select current_database()::text").await;
    for (limit, time) in limits {
        let command = format!("alter role {user} in database {database} set {limit} = '{time}'");
        app.db.client().await.batch_execute(&command).await.unwrap();
    }
}

/// Returns once a statement of `function` waits on a lock (`true`), or no session of it is in the
/// middle of anything (`false`).
pub async fn until_it_waits(app: &TestApp, function: &str, waits: bool) {
    let user = app.db.login_of(function).user;
    let of_it =
        format!("from pg_stat_activity where datname = current_database() and usename = '{user}'");
    let sql = match waits {
        true => format!("select count(*) > 0 {of_it} and wait_event_type = 'Lock'"),
        false => format!("select count(*) = 0 {of_it} and state <> 'idle'"),
    };
    let client = app.db.client().await;
    let reached = async {
        while !client.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(SOON, reached).await;
    assert!(in_time.is_ok(), "{function}: waits is not {waits}");
}

fn message(body: &str) -> Value {
    let attributes = json!({"ApproximateReceiveCount": "1"});
    json!({"Records": [{"messageId": "m", "body": body, "attributes": attributes}]})
}

fn request(method: &str, path: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "body": body, "isBase64Encoded": false,
        "headers": {"x-api-key": INGEST_KEY}, "requestContext": {"http": {"method": method}, "stage": "$default"},
    })
}

/// The functions, each with an event whose first statement reads or writes the outbox, or what
/// stands beside it.
fn events() -> [(&'static str, Value); 6] {
    let ticket = Ticket::new(vec![OutboxId::new(jiff::Timestamp::UNIX_EPOCH)]).to_body();
    let pull = FetchRequest::new("stripe", "charge", Mode::Full);
    [
        ("process", message(&ticket)),
        ("fetch", serde_json::to_value(pull).unwrap()),
        ("relay", json!({})),
        ("bury", message("no ticket")),
        ("ingest", request("POST", "/leads", "a lead")),
        ("metrics", request("GET", "/readyz", "")),
    ]
}

#[tokio::test]
async fn trap_69_the_statement_of_a_function_that_was_killed_ends_within_seconds() {
    let app = TestApp::over(account(392, 1)).await;
    app.let_in().await;
    let all: String = app
        .db
        .scalar("select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'")
        .await;
    let _locked = lock(&app, &all).await;
    let victims = events().into_iter().map(async |(name, event)| {
        // It is seen to be gone, and by no other limit.
        limit(&app, name, &NO_LIMITS).await;
        let (victim, _aws) = start(name, &app).await;
        let outcome = tokio::select! {
            outcome = victim.invoke(event) => outcome,
            () = until_it_waits(&app, name, true) => Outcome::Died(victim.kill().await),
        };
        assert!(matches!(outcome, Outcome::Died(_)), "{name}: {outcome:?}");
        until_it_waits(&app, name, false).await;
    });
    futures_util::future::join_all(victims).await;
}

#[tokio::test]
async fn trap_69_the_statement_of_a_function_that_is_frozen_ends_by_the_limit_of_its_role() {
    let app = TestApp::over(account(393, 1)).await;
    let frozen = BuiltWebhook::at(app.db.url_of("webhook"), SECRET).await;
    assert_eq!(frozen.post("evt_0", &[SECRET]).await, 200);
    let _locked = lock(&app, "outbox").await;
    let asleep = async {
        until_it_waits(&app, "webhook", true).await;
        frozen.host.freeze();
        // Its socket is open, and nobody asks Postgres to end anything.
        until_it_waits(&app, "webhook", false).await;
        frozen.host.thaw();
    };
    let (status, ()) = tokio::join!(frozen.post("evt_1", &[SECRET]), asleep);
    assert_eq!(status, 202, "it is spilled");
    assert_eq!(frozen.aws.take_from("spill").len(), 1);
}

#[tokio::test]
async fn trap_69_rows_that_a_frozen_function_has_claimed_are_free_again_by_the_limit_of_its_role() {
    let app = TestApp::over(account(394, 20)).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    limit(&app, "process", &[("idle_in_transaction_session_timeout", "1s")]).await;

    assert_rows_are_freed(&app, &tickets, "payments").await;
}

/// Freezes `process` while it waits for a lock of `table` within a batch. Another `process` gets
/// the rows once Postgres has ended the transaction of the frozen one.
async fn assert_rows_are_freed(app: &TestApp, tickets: &[String], table: &str) {
    let (frozen, _aws) = start("process", app).await;
    let locked = lock(app, table).await;
    let asleep = async {
        until_it_waits(app, "process", true).await;
        frozen.freeze();
        // Its statement goes on, and its transaction waits for a client that is frozen.
        locked.batch_execute("commit").await.unwrap();
        until_it_waits(app, "process", false).await;
        // A claim of 24 MB may take longer than a statement has, on a machine with much to do. As
        // long as the other one is frozen, no number of tries would free a row.
        let mut tries = 0;
        while app.deliver(tickets, 2).await.failures() > 0 {
            tries += 1;
            assert!(tries < 10, "the rows are free");
        }
        frozen.thaw();
    };
    let event = json!({"Records": tickets.iter().map(|ticket| message(ticket)["Records"][0].clone()).collect::<Vec<_>>()});
    // Longer than all tries take.
    let deadline = Duration::from_secs(300);
    let (outcome, ()) = tokio::join!(frozen.invoke_with_deadline(event, deadline), asleep);
    assert!(matches!(outcome, Outcome::Replied(_)), "{outcome:?}");
    app.drain().await;
    assert_true(app).await;
}

/// More than the sockets of both sides hold: 4 MB to send and 6 MB to receive, by Linux' defaults.
const UNREAD: usize = 24;

#[tokio::test]
async fn trap_69_rows_that_postgres_cannot_write_to_a_frozen_function_are_free_again_by_its_limit()
{
    let app = TestApp::over(account(395, UNREAD.try_into().unwrap())).await;
    app.fetch_all().await.unwrap();
    let tickets = app.tickets.take();
    // A JSON text may end with spaces.
    let longer =
        "update outbox set payload = payload || convert_to(repeat(' ', 1024 * 1024), 'utf8')";
    app.db.client().await.batch_execute(longer).await.unwrap();
    limit(&app, "process", &[("tcp_user_timeout", "1s"), ("transaction_timeout", "0")]).await;

    // The rows do not fit into the sockets. No limit of the statement or of the idle session ends
    // the claim.
    assert_rows_are_freed(&app, &tickets, "outbox").await;
}
