//! The contract is tried in Swagger UI, in the system's own Chromium: by keys and by a session.

use std::time::Duration;

use console::Ports;
use penstock_domain::account::Role;
use penstock_domain::clock::Clock as _;
use penstock_testkit::MemoryQueue;
use penstock_tests::clock::TestClock;
use penstock_tests::gateway::{Backend, Failure, Server, Settings, answer};
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::{Value, json};

use super::World;
use super::keys::{metrics, shown};
use crate::console::browser::{accounts, tools};
use crate::ingest;
use crate::stripe_account::account;

/// The functions that the page calls.
struct Functions {
    console: Ports,
    metrics: metrics::Ports<TestClock>,
    accounts: accounts::Ports<TestClock>,
    ingest: ::ingest::Ports<TestClock, MemoryQueue>,
}

impl Backend for Functions {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        match function {
            "console" => answer(&self.console, event, "invocation").await,
            "metrics" => answer(&self.metrics, event, "invocation").await,
            "ingest" => answer(&self.ingest, event, "invocation").await,
            "accounts" => {
                let deadline = self.accounts.clock.now() + Duration::from_secs(20);
                let reply = self.accounts.invoke(event, "invocation", deadline).await;
                reply.map_err(|error| Failure::of_function(&error))
            }
            other => Err(Failure::of_function(&format!("{other} is not served here"))),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_is_posted_a_journey_read_and_a_session_shown_from_the_page() {
    let Some(tools) = tools() else { return };
    let mut world = World::over(TestApp::over(account(6_190, 1)).await);
    world.console.config.public_base_url = None;
    world.app.let_in().await;
    let event = json!({"userId": "user-1", "sessionId": "s", "type": "signed_up", "eventId": "e"})
        .to_string();
    let taken = ingest::post(&world.app.ingest, "/events", &[], event.as_bytes()).await;
    assert_eq!(taken.status, 202);
    world.app.work_tickets().await;
    let admin = world.person("ada", Role::Admin).await;
    let made = [("name", "a reader"), ("scope", "read")];
    let read_key = shown(world.post(&admin, "/console/keys", &made).await.text());
    let (_, session) = admin.cookie.split_once('=').unwrap();
    let World { app, console, .. } = world;
    let functions = (metrics(&app), accounts(&app), app.db.client().await, session.to_owned());
    let (metrics, accounts, owner, session) = functions;
    let TestApp { ingest, db: _db, .. } = app;
    let functions = Functions { console, metrics, accounts, ingest };
    let server = Server::start(Settings::default(), functions, std::io::stderr()).unwrap();
    let program = tools
        .program("tests/behaviour/console/acting/docs.py")
        .args([&server.url(), INGEST_KEY, &read_key, &session])
        .output();
    let output = tokio::time::timeout(Duration::from_secs(600), program).await;
    let output = output.expect("it ends").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sql = "select payload from outbox where entity = 'lead'";
    let body: Vec<u8> = owner.query_one(sql, &[]).await.unwrap().get(0);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"email": "ada@x.example", "name": "Ada"}));
}
