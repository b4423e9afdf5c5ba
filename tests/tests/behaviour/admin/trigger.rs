//! Runs that an operator requests: `POST /trigger/{source}/{mode}`, and `GET /runs/{runId}` for
//! them.

use std::sync::Arc;
use std::time::Duration;

use admin::AdminConfig;
use metrics::MetricsConfig;
use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::KeyId;
use penstock_edge::http::{Reply, Request, Service as _};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::{MemoryQueue, MemorySecrets};
use penstock_tests::clock::TestClock;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stripe_account::{account, assert_true};

pub type Admin = admin::Ports<TestClock, MemoryQueue>;

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

pub const ADMIN_KEY: &str = "an admin key of the test app";

/// Starts an environment of `admin` over the database of `app` and registers [`ADMIN_KEY`].
pub async fn admin(app: &TestApp) -> Admin {
    let key = NewKey {
        id: KeyId::new(app.clock.now()).0,
        name: "operator",
        scope: Scope::Admin,
        sha256: Sha256::digest(ADMIN_KEY).into(),
        rate_per_second: None,
    };
    api_keys::insert(&app.db.client().await, key, app.clock.now()).await.unwrap();
    environment(app)
}

pub fn environment(app: &TestApp) -> Admin {
    admin::Ports {
        database: app.db.database_of("admin", 1),
        admission: Admission::new(app.db.database_of("admin", 1), 1_000),
        requests: app.requests.clone(),
        secrets: Arc::new(MemorySecrets::default()),
        depths: Arc::new(app.requests.clone()),
        config: AdminConfig::from_env(&[("SOURCES", "stripe")].into_iter().collect()).unwrap(),
        clock: app.clock.clone(),
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    let http = json!({"http": {"method": method}, "stage": "$default"});
    let event = json!({"rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": http});
    serde_json::from_value(event).unwrap()
}

pub fn read(reply: &Reply) -> (u16, Value) {
    (reply.status_code, serde_json::from_slice(&reply.body).unwrap())
}

async fn trigger(admin: &Admin, path: &str, key: &str) -> Reply {
    let headers = [("x-admin-api-key", ADMIN_KEY), ("idempotency-key", key)];
    admin.handle(&request("POST", &format!("/trigger/{path}"), &headers), "invocation").await
}

/// Triggers a run that must be accepted, and returns its id.
pub async fn accepted(admin: &Admin, path: &str, key: &str) -> String {
    let (status, body) = read(&trigger(admin, path, key).await);
    assert_eq!(status, 202, "{body}");
    body["runId"].as_str().unwrap().to_owned()
}

/// Returns the reply of `GET /runs/{runId}`.
pub async fn run(app: &TestApp, id: &str) -> Value {
    let metrics = metrics::Ports {
        database: app.db.database_of("metrics", 1),
        admission: Admission::new(app.db.database_of("metrics", 1), 1_000),
        config: MetricsConfig::from_env(&Env::default()).unwrap(),
        clock: app.clock.clone(),
        started: app.clock.now(),
    };
    let reply = metrics
        .handle(&request("GET", &format!("/runs/{id}"), &[("x-admin-api-key", ADMIN_KEY)]), "i")
        .await;
    let (status, body) = read(&reply);
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn a_run_that_is_asked_for_is_found_from_the_reply_on_and_brings_the_vendors_truth() {
    let app = TestApp::over(account(61, 200)).await;
    let admin = admin(&app).await;
    let (status, body) = read(&trigger(&admin, "stripe/full", "k1").await);
    let id = body["runId"].as_str().unwrap().to_owned();
    assert_eq!(
        (status, &body),
        (202, &json!({"runId": id, "source": "stripe", "mode": "full", "status": "accepted"}))
    );

    let told = run(&app, &id).await;
    assert_eq!(
        (&told["status"], &told["entity"], &told["runs"]),
        (&json!("accepted"), &Value::Null, &json!([]))
    );
    assert_eq!(told["waiting"].as_array().unwrap().len(), 3, "charge, refund and dispute");

    app.drain().await;
    assert_true(&app).await;
    let told = run(&app, &id).await;
    assert_eq!((&told["status"], &told["waiting"]), (&json!("succeeded"), &json!([])), "{told}");
    let entities: Vec<&str> =
        told["runs"].as_array().unwrap().iter().map(|r| r["entity"].as_str().unwrap()).collect();
    assert_eq!(entities, ["charge", "refund", "dispute"]);
    let rows: i64 = app.db.scalar("select count(*) from outbox").await;
    assert_eq!((&told["rowsNew"], &told["processed"]), (&json!(rows), &json!(rows)));
    assert_eq!(told["progress"]["done"], json!(1.0));
    let note = told["runs"][0]["lastError"].as_str().unwrap();
    assert_eq!(note, format!("requested: by POST /trigger, accepted as {id}"));
    // A run of fetch is found by its own id as well.
    let charge = run(&app, told["runs"][0]["runId"].as_str().unwrap()).await;
    assert_eq!(charge, told["runs"][0]);
}

#[tokio::test]
async fn a_run_that_was_committed_without_an_answer_begins_when_the_request_is_sent_again() {
    let app = TestApp::over(account(59, 20)).await;
    let admin = admin(&app).await;
    let id = accepted(&admin, "stripe/full", "k").await;
    // Whoever gets no answer from Postgres sends no message to fetch.
    drop(app.requests.take());
    assert_eq!(accepted(&admin, "stripe/full", "k").await, id);
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(run(&app, &id).await["status"], "succeeded");
    assert_eq!(accepted(&admin, "stripe/full", "k").await, id);
    assert!(app.requests.take().is_empty(), "its runs have begun");
}

#[tokio::test]
async fn an_incremental_run_that_is_asked_for_is_one_run_of_the_events() {
    let app = TestApp::over(account(62, 40)).await;
    let admin = admin(&app).await;
    app.fetch_all().await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    app.stripe.change(40);
    app.clock.advance(Duration::from_secs(600));
    let id = accepted(&admin, "stripe/incremental", "k").await;
    app.drain().await;
    assert_true(&app).await;
    let told = run(&app, &id).await;
    assert_eq!(
        (&told["status"], &told["runs"][0]["entity"]),
        (&json!("succeeded"), &json!("event")),
        "{told}"
    );
    assert!(told.get("progress").is_none(), "an incremental run has no history to go through");
}

#[tokio::test]
async fn what_is_accepted_is_done_even_where_the_queue_takes_nothing() {
    let app = TestApp::over(account(63, 60)).await;
    let admin = admin(&app).await;
    app.requests.refuse(true);
    let id = accepted(&admin, "stripe/full", "k").await;
    app.requests.refuse(false);
    assert!(app.requests.take().is_empty(), "the messages are lost");
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 3);
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(run(&app, &id).await["status"], "succeeded");
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_the_same_run_and_another_is_422() {
    let app = TestApp::over(account(64, 10)).await;
    let admin = admin(&app).await;
    let first = trigger(&admin, "stripe/full", "k").await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    app.drain().await;
    let again = trigger(&admin, "stripe/full", "\"k\"").await;
    assert_eq!((again.status_code, &again.body), (202, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(app.requests.take().is_empty(), "a replay asks for nothing that has begun");
    let other = read(&trigger(&admin, "stripe/incremental", "k").await);
    assert_eq!(
        (other.0, &other.1["type"]),
        (422, &json!("urn:penstock:problem:idempotency-key-reused"))
    );
    // A day later the key can be used again.
    app.clock.advance(Duration::from_secs(86_401));
    let later = trigger(&admin, "stripe/full", "k").await;
    assert_eq!(later.status_code, 202);
    assert_ne!(later.body, first.body);
}

#[tokio::test]
async fn twenty_requests_at_once_under_one_key_are_one_run() {
    let app = TestApp::over(account(65, 10)).await;
    drop(admin(&app).await);
    let environments: Vec<Admin> = (0..20).map(|_| environment(&app)).collect();
    let replies = environments.iter().map(|admin| trigger(admin, "stripe/incremental", "one"));
    let replies = futures_util::future::join_all(replies).await;
    let bodies: std::collections::BTreeSet<&str> =
        replies.iter().map(penstock_edge::http::Reply::text).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let first =
        replies.iter().filter(|reply| !reply.headers.contains_key("idempotency-replayed")).count();
    assert_eq!((first, app.db.scalar::<i64>("select count(*) from run_requests").await), (1, 1));
}

#[tokio::test]
async fn full_runs_are_an_hour_apart_at_least_and_429_names_the_one_before() {
    let app = TestApp::over(account(66, 20)).await;
    drop(admin(&app).await);
    // At once, under two keys, in two environments: the second request is too soon after the first.
    let (one, two) = (environment(&app), environment(&app));
    let both = tokio::join!(trigger(&one, "stripe/full", "a"), trigger(&two, "stripe/full", "b"));
    let both = [read(&both.0), read(&both.1)];
    let (won, lost) = if both[0].0 == 202 { (&both[0], &both[1]) } else { (&both[1], &both[0]) };
    assert_eq!((won.0, lost.0), (202, 429), "{both:?}");
    assert_eq!(lost.1["runId"], won.1["runId"]);
    app.drain().await;

    app.clock.advance(Duration::from_secs(1_800));
    let early = trigger(&one, "stripe/full", "c").await;
    let (status, body) = read(&early);
    let wait: u64 = early.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!((status, &body["type"]), (429, &json!("urn:penstock:problem:too-recent")));
    assert!((1..1_802).contains(&wait), "{wait}");
    // An incremental run may be requested at any time, and the refused request has not used up its
    // key.
    accepted(&one, "stripe/incremental", "d").await;
    app.clock.advance(Duration::from_secs(wait));
    accepted(&one, "stripe/full", "c").await;
}

#[tokio::test]
async fn what_is_no_request_for_a_run_is_refused_and_says_where() {
    let app = TestApp::over(account(70, 1)).await;
    let admin = admin(&app).await;
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        let (status, body) =
            read(&admin.handle(&request(method, path, headers), "invocation").await);
        (status, body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned())
    };
    let (key, once) = (("x-admin-api-key", ADMIN_KEY), ("idempotency-key", "k"));
    let cases: [(&str, &str, Headers, u16, &str); 11] = [
        ("POST", "/trigger/stripe/full", &[key], 400, "#/header/Idempotency-Key"),
        (
            "POST",
            "/trigger/stripe/full",
            &[key, ("idempotency-key", "a b")],
            400,
            "#/header/Idempotency-Key",
        ),
        ("POST", "/trigger/unicorn/full", &[key, once], 404, "#/path/source"),
        ("POST", "/trigger/%00/full", &[key, once], 404, "#/path/source"),
        ("POST", "/trigger/stripe/object", &[key, once], 400, "#/path/mode"),
        ("POST", "/trigger/stripe/full?force=1", &[key, once], 400, "#/query/force"),
        ("POST", "/trigger/stripe/full", &[once], 401, ""),
        ("POST", "/trigger/stripe/full", &[("x-api-key", ADMIN_KEY), once], 401, ""),
        ("POST", "/trigger/stripe/full", &[("x-admin-api-key", "guess"), once], 401, ""),
        ("GET", "/trigger/stripe/full", &[key, once], 405, ""),
        ("POST", "/trigger/stripe", &[key, once], 404, ""),
    ];
    for (method, path, headers, status, pointer) in cases {
        assert_eq!(
            ask(method, path, headers).await,
            (status, pointer.to_owned()),
            "{method} {path} {headers:?}"
        );
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from run_requests").await, 0);
    assert!(app.requests.take().is_empty());
}
