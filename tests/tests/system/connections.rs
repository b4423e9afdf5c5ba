//! `make connect` and the routes of connections, over the deployed template.

use std::ops::ControlFlow;
use std::path::PathBuf;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};
use penstock_tests::stack::{Reply, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::deployed_app::{DeployedApp, SOON};

const KEY: &str = "rk_test_of_the_second_account";

const SETTINGS: &str = r#"{"base_url":"http://127.0.0.1:9","livemode":"false","page_size":"50"}"#;

/// A file with a secret, as an operator has it.
struct SecretFile(PathBuf);

impl SecretFile {
    fn new(text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("secret-{}", Uuid::now_v7().simple()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

struct Operated {
    app: DeployedApp,
}

impl Operated {
    /// Runs a command that must succeed, and returns what it printed.
    async fn done(&self, verb: &str, options: &[&str]) -> String {
        let (code, said) = self.run(verb, options).await;
        assert_eq!(code, 0, "{verb}: {said}\n{}", self.app.stack.last_words(20));
        said
    }

    async fn run(&self, verb: &str, options: &[&str]) -> (i32, String) {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        self.app.stack.connection(verb, &options).await.unwrap()
    }

    async fn row(&self, name: &str) -> (String, String, Option<String>) {
        let sql = "select state, settings, key_secret from connections where name = $1";
        let row = self.app.sql.query_one(sql, &[&name]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }
}

#[tokio::test]
async fn make_connect_writes_row_and_secrets_and_asks_for_the_first_run_and_is_undone_step_by_step()
{
    let app = DeployedApp::new("connections", &[]).await;
    let stack = app.stack.name().to_owned();
    let operated = Operated { app };
    let key = SecretFile::new(&format!("{KEY}\n"));
    let signing = SecretFile::new("whsec_new\n\nwhsec_old\n");
    let (key, signing) = (
        format!("--key-file={}", key.0.display()),
        format!("--signing-file={}", signing.0.display()),
    );
    // Nobody answers there, so that its runs wait.
    let settings = "--settings=livemode=false page_size=50 base_url=http://127.0.0.1:9";
    let options = ["--name=stripe-eu", "--source=stripe", &key, &signing, settings];
    let said = operated.done("connect", &options).await;
    assert!(
        said.contains("stripe-eu is connected") && said.contains("/webhooks/stripe/stripe-eu"),
        "{said}"
    );
    let (state, stored, key_secret) = operated.row("stripe-eu").await;
    assert_eq!((state.as_str(), stored.as_str()), ("active", SETTINGS));
    let key_secret = key_secret.unwrap();
    assert_eq!(key_secret, format!("penstock/{stack}/keys/stripe-eu/1"));
    let text = operated.app.stack.secret(&key_secret).await;
    assert_eq!(text.as_deref().map(str::trim), Some(KEY));
    let signing_secret = format!("penstock/{stack}/signing/stripe-eu");
    let text = operated.app.stack.secret(&signing_secret).await;
    assert_eq!(text.as_deref(), Some(r#"{"signingSecrets":["whsec_new","whsec_old"]}"#));
    let wanted = "select exists (select from sync_state where source = 'stripe-eu' and entity = 'event' and mode = 'incremental')";
    operated.app.until("the first run is requested", wanted).await;
    let asked = eventually("fetch is asked", SOON, async || {
        let has_come = operated.app.stack.log("fetch").contains("stripe-eu");
        Ok(if has_come { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    asked.await.unwrap_or_else(|e| panic!("{e}\n{}", operated.app.stack.last_words(20)));

    // Another key for the same connection: another secret, and the old one is gone.
    let rotated = SecretFile::new("rk_test_rotated");
    let rotated = format!("--key-file={}", rotated.0.display());
    operated.done("connect", &["--name=stripe-eu", &rotated]).await;
    let (_, stored, renamed) = operated.row("stripe-eu").await;
    assert!(stored.contains("page_size"), "what is not said stays: {stored}");
    let renamed = renamed.unwrap();
    assert_eq!(operated.app.stack.secret(&renamed).await.as_deref(), Some("rk_test_rotated"));
    assert_eq!(operated.app.stack.secret(&key_secret).await, None);

    let said = operated.done("list", &[]).await;
    let line = said.lines().find(|line| line.starts_with("stripe-eu")).unwrap();
    assert!(line.contains("active") && line.contains("page_size=50"), "{said}");
    operated.done("pause", &["--name=stripe-eu"]).await;
    assert_eq!(operated.row("stripe-eu").await.0, "paused");
    operated.done("resume", &["--name=stripe-eu"]).await;
    assert_eq!(operated.row("stripe-eu").await.0, "active");

    for (verb, options, why) in [
        ("connect", &["--name=stripe-eu", "--settings=colour=red"][..], "an unknown setting"),
        ("connect", &["--name=stripe-uk", "--source=stripe"], "no key, and nobody to type it"),
        ("connect", &["--name=Stripe", "--source=stripe", &rotated], "no name"),
        ("erase", &["--name=stripe-eu"], "nobody types the name again"),
        ("pause", &["--name=nobody"], "no such connection"),
    ] {
        assert_ne!(operated.run(verb, options).await.0, 0, "{why}");
    }
    assert_eq!(operated.row("stripe-eu").await.0, "active");

    let said = operated.done("remove", &["--name=stripe-eu"]).await;
    assert!(said.contains("stay and count"), "{said}");
    assert_eq!(operated.row("stripe-eu").await.0, "removed");
    for secret in [&renamed, &signing_secret] {
        assert_eq!(operated.app.stack.secret(secret).await, None, "{secret}");
    }
    // The signing secret has its name again, which Secrets Manager keeps for a week.
    operated.done("connect", &options).await;
    assert!(operated.app.stack.secret(&signing_secret).await.is_some());
    operated.done("erase", &["--name=stripe-eu", "--yes"]).await;
    let gone = "select state in ('erasing', 'erased') from connections where name = 'stripe-eu'";
    operated.app.until("it is being erased", gone).await;

    // LocalStack writes what a function has printed on a thread of its own.
    let written = eventually("the last change is logged", SOON, async || {
        let log = operated.app.stack.log("admin");
        let is_there = log.contains("\"change\":\"erasing\"");
        Ok(if is_there { ControlFlow::Break(log) } else { ControlFlow::Continue(log) })
    });
    let log = written.await.unwrap();
    for change in ["connected", "changed", "paused", "resumed", "removed", "erasing"] {
        let line = log.lines().find(|line| line.contains(&format!("\"change\":\"{change}\"")));
        assert!(line.is_some_and(|line| line.contains("connection_changed")), "{change}: {log}");
    }
    assert!(!log.contains("rk_test_") && !log.contains("whsec_"), "{log}");
}

#[tokio::test]
async fn the_routes_of_connections_ask_for_an_admin_key_and_do_the_same() {
    let app = DeployedApp::new("connectionsapi", &[]).await;
    let admin = app.stack.key("admin", "operator").await.unwrap();
    let read = app.stack.key("read", "dashboard").await.unwrap();
    let gateway = app.stack.gateway().unwrap();
    let json = |reply: &Reply| reply.json().unwrap();
    let keyed = [("x-admin-api-key", admin.as_str())];
    let list = gateway.ask(axum::http::Method::GET, "/connections", &keyed).await.unwrap();
    assert_eq!(list.status, 200);
    let declared: Vec<Value> = json(&list)["connections"].as_array().unwrap().clone();
    // The stack has no key of Stripe's, and the secret of its webhooks.
    assert_eq!(declared.len(), 1, "{declared:?}");
    assert_eq!(
        (&declared[0]["name"], &declared[0]["hasSigningSecret"]),
        (&json!("stripe"), &json!(true))
    );
    for key in [
        ("x-api-key", read.as_str()),
        ("x-api-key", admin.as_str()),
        ("x-admin-api-key", read.as_str()),
    ] {
        let refused = gateway.ask(axum::http::Method::GET, "/connections", &[key]).await.unwrap();
        assert_eq!(refused.status, 401);
    }
    let paused = gateway.post("/connections/stripe/pause", &keyed, String::new()).await.unwrap();
    assert_eq!((paused.status, &json(&paused)["state"]), (200, &json!("paused")));
    let gone =
        gateway.ask(axum::http::Method::DELETE, "/connections/stripe", &keyed).await.unwrap();
    assert_eq!(gone.status, 409, "{}", gone.body);
}

#[tokio::test]
async fn a_second_account_is_pulled_by_itself_from_the_moment_it_is_connected() {
    let now = SystemClock.now().as_second();
    let history = AccountSpec::between(1_360, 60, now - 30 * 86_400, now - 3_600);
    let stripe = StripeSimulator::start(StripeAccount::new(history)).unwrap();
    let app = DeployedApp::new("secondaccount", &[]).await;
    let operated = Operated { app };
    let key = SecretFile::new(&stripe.key());
    let key = format!("--key-file={}", key.0.display());
    let settings =
        format!("--settings=base_url={} rate_per_second=100 livemode=false", stripe.url());
    operated.done("connect", &["--name=stripe-eu", "--source=stripe", &key, &settings]).await;
    // The first incremental run finds no cursor, and has the whole history read.
    let charges =
        "select count(*) = 60 from payments where source = 'stripe-eu' and kind = 'charge'";
    operated.app.until("the second account is here", charges).await;
    operated.app.drain().await;
    operated.done("remove", &["--name=stripe-eu"]).await;
    operated.app.until("its rows stay", charges).await;
}
