//! Measures how long `POST /transactions` takes, against a bare INSERT of the same row.

use std::time::Instant;

use jiff::SignedDuration;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::third_party::Http;
use penstock_domain::transaction::Settings;
use penstock_store::Database;
use penstock_store::admission::Admission;
use penstock_testkit::{MemoryQueue, TestDatabase};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::figures::{Figures, ms, percentile};
use super::front_routes::{KEY, REQUESTS_PER_SECOND, filler, post, register};
use super::{say, stock::run};
use crate::test_app::seals;

/// Measured requests; the warm-up requests before them do not count.
const REQUESTS: u32 = 4_000;
const WARM_UP: u32 = 200;

const BARE: &str = "
insert into transactions (id, sender, body, body_sha256, deadline, next_action_at, message_due_at,
                          received_at, updated_at)
values ($1, 'bare', $2, $3, $4, $5, $6, $5, $5)";

const TYPES: [Type; 6] =
    [Type::UUID, Type::BYTEA, Type::BYTEA, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ];

type Ports = transact::Ports<SystemClock, MemoryQueue>;

/// Measures the handler, the bare INSERT, and the bare INSERT without a prepared statement, in turn
/// over one connection.
pub(super) async fn measure(figures: &mut Figures) {
    let db = TestDatabase::new().await;
    let owner = db.client().await;
    register(&owner).await;
    run(&owner, "checkpoint").await;
    let database = db.database_of("transact", 1);
    let ports = ports(&database);
    let statement = prepared(&database).await;
    say(&format!("transact: {REQUESTS} requests"));
    let (mut handler, mut bare, mut unprepared) = (Vec::new(), Vec::new(), Vec::new());
    for nth in 0..WARM_UP + REQUESTS {
        let [mine, prepared, parsed] = [0, 1, 2].map(|of| body(3 * nth + of));
        let took = handled(&ports, &mine.1).await;
        let least = inserted(&database, Some(&statement), &prepared).await;
        let typed = inserted(&database, None, &parsed).await;
        if nth >= WARM_UP {
            handler.push(took);
            bare.push(least);
            unprepared.push(typed);
        }
    }
    let sql = "select count(*) filter (where sender = 'bare') from transactions";
    let bares: i64 = db.scalar(sql).await;
    let all: i64 = db.scalar("select count(*) from transactions").await;
    assert_eq!(2 * all, 3 * bares, "one row for two of the bare INSERT");
    for percent in [50, 99] {
        let (taken, least) = (percentile(&handler, percent), percentile(&bare, percent));
        figures.note(format!("transact_p{percent}_ms"), taken);
        figures.note(format!("transact_bare_p{percent}_ms"), least);
        figures.note(format!("transact_p{percent}_ratio"), taken / least);
    }
    figures.note("transact_unprepared_p50_ms", percentile(&unprepared, 50));
}

fn ports(database: &Database) -> Ports {
    transact::Ports {
        database: database.clone(),
        admission: Admission::new(database.clone(), REQUESTS_PER_SECOND),
        transactions: MemoryQueue::default(),
        spill: MemoryQueue::default(),
        seals: seals(),
        call_back: None,
        party: Some(&Http),
        settings: Settings::from_env(&Env::default()).expect("the settings are sound"),
        public_base_url: None,
        clock: SystemClock,
    }
}

/// Makes a transaction of about 500 bytes. Its id is random, as ids of clients may be.
fn body(nth: u32) -> (Uuid, String) {
    let mut rng = fastrand::Rng::with_seed(nth.into());
    let id = uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid();
    let body = json!({
        "id": id, "amount": 1_000 + nth, "currency": "EUR", "reference": format!("order-{nth:08}"),
        "recipient": {"name": "Ada Lovelace", "account": "DE02120300000000202051"},
        "note": filler(nth, 300),
    });
    (id, body.to_string())
}

/// Returns the milliseconds from the event's bytes to the reply's.
async fn handled(ports: &Ports, body: &str) -> f64 {
    let event = post("/transactions", body, json!({"x-api-key": KEY}));
    let bytes = serde_json::to_vec(&event).expect("an event");
    let started = Instant::now();
    let event: Value = serde_json::from_slice(&bytes).expect("an event");
    let reply = ports.invoke(event, "invocation").await.expect("a reply");
    let written = serde_json::to_vec(&reply).expect("a reply");
    let took = ms(started.elapsed());
    assert_eq!(reply["statusCode"], 201, "{}", String::from_utf8_lossy(&written));
    took
}

async fn prepared(database: &Database) -> Statement {
    let connection = database.connection().await.expect("a connection");
    let client: &Client = &connection;
    client.prepare_typed(BARE, &TYPES).await.expect("the bare INSERT")
}

/// Returns the milliseconds of a bare INSERT over the same pool, in a transaction of its own.
/// Without `statement` Postgres parses it again.
async fn inserted(
    database: &Database,
    statement: Option<&Statement>,
    (id, body): &(Uuid, String),
) -> f64 {
    let (body, sha256) = (body.as_bytes(), Sha256::digest(body).to_vec());
    let now = SystemClock.now();
    let (deadline, due) =
        (now + SignedDuration::from_hours(24), now + SignedDuration::from_mins(1));
    let values: [&(dyn ToSql + Sync); 6] = [id, &body, &sha256, &deadline, &now, &due];
    let started = Instant::now();
    let connection = database.connection().await.expect("a connection");
    let client: &Client = &connection;
    let inserted = if let Some(statement) = statement {
        client.execute(statement, &values).await
    } else {
        let typed: Vec<_> = values.into_iter().zip(TYPES).collect();
        client.execute_typed(BARE, &typed).await
    };
    assert_eq!(inserted.expect("the bare INSERT"), 1);
    ms(started.elapsed())
}
