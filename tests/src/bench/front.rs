//! Measures how long a request takes at the functions that receive data, against a bare INSERT of
//! the same bytes into the same table.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::OutboxId;
use penstock_store::Database;
use penstock_testkit::TestDatabase;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::figures::{Figures, median, ms, per_second, percentile};
use super::front_routes::{Route, register, routes};
use super::{say, stock::run};

/// Measured requests of each route; the warm-up requests before them do not count.
const REQUESTS: u32 = 2_000;
const WARM_UP: u32 = 100;

/// Measured requests of a route whose requests bring many rows.
const BATCHES: u32 = 60;

const ONE: &str = "
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, next_attempt_at,
                    received_at)
values ($1, 'bare', 'row', $2, '', $3, $4, 'application/json', $5, $3)";

const MANY: &str = "
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, next_attempt_at,
                    received_at)
select id, 'bare', 'row', external_id, '', $3, payload, 'application/json', $5, $3
from unnest($1, $2, $4) as i (id, external_id, payload)";

/// Measures each route on emptied tables: the handler and the bare INSERT in turn, over one
/// connection.
pub(super) async fn measure(figures: &mut Figures) {
    let db = TestDatabase::new().await;
    register(&db.client().await).await;
    let database = db.database(1);
    for route in routes(&database) {
        let client = db.client().await;
        run(&client, "truncate outbox, leads, events, idempotency_keys").await;
        run(&client, "checkpoint").await;
        Box::pin(measure_route(&database, &route, figures)).await;
        let rows: i64 = client
            .query_one("select count(*) from outbox where source <> 'bare'", &[])
            .await
            .expect("rows")
            .get(0);
        let bare: i64 = client
            .query_one("select count(*) from outbox where source = 'bare'", &[])
            .await
            .expect("rows")
            .get(0);
        assert_eq!(rows, bare, "{}: as many rows as the bare INSERT", route.name);
    }
}

async fn measure_route(database: &Database, route: &Route<'_>, figures: &mut Figures) {
    let (warm_up, requests) =
        if route.rows == 1 { (WARM_UP, REQUESTS) } else { (WARM_UP / 20, BATCHES) };
    say(&format!("front: {requests} requests of {} rows: {}", route.rows, route.name));
    let (mut handler, mut bare) = (Vec::new(), Vec::new());
    for nth in 0..warm_up + requests {
        let (event, rows) = (route.request)(nth);
        let took = (handled(route, &event).await, inserted(database, nth, &rows).await);
        if nth >= warm_up {
            handler.push(took.0);
            bare.push(took.1);
        }
    }
    let name = route.name;
    if route.rows > 1 {
        let rate = |times: &[f64]| {
            per_second(route.rows, std::time::Duration::from_secs_f64(median(times) / 1000.0))
        };
        figures.note(format!("{name}_rows_s"), rate(&handler));
        figures.note(format!("{name}_bare_rows_s"), rate(&bare));
        figures.note(format!("{name}_ratio"), rate(&handler) / rate(&bare));
        return;
    }
    for percent in [50, 99] {
        let (taken, least) = (percentile(&handler, percent), percentile(&bare, percent));
        figures.note(format!("{name}_p{percent}_ms"), taken);
        figures.note(format!("{name}_bare_p{percent}_ms"), least);
        figures.note(format!("{name}_p{percent}_ratio"), taken / least);
    }
}

/// Returns the milliseconds from the event's bytes to the reply's.
async fn handled(route: &Route<'_>, event: &Value) -> f64 {
    let bytes = serde_json::to_vec(event).expect("an event");
    let started = Instant::now();
    let reply = (route.handle)(bytes).await;
    let took = ms(started.elapsed());
    assert!((200..300).contains(&reply.0), "{}: {}", route.name, String::from_utf8_lossy(&reply.1));
    took
}

/// Returns the milliseconds of a bare INSERT over the same pool, in a transaction of its own.
async fn inserted(database: &Database, nth: u32, rows: &[Vec<u8>]) -> f64 {
    let now = SystemClock.now();
    let ids: Vec<Uuid> = rows.iter().map(|_| OutboxId::new(now).0).collect();
    let external_ids: Vec<String> =
        (0..rows.len()).map(|row| format!("bare_{nth}_{row}")).collect();
    let started = Instant::now();
    let connection = database.connection().await.expect("a connection");
    let client: &Client = &connection;
    match (ids.as_slice(), external_ids.as_slice(), rows) {
        ([id], [external_id], [payload]) => {
            insert(
                client,
                ONE,
                [Type::UUID, Type::TEXT, Type::BYTEA],
                [id, external_id, payload],
                now,
            )
            .await;
        }
        _ => {
            let types = [Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::BYTEA_ARRAY];
            insert(client, MANY, types, [&ids, &external_ids, &rows], now).await;
        }
    }
    ms(started.elapsed())
}

async fn insert(
    on: &Client,
    sql: &str,
    types: [Type; 3],
    columns: [&(dyn ToSql + Sync); 3],
    now: Timestamp,
) {
    let ([id_type, name_type, payload_type], [ids, names, payloads]) = (types, columns);
    let due = now + SignedDuration::from_mins(5);
    let typed: [(&(dyn ToSql + Sync), Type); 5] = [
        (ids, id_type),
        (names, name_type),
        (&now, Type::TIMESTAMPTZ),
        (payloads, payload_type),
        (&due, Type::TIMESTAMPTZ),
    ];
    on.execute_typed(sql, &typed).await.expect("the bare INSERT");
}
