//! Measures how fast an operator reads what has failed, by the number of rows that have not.

use std::sync::Arc;
use std::time::Instant;

use admin::{AdminConfig, Ports};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Request, Service as _};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::{MemoryQueue, MemorySecrets, TestDatabase};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::figures::{Figures, median, ms};
use super::say;
use super::stock::run;

const KEY: &str = "an admin key of the benchmark";

/// Rows that were processed, at either scale.
const SCALES: [(&str, u32); 2] = [("10k", 10_000), ("1m", 1_000_000)];

/// Rows that are dead, of twenty causes.
const DEAD: u32 = 10_000;

/// Measured replies of each kind.
const REPLIES: usize = 200;

/// Rows of the last days, a payload of some 600 bytes each.
pub(super) const PROCESSED: &str = "
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, next_attempt_at,
                    received_at, processed_at)
select outbox_id_at(at), 'stripe', 'charge', 'ch_' || n, 'evt_' || n, at,
       convert_to(format('{\"id\":\"ch_%s\",\"note\":\"%s\"}', n, repeat(md5(n::text), 18)), 'UTF8'), 'application/json',
       'processed', at, at, at + interval '1 second'
from (select n, now() - n * interval '60 ms' as at from generate_series(1, $rows) n) rows";

/// Rows that are dead since `$before`, of twenty causes, with their letters.
pub(super) const FAILED: &str = "
with dead as (
    insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status,
                        next_attempt_at, received_at, last_error, error_kind)
    select outbox_id_at(at), 'stripe', 'charge', 'dead_' || n, 'v', at, '{}', 'application/json', 'dead', at, at,
           format('cause %s: invalid type: string \"%s\", expected i64 at line 1 column %s', chr(97 + n % 20), n, n), 'malformed'
    from (select n, now() - interval '$before' - n * interval '1 s' as at from generate_series(1, $rows) n) rows
    returning *
)
insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, reason, attempts, created_at)
select gen_random_uuid(), source, entity, external_id, id, payload, last_error, error_kind, reason_of(last_error), 0, received_at
from dead";

/// Measures both scales, each in a database of its own.
pub(super) async fn measure(figures: &mut Figures) {
    for (scale, rows) in SCALES {
        say(&format!("failed: writing {rows} processed and {DEAD} dead rows"));
        let db = TestDatabase::new().await;
        let client = db.client().await;
        run(&client, "select make_outbox_leaves(now() - interval '2 days', 4)").await;
        run(&client, &PROCESSED.replace("$rows", &rows.to_string())).await;
        run(&client, &FAILED.replace("$before", "20 hours").replace("$rows", &DEAD.to_string()))
            .await;
        let key = NewKey {
            id: Uuid::now_v7(),
            name: "bench",
            scope: Scope::Admin,
            sha256: Sha256::digest(KEY).into(),
            rate_per_second: None,
        };
        api_keys::insert(&client, key, SystemClock.now()).await.expect("the key");
        run(&client, "vacuum (analyze)").await;
        run(&client, "checkpoint").await;
        let ports = Ports {
            database: db.database(1),
            admission: Admission::new(db.database(1), 1_000_000),
            requests: MemoryQueue::default(),
            secrets: Arc::new(MemorySecrets::default()),
            depths: Arc::new(MemoryQueue::default()),
            config: AdminConfig::from_env(&[("SOURCES", "stripe")].into_iter().collect())
                .expect("a configuration"),
            clock: SystemClock,
        };
        for (kind, query, field, found) in [
            ("list", "limit=50", "events", 50),
            ("filtered", "limit=50&reason=cause%20c", "events", 50),
            ("causes", "group=reason", "causes", 20),
        ] {
            let mut times = Vec::new();
            for round in 0..REPLIES + REPLIES / 10 {
                let (took, body) = ask(&ports, query).await;
                assert_eq!(body[field].as_array().map(Vec::len), Some(found), "{kind}: {body}");
                if round >= REPLIES / 10 {
                    times.push(took);
                }
            }
            figures.note(format!("failed_{kind}_p50_ms_{scale}"), median(&times));
        }
    }
    for kind in ["list", "filtered", "causes"] {
        let [small, large] = ["10k", "1m"]
            .map(|scale| figures.get(&format!("failed_{kind}_p50_ms_{scale}")).unwrap_or(f64::NAN));
        figures.note(format!("failed_{kind}_growth_10k_1m"), large / small);
    }
}

/// Returns the milliseconds from the event's bytes to the reply's, and the reply.
async fn ask(ports: &Ports<SystemClock, MemoryQueue>, query: &str) -> (f64, Value) {
    let http = json!({ "method": "GET" });
    let event = json!({
        "rawPath": "/admin/events/failed", "rawQueryString": query, "headers": { "x-admin-api-key": KEY },
        "requestContext": { "http": http, "stage": "$default" },
    });
    let event = serde_json::to_vec(&event).expect("an event");
    let started = Instant::now();
    let request: Request = serde_json::from_slice(&event).expect("a request");
    let reply = ports.handle(&request, "invocation").await;
    let bytes = serde_json::to_vec(&reply).expect("a reply");
    let took = ms(started.elapsed());
    assert_eq!(reply.status_code, 200, "{}", String::from_utf8_lossy(&bytes));
    (took, serde_json::from_slice(&reply.body).expect("a body of JSON"))
}
