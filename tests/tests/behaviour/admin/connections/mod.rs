//! Connections that are made, changed, paused, resumed, removed and erased while the system runs.

mod dying;
mod making;
mod operating;
mod refusing;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use penstock_domain::fetch_request::FetchRequest;
use penstock_edge::http::{Request, Service as _};
use penstock_testkit::MemorySecrets;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::admin::trigger::{self, ADMIN_KEY, Admin};
use crate::stripe_account::account;

const PREFIX: &str = "penstock/local";

/// A key of Stripe's that is planted, and looked for in replies, rows and lines.
const KEY: &str = "rk_live_canary_51AbCdEf";
const SIGNING: &str = "whsec_canary_77";

/// An operator over the database of an app, with secrets in memory.
struct Desk {
    app: TestApp,
    secrets: MemorySecrets,
}

impl Desk {
    async fn new(seed: u64) -> Self {
        let app = TestApp::over(account(seed, 1)).await;
        drop(trigger::admin(&app).await);
        Self { app, secrets: MemorySecrets::default() }
    }

    fn environment(&self) -> Admin {
        let mut ports = trigger::environment(&self.app);
        ports.config.told_where = vec!["gcal"];
        Admin { secrets: Arc::new(self.secrets.clone()), ..ports }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        ask(&self.environment(), method, path, &body).await
    }

    async fn put(&self, name: &str, body: Value) -> (u16, Value) {
        self.ask("PUT", &format!("/connections/{name}"), body).await
    }

    /// Connects a name that must be free.
    async fn connect(&self, name: &str, key: &str) -> Value {
        let body = json!({"source": "stripe", "key": key, "signingSecrets": [SIGNING]});
        let (status, reply) = self.put(name, body).await;
        assert_eq!(status, 201, "{reply}");
        reply
    }

    async fn row(&self, name: &str) -> (String, Option<String>, i64) {
        let sql = "select state, key_secret, revision from connections where name = $1";
        let row = self.app.db.client().await.query_one(sql, &[&name]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }

    /// The claim is over, as a minute later.
    async fn claims_run_out(&self) {
        let sql = "update connections set changing_until = changing_until - interval '61 seconds'";
        self.app.db.client().await.batch_execute(sql).await.unwrap();
    }

    /// Every secret is one that a row uses, and every row uses one that is there.
    async fn assert_no_secret_is_left_over(&self) {
        let sql = "select key_secret, signing_secret, state, leftover, changing_until is null from connections";
        let mut used = BTreeSet::new();
        for row in self.app.db.client().await.query(sql, &[]).await.unwrap() {
            let state: String = row.get(2);
            assert_eq!(row.get::<_, Vec<String>>(3), Vec::<String>::new(), "left over");
            assert!(row.get::<_, bool>(4), "claimed");
            if ["active", "paused"].contains(&state.as_str()) {
                used.extend([0, 1].into_iter().filter_map(|at| row.get::<_, Option<String>>(at)));
            }
        }
        let there: BTreeSet<String> = self.secrets.texts().into_keys().collect();
        assert_eq!(there, used);
    }

    /// The messages that were sent to `fetch` since the last look.
    fn asked(&self) -> Vec<(String, String, &'static str)> {
        let read = |body: String| {
            let request: FetchRequest = serde_json::from_str(&body).unwrap();
            (request.source, request.entity, request.mode.as_str())
        };
        self.app.requests.take().into_iter().map(read).collect()
    }
}

async fn ask(admin: &Admin, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = if body.is_null() { Value::Null } else { json!(body.to_string()) };
    let event = json!({
        "rawPath": path, "rawQueryString": query, "headers": {"x-admin-api-key": ADMIN_KEY},
        "requestContext": {"http": {"method": method}, "stage": "$default"}, "body": body,
    });
    let request: Request = serde_json::from_value(event).unwrap();
    let reply = admin.handle(&request, "invocation").await;
    (reply.status_code, serde_json::from_slice(&reply.body).unwrap())
}

/// The pointers of a refused request, with what is said of each.
fn faults(reply: &Value) -> BTreeMap<String, String> {
    let errors = reply["errors"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors.map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
}
