//! `metrics` over a database of its own. Requests are the events that API Gateway sends.

mod connections;
mod events;
mod fresh;
mod http;
mod journey;
mod journey_pages;
mod lead_plans;
mod leads;
mod ledgers;
mod limits;
mod money;
mod operations;
mod plans;
mod snapshots;
mod stats;
mod vendor_sums;

use ::http::HeaderMap;
use jiff::Timestamp;
use metrics::{MetricsConfig, Ports};
use penstock_edge::http::Service as _;
use penstock_store::Database;
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::TestDatabase;
pub use penstock_tests::clock::StoppedClock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

pub const READ_KEY: &str = "read-key";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon of the day on which all these tests take place.
pub fn noon() -> Timestamp {
    at("2026-03-15T12:00:00Z")
}

pub fn config() -> MetricsConfig {
    MetricsConfig::from_env(&std::iter::empty::<(String, String)>().collect()).unwrap()
}

pub fn ports(database: Database, config: MetricsConfig) -> Ports<StoppedClock> {
    let admission = Admission::new(database.clone(), config.rate_limit_per_second);
    Ports {
        database,
        admission,
        config,
        clock: StoppedClock(noon()),
        started: at("2026-03-15T11:59:18Z"),
    }
}

/// A reply, taken apart.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Decimal string at `name`.
    pub fn amount(&self, name: &str) -> i128 {
        amount(&self.body[name])
    }
}

pub fn amount(value: &Value) -> i128 {
    value.as_str().unwrap_or_else(|| panic!("an amount is a string: {value}")).parse().unwrap()
}

/// Returns an event of an HTTP API, payload format 2.0, as API Gateway sends it.
pub fn event(method: &str, target: &str, headers: &[(&str, &str)]) -> Value {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api-id", "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id", "requestId": "gateway-id", "routeKey": "$default", "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64,
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent"
            },
        },
        "isBase64Encoded": false,
    })
}

pub async fn send(ports: &Ports<StoppedClock>, event: &Value) -> Reply {
    let request: penstock_edge::http::Request =
        serde_json::from_value(event.clone()).unwrap_or_else(|e| panic!("{e}: {event}"));
    let reply = ports.handle(&request, "invocation-id").await;
    let body = match reply.text() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}")),
    };
    assert_eq!(reply.headers["cache-control"], "no-store");
    Reply { status: reply.status_code, headers: reply.headers, body }
}

pub fn assert_problem(reply: &Reply, status: u16, slug: &str) {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (status, "application/problem+json"),
        "{}",
        reply.body
    );
    assert_eq!(reply.body["status"], status);
    assert_eq!(reply.body["type"], format!("urn:penstock:problem:{slug}"));
    assert_eq!(reply.body["requestId"], reply.header("x-request-id"));
    assert!(reply.body["title"].is_string() && reply.body["detail"].is_string());
}

/// Returns name and detail of each wrong field.
pub fn errors(reply: &Reply) -> Vec<(String, String)> {
    assert_problem(reply, 400, "invalid-request");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    reply.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (text(&e["pointer"]), text(&e["detail"])))
        .collect()
}

/// GET with a key that may read.
pub async fn get(ports: &Ports<StoppedClock>, target: &str) -> Reply {
    send(ports, &event("GET", target, &[("x-api-key", READ_KEY)])).await
}

/// GET that must succeed.
pub async fn ok(ports: &Ports<StoppedClock>, target: &str) -> Reply {
    let reply = get(ports, target).await;
    assert_eq!(reply.status, 200, "{target}: {}", reply.body);
    reply
}

/// A migrated database in which [`READ_KEY`] may read.
pub async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    add_key(&database.client().await, READ_KEY, Scope::Read).await;
    database
}

pub async fn add_key(on: &Client, key: &str, scope: Scope) -> Uuid {
    let id = Uuid::now_v7();
    let new =
        NewKey { id, name: key, scope, sha256: Sha256::digest(key).into(), rate_per_second: None };
    assert!(api_keys::insert(on, new, noon()).await.unwrap());
    id
}

/// A row of `payments`, as far as revenue cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub source: &'static str,
    pub id: String,
    pub amount: i64,
    pub currency: &'static str,
    pub status: &'static str,
    pub occurred_at: Timestamp,
}

impl Payment {
    pub fn new(id: impl ToString, amount: i64, status: &'static str, occurred_at: &str) -> Self {
        let (source, currency, occurred_at) = ("stripe", "USD", at(occurred_at));
        Self { source, id: id.to_string(), amount, currency, status, occurred_at }
    }
}

/// Writes payments in one statement, in the order of their keys, over what is there.
pub async fn upsert(on: &Client, payments: &[Payment]) {
    try_upsert(on, payments).await.unwrap();
}

pub async fn try_upsert(on: &Client, payments: &[Payment]) -> Result<u64, tokio_postgres::Error> {
    let column = |get: fn(&Payment) -> &str| -> Vec<&str> { payments.iter().map(get).collect() };
    let amounts: Vec<i64> = payments.iter().map(|p| p.amount).collect();
    let occurred: Vec<Timestamp> = payments.iter().map(|p| p.occurred_at).collect();
    let sql = "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, \
                      version_at, native, version_rank, content_hash, raw, outbox_id, updated_at) \
               select source, 'charge', id, amount, currency, status, 'raw_' || status, at, at, true, 0, 0, '', \
                      '00000000-0000-0000-0000-000000000000', at \
                 from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[]) \
                      p(source, id, amount, currency, status, at) order by source, id \
                   on conflict (source, kind, external_id) do update \
                  set amount = excluded.amount, currency = excluded.currency, status = excluded.status, \
                      occurred_at = excluded.occurred_at";
    let (sources, ids) = (column(|p| p.source), column(|p| &p.id));
    let (currencies, statuses) = (column(|p| p.currency), column(|p| p.status));
    on.execute(sql, &[&sources, &ids, &amounts, &currencies, &statuses, &occurred]).await
}

/// How many buckets differ from those computed anew from the payments.
pub async fn drift(on: &Client) -> i64 {
    let buckets =
        "select grain, bucket_start, source, currency, status, amount, count from revenue_buckets";
    let rebuild = format!("create temp table kept as {buckets}; select rebuild_revenue_buckets()");
    on.batch_execute(&rebuild).await.unwrap();
    let differing = format!(
        "select count(*) from ((table kept except {buckets}) union all ({buckets} except table kept)) d"
    );
    let row = on.query_one(&differing, &[]).await.unwrap();
    on.batch_execute("drop table kept").await.unwrap();
    row.get(0)
}
