//! Measures how fast the pages of the console are rendered, beside many rows and many dead ones.

use std::sync::Arc;
use std::time::Instant;

use console::{ConsoleConfig, Ports};
use penstock_clients::clock::SystemClock;
use penstock_domain::account::{Email, Role, token};
use penstock_domain::clock::Clock as _;
use penstock_edge::config;
use penstock_edge::http::{Request, Service as _};
use penstock_store::sessions::{self, NewSession};
use penstock_store::users::{self, NewUser};
use penstock_testkit::{MemoryQueue, TestDatabase};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::failed::{FAILED, PROCESSED};
use super::figures::{Figures, ms, percentile};
use super::say;
use super::stock::run;
use crate::chromium::{MISSING, Tools};
use crate::gateway::{Backend, Failure, Server, Settings, answer};
use crate::test_app::issuer;

/// Rows that were processed, unless `ROWS` says otherwise: 10,000,000 are the ones in the aims.
const ROWS: u32 = 100_000;

/// One row in so many is dead, of twenty reasons.
const A_DEAD_ROW_IN: u32 = 100;

/// Measured pages of each kind.
const PAGES: usize = 50;

/// Measured paintings of each page.
const PAINTS: usize = 20;

/// A lead, an event and a transaction for each hundredth row, and payments over a year.
const OTHERS: [&str; 4] = [
    "insert into leads (id, email, name, state, body, content_type, received_at, outbox_id)
     select gen_random_uuid(), 'lead' || n || '@example.com', 'Lead ' || n, 'accepted', '{}', 'application/json',
            now() - n * interval '1 s', gen_random_uuid() from generate_series(1, $rows / 100) n",
    "insert into events (event_id, sender, user_id, type, occurred_at, received_at, payload, outbox_id)
     select 'e' || n, 'shop', 'user-' || n % 10, 'opened', now() - n * interval '1 s', now(), '{\"n\":1}', gen_random_uuid()
     from generate_series(1, $rows / 100) n",
    "insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at)
     select gen_random_uuid(), 'crm', '{}', '\\x00', 'completed', now(), now() - n * interval '1 s', now()
     from generate_series(1, $rows / 100) n",
    "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                           version_rank, content_hash, raw, outbox_id, updated_at)
     select 'stripe', 'charge', 'ch_' || n, 100, 'USD', 'collected', 'succeeded', now() - (n % 365) * interval '1 day', now(), true,
            0, 0, '', gen_random_uuid(), now()
     from generate_series(1, $rows / 10) n",
];

/// Measures each page that reads.
pub(super) async fn measure(figures: &mut Figures) {
    let rows = config::from_process().parsed_or("ROWS", ROWS).expect("a number of rows");
    let dead = rows / A_DEAD_ROW_IN;
    say(&format!("console: writing {rows} processed and {dead} dead rows"));
    let db = TestDatabase::new().await;
    let client = db.client().await;
    run(&client, "select make_outbox_leaves(now() - interval '9 days', 11)").await;
    run(&client, &PROCESSED.replace("$rows", &rows.to_string())).await;
    // An id is made of its time: the dead rows came before all others.
    let before = format!("{} seconds", u64::from(rows) * 60 / 1_000 + 3_600);
    run(&client, &FAILED.replace("$before", &before).replace("$rows", &dead.to_string())).await;
    for sql in OTHERS {
        run(&client, &sql.replace("$rows", &rows.to_string())).await;
    }
    run(&client, "select fold_revenue_deltas(100000000)").await;
    run(&client, "vacuum (analyze)").await;
    run(&client, "checkpoint").await;
    let session = signed_in(&client).await;
    let env = [("SOURCES", "stripe"), ("PUBLIC_BASE_URL", "https://penstock.example")];
    let ports = Ports {
        database: db.database_of("console", 1),
        requests: Arc::new(MemoryQueue::default()),
        transactions: Arc::new(MemoryQueue::default()),
        issuer: issuer(),
        depths: Arc::new(MemoryQueue::default()),
        config: ConsoleConfig::from_env(&env.into_iter().collect()).expect("a configuration"),
        clock: Arc::new(SystemClock),
    };
    let letter: Uuid = scalar(&client, "select id from dead_letters limit 1").await;
    let pages = [
        ("overview", "/console".to_owned(), ""),
        ("revenue", "/console/revenue".to_owned(), ""),
        ("runs", "/console/runs".to_owned(), ""),
        ("dead_letters", "/console/dead-letters".to_owned(), ""),
        ("dead_letters_filtered", "/console/dead-letters".to_owned(), "reason=cause%20c"),
        ("dead_letter", format!("/console/dead-letters/{letter}"), ""),
        ("queues", "/console/queues".to_owned(), ""),
        ("transactions", "/console/transactions".to_owned(), ""),
        ("leads", "/console/leads".to_owned(), ""),
        ("leads_searched", "/console/leads".to_owned(), "q=lead7"),
        ("people", "/console/people".to_owned(), "user=user-1"),
        ("contacts", "/console/contacts".to_owned(), ""),
        ("calendar", "/console/calendar".to_owned(), ""),
    ];
    let cookie = format!("__Secure-better-auth.session_token={session}");
    for (name, path, query) in &pages {
        let mut times = Vec::new();
        for round in 0..PAGES + PAGES / 10 {
            let took = open(&ports, path, query, &cookie).await;
            if round >= PAGES / 10 {
                times.push(took);
            }
        }
        figures.note(format!("console_{name}_p95_ms"), percentile(&times, 95));
    }
    let addresses = pages.iter().map(|(_, path, query)| format!("{path}?{query}")).collect();
    match Tools::find() {
        Some(tools) => {
            let slowest = first_paint(&tools, ports, &session, addresses).await;
            figures.note("console_slowest_first_paint_p95_ms", slowest);
        }
        None => say(MISSING),
    }
}

/// The console alone behind the local gateway.
struct Console(Ports);

impl Backend for Console {
    async fn invoke(&self, _: &str, event: Value) -> Result<Value, Failure> {
        answer(&self.0, event, "invocation").await
    }
}

/// Opens the pages in a browser that has kept nothing. Returns the 95th percentile of the slowest
/// page: the milliseconds until its first content was painted.
async fn first_paint(tools: &Tools, mut ports: Ports, session: &str, pages: Vec<String>) -> f64 {
    say("console: opening the pages in Chromium");
    ports.config.public_base_url = None;
    let server = Server::start(Settings::default(), Console(ports), std::io::sink());
    let url = server.as_ref().expect("it listens").url();
    let output = tools
        .program("src/bench/paint.py")
        .args([url.as_str(), session, &PAINTS.to_string()])
        .args(&pages)
        .output();
    let output = output.await.expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let p95 = |line: &str| {
        let times: Vec<f64> = line.split(' ').map(|it| it.parse().expect("a number")).collect();
        percentile(&times, 95)
    };
    let slowest = pages.iter().zip(printed.lines().map(p95)).max_by(|a, b| a.1.total_cmp(&b.1));
    let (page, slowest) = slowest.expect("a page");
    say(&format!("console: {page} is painted last, after {slowest:.0} ms"));
    slowest
}

async fn scalar(client: &Client, sql: &str) -> Uuid {
    client.query_one(sql, &[]).await.expect("a row").get(0)
}

/// Makes a person with a session, and returns its token.
async fn signed_in(client: &Client) -> String {
    let (id, now, text) = (Uuid::now_v7(), SystemClock.now(), Uuid::now_v7().simple().to_string());
    let user = NewUser {
        id,
        email: &Email::parse("bench@penstock.example").expect("an address"),
        name: "bench",
        image: None,
        email_verified: true,
        role: Role::Viewer,
        password: None,
        now,
    };
    assert!(users::insert(client, user).await.expect("a user"));
    let session = NewSession {
        id: Uuid::now_v7(),
        user_id: id,
        token_sha256: &token::hashed(&text).expect("a token"),
        remembered: true,
        address: None,
        user_agent: None,
        now,
    };
    assert!(sessions::insert(client, session).await.expect("a session"));
    text
}

/// Returns the milliseconds from the event's bytes to the reply's.
async fn open(ports: &Ports, path: &str, query: &str, cookie: &str) -> f64 {
    let http = json!({ "method": "GET" });
    let event = json!({
        "rawPath": path, "rawQueryString": query, "headers": {}, "cookies": [cookie],
        "requestContext": { "http": http, "stage": "$default" },
    });
    let event = serde_json::to_vec(&event).expect("an event");
    let started = Instant::now();
    let request: Request = serde_json::from_slice(&event).expect("a request");
    let reply = ports.handle(&request, "invocation").await;
    serde_json::to_vec(&reply).expect("a reply");
    let took = ms(started.elapsed());
    assert_eq!(reply.status_code, 200, "{path}: {}", reply.text());
    assert!(!reply.text().contains("class=\"slow\""), "{path}: a part was too slow");
    assert!(reply.body.len() < 60_000, "{path} has {} bytes", reply.body.len());
    took
}
