//! The pages of the console that change something: a world with one thing of each kind, the people
//! who may change it, and one request that is valid for each route.

mod accounts;
mod audit;
mod docs;
mod docs_in_a_browser;
mod doors;
mod keys;
mod leads;
mod remap;
mod replay;
mod runs;

use std::collections::BTreeMap;
use std::sync::Arc;

use console::{ConsoleConfig, Ports};
use jiff::Timestamp;
use penstock_domain::account::{Email, Role, token};
use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Reply, Request, Service as _};
use penstock_store::sessions::{self, NewSession};
use penstock_store::users::{self, NewUser};
use penstock_testkit::MemoryQueue;
use penstock_tests::test_app::{TestApp, issuer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ingest;
use crate::jobs::with_dead;

/// A person with a session.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub session: Uuid,
    cookie: String,
}

impl Person {
    /// The cookie of the session, as the browser sends it.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }
}

/// The console over the database of an app.
pub struct World {
    pub app: TestApp,
    pub console: Ports,
    /// The messages to `settle`.
    pub transactions: MemoryQueue,
}

/// The things of a [`World`] by the parameter of the path that names one.
#[derive(Debug)]
pub struct Things {
    pub letter: Uuid,
    pub lead: Uuid,
    pub transaction: Uuid,
    pub key: Uuid,
    /// An account that nobody acts with, one that is disabled, and a session of whoever acts.
    pub user: Uuid,
    pub disabled: Uuid,
    pub session: Uuid,
    pub planned: Uuid,
    pub running: Uuid,
    pub paused: Uuid,
}

/// A request that is valid: its path, and the fields of its form.
pub type Valid = (String, Vec<(&'static str, String)>);

/// Starts an environment of `console` over the database of `app`.
pub fn environment(app: &TestApp, transactions: &MemoryQueue) -> Ports {
    let env = [("SOURCES", "stripe,hubspot"), ("PUBLIC_BASE_URL", "https://penstock.example")];
    Ports {
        database: app.db.database_of("console", 1),
        requests: Arc::new(app.requests.clone()),
        transactions: Arc::new(transactions.clone()),
        issuer: issuer(),
        depths: Arc::new(app.requests.clone()),
        config: ConsoleConfig::from_env(&env.into_iter().collect()).unwrap(),
        clock: Arc::new(app.clock.clone()),
    }
}

impl World {
    /// Starts with so many dead rows.
    pub async fn with_dead(seed: u64, dead: usize) -> Self {
        let (app, _) = with_dead(seed, dead).await;
        Self::over(app)
    }

    pub fn over(app: TestApp) -> Self {
        let transactions = MemoryQueue::default();
        Self { console: environment(&app, &transactions), app, transactions }
    }

    /// Makes an account with a session.
    pub async fn person(&self, name: &str, role: Role) -> Person {
        let (id, email) = (Uuid::now_v7(), format!("{name}@penstock.example"));
        let new = NewUser {
            id,
            email: &Email::parse(&email).unwrap(),
            name,
            image: None,
            email_verified: true,
            role,
            password: None,
            now: self.app.clock.now(),
        };
        assert!(users::insert(&self.app.db.client().await, new).await.unwrap());
        let (session, cookie) = self.session(id).await;
        Person { id, email, session, cookie }
    }

    /// Begins a session of an account. Returns its id and its cookie.
    pub async fn session(&self, user_id: Uuid) -> (Uuid, String) {
        self.session_since(user_id, self.app.clock.now()).await
    }

    /// Begins a session at another time than now.
    pub async fn session_since(&self, user_id: Uuid, now: Timestamp) -> (Uuid, String) {
        let id = Uuid::now_v7();
        let token = token::make(|bytes| {
            bytes.fill_with(|| fastrand::u8(..));
            Ok::<_, std::convert::Infallible>(())
        });
        let token: String = token.unwrap();
        let new = NewSession {
            id,
            user_id,
            token_sha256: &token::hashed(&token).unwrap(),
            remembered: true,
            address: Some("192.0.2.1"),
            user_agent: Some("a browser"),
            now,
        };
        assert!(sessions::insert(&self.app.db.client().await, new).await.unwrap());
        (id, format!("__Secure-better-auth.session_token={token}"))
    }

    /// Opens a page as a person, who must be shown it. Returns its HTML.
    pub async fn page(&self, person: &Person, path: &str) -> String {
        let reply = self.answer(&get(path, Some(&person.cookie))).await;
        assert_eq!(reply.status_code, 200, "{path}: {}", reply.text());
        reply.text().to_owned()
    }

    /// Sends a form as a page of the console does.
    pub async fn post(&self, person: &Person, path: &str, form: &[(&str, &str)]) -> Reply {
        self.answer(&send(path, Some(&person.cookie), OWN, form)).await
    }

    /// Sends a form that must lead on, and returns where to.
    pub async fn led(&self, person: &Person, path: &str, form: &[(&str, &str)]) -> String {
        let reply = self.post(person, path, form).await;
        assert_eq!(reply.status_code, 303, "{path}: {}", reply.text());
        reply.headers["location"].to_str().unwrap().to_owned()
    }

    pub async fn answer(&self, request: &Request) -> Reply {
        self.console.handle(request, "invocation").await
    }

    /// The rows of each table as one text. Of a session the time that it was seen last is left out.
    pub async fn rows(&self) -> BTreeMap<String, String> {
        let owner = self.app.db.client().await;
        let tables = "select table_name::text from information_schema.tables \
                      where table_schema = 'public' and table_type = 'BASE TABLE'";
        let mut rows = BTreeMap::new();
        for table in owner.query(tables, &[]).await.unwrap() {
            let table: String = table.get(0);
            let row = match table.as_str() {
                "sessions" => "concat_ws(' ', t.id, t.user_id, t.token_sha256, t.expires_at)",
                _ => "t::text",
            };
            let sql = format!("select md5(string_agg({row}, '|' order by {row})) from {table:?} t");
            let hash: Option<String> = owner.query_one(&sql, &[]).await.unwrap().get(0);
            rows.insert(table, hash.unwrap_or_default());
        }
        rows
    }

    /// Plans a replay of what matches, and returns the id of its job.
    pub async fn planned(&self, person: &Person, form: &[(&str, &str)]) -> Uuid {
        let path = self.led(person, "/console/dead-letters/replay", form).await;
        path.strip_prefix("/console/jobs/").unwrap().parse().unwrap()
    }

    /// Plans a replay and starts it.
    pub async fn started(&self, person: &Person, form: &[(&str, &str)], rate: &str) -> Uuid {
        let job = self.planned(person, form).await;
        let path = format!("/console/jobs/{job}");
        let form = [("why", "mended"), ("rate", rate)];
        assert_eq!(self.led(person, &format!("{path}/start"), &form).await, path);
        job
    }

    /// Puts one thing of each kind in place, for an admin who acts.
    pub async fn things(&self, admin: &Person) -> Things {
        let (owner, now) = (self.app.db.client().await, self.app.clock.now());
        self.app.let_in().await;
        let body = br#"{"email":"ada@x.example","name":"Ada"}"#;
        let lead = ingest::post(&self.app.ingest, "/leads", &[], body).await;
        self.app.work_tickets().await;
        let transaction = Uuid::now_v7();
        let sql = "insert into transactions (id, sender, body, body_sha256, status, failure, deadline, reason, \
                   received_at, updated_at, ended_at) \
                   values ($1, 'crm', '{}', '\\x00', 'failed', 'not_done', $2, 'given up', $2, $2, $2)";
        owner.execute(sql, &[&transaction, &now]).await.unwrap();
        let sql = "insert into notifications (id, transaction_id, revision, body, attempts, dead_at, created_at, expires_at) \
                   values ($1, $2, 1, '{}', 9, $3, $3, $3)";
        owner.execute(sql, &[&Uuid::now_v7(), &transaction, &now]).await.unwrap();
        let sql = "insert into connections (name, source, state, made_at, changed_at) values ('hubspot', 'hubspot', 'paused', $1, $1)";
        owner.execute(sql, &[&now]).await.unwrap();
        let user = self.person("target", Role::Viewer).await;
        let disabled = self.person("disabled", Role::Viewer).await;
        let sql = "update users set disabled_at = $1 where id = $2";
        owner.execute(sql, &[&now, &disabled.id]).await.unwrap();
        // One is ended by its id, and one with all others.
        let (session, _) = self.session(admin.id).await;
        self.session(admin.id).await;
        let running = self.started(admin, &[("source", "stripe")], "1").await;
        let paused = self.started(admin, &[("entity", "charge")], "1").await;
        self.led(admin, &format!("/console/jobs/{paused}/pause"), &[]).await;
        Things {
            letter: self.app.db.scalar("select id from dead_letters order by id limit 1").await,
            lead: lead.lead_id().parse().unwrap(),
            transaction,
            key: self.app.db.scalar("select id from api_keys limit 1").await,
            user: user.id,
            disabled: disabled.id,
            session,
            planned: self.planned(admin, &[("errorKind", "invalid")]).await,
            running,
            paused,
        }
    }
}

impl Things {
    /// The path of a route, with the thing of its kind that the route is for.
    pub fn path(&self, route: &str) -> String {
        let id = match route {
            "/console/jobs/{id}/start" => self.planned,
            "/console/jobs/{id}/resume" => self.paused,
            _ if route.starts_with("/console/jobs/") => self.running,
            _ if route.starts_with("/console/dead-letters/") => self.letter,
            _ if route.starts_with("/console/leads/") => self.lead,
            _ if route.starts_with("/console/transactions/") => self.transaction,
            _ if route.starts_with("/console/keys/") => self.key,
            "/console/accounts/{id}/enable" => self.disabled,
            _ if route.starts_with("/console/accounts/") => self.user,
            _ if route.starts_with("/console/account/") => self.session,
            _ => Uuid::nil(),
        };
        let name = if route.ends_with("/resume") { "hubspot" } else { "stripe" };
        let path = route.replace("{id}", &id.to_string());
        path.replace("/{file}", "/initializer.js").replace("{name}", name).replace("{page}", "none")
    }

    /// A request that the POST route of this path takes.
    pub fn valid(&self, route: &str) -> Valid {
        let form: &[(&'static str, &str)] = match route {
            "/console/jobs/{id}/start" => &[("why", "mended"), ("rate", "100")],
            "/console/dead-letters/replay" => &[("what", "all"), ("reason", "no map")],
            "/console/remap" => &[("source", "stripe")],
            "/console/runs/start" => &[
                ("connection", "stripe"),
                ("mode", "incremental"),
                ("why", "asked"),
                ("key", "019a0000-0000-7000-8000-000000000001"),
            ],
            "/console/leads/{id}/edit" => {
                &[("status", "won"), ("assignedTo", "bo"), ("revision", "0")]
            }
            "/console/keys" => &[("name", "a program"), ("scope", "read")],
            "/console/accounts" => &[("email", "new@penstock.example"), ("role", "viewer")],
            "/console/accounts/{id}/role" => &[("role", "operator")],
            "/console/zone" => &[("zone", "Europe/Berlin"), ("back", "/console/jobs")],
            _ => &[("why", "asked")],
        };
        (self.path(route), form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }
}

/// The headers of a request that a page of the console sends.
pub const OWN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

pub fn get(path: &str, cookie: Option<&str>) -> Request {
    request("GET", path, &[], cookie, "")
}

/// A form that is sent with these headers.
pub fn send(
    path: &str,
    cookie: Option<&str>,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let own = [("content-type", "application/x-www-form-urlencoded")];
    let headers: Vec<_> = own.into_iter().chain(headers.iter().copied()).collect();
    request("POST", path, &headers, cookie, &body)
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    cookie: Option<&str>,
    body: &str,
) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let own = [("host", "penstock.example")];
    let headers = own.into_iter().chain(headers.iter().copied());
    let headers: serde_json::Map<String, Value> =
        headers.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let http = json!({"method": method, "sourceIp": "198.51.100.7"});
    let event = json!({
        "rawPath": path, "rawQueryString": query, "headers": headers, "body": body,
        "cookies": cookie.into_iter().collect::<Vec<_>>(),
        "requestContext": {"http": http, "stage": "$default"},
    });
    serde_json::from_value(event).unwrap()
}
