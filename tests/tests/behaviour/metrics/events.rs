//! Events as `process` writes them.

use metrics::Ports;
use penstock_testkit::TestDatabase;
use serde_json::Value;
use tokio_postgres::Client;

use super::{StoppedClock, at, noon, ok};

/// A row of `events`.
#[derive(Debug, Clone)]
pub struct Row {
    pub event_id: String,
    pub user_id: Option<String>,
    pub session_id: Option<&'static str>,
    pub payload: Option<String>,
    pub metadata: Option<String>,
    pub occurred_at: jiff::Timestamp,
    pub clock_skew: Option<&'static str>,
}

pub fn row(event_id: &str, user_id: &str, occurred_at: &str) -> Row {
    let (event_id, user_id) = (event_id.to_owned(), Some(user_id.to_owned()));
    let (session_id, payload, metadata, clock_skew) = (None, None, None, None);
    Row {
        event_id,
        user_id,
        session_id,
        payload,
        metadata,
        occurred_at: at(occurred_at),
        clock_skew,
    }
}

/// Writes events received at noon. Of several with the same id the first is kept.
pub async fn add(on: &Client, rows: &[Row]) {
    let sql = "insert into events (event_id, user_id, session_id, type, payload, metadata, occurred_at, received_at, \
               clock_skew, outbox_id) values ($1, $2, $3, 'click', $4, $5, $6, $7, $8, gen_random_uuid()) \
               on conflict do nothing";
    let statement = on.prepare(sql).await.unwrap();
    for row in rows {
        let Row { event_id, user_id, session_id, payload, metadata, occurred_at, clock_skew } = row;
        on.execute(
            &statement,
            &[event_id, user_id, session_id, payload, metadata, occurred_at, &noon(), clock_skew],
        )
        .await
        .unwrap();
    }
}

/// Many at once: `count` of `user`, a second apart, before noon.
pub async fn add_many(database: &TestDatabase, user: &str, count: i64) {
    let sql = "insert into events (event_id, user_id, type, payload, occurred_at, received_at, outbox_id) \
               select $1 || n, $1, 'click', '{\"n\":1}', $2::timestamptz - n * interval '1 s', $2, gen_random_uuid() \
                 from generate_series(1, $3::bigint) n";
    database.client().await.execute(sql, &[&user, &noon(), &count]).await.unwrap();
}

/// A page, by the user as the path has it and the query.
pub async fn journey(ports: &Ports<StoppedClock>, user: &str, query: &str) -> Value {
    ok(ports, &format!("/users/{user}/journey?{query}")).await.body
}

pub fn ids(page: &Value) -> Vec<String> {
    let id = |event: &Value| event["eventId"].as_str().unwrap().to_owned();
    page["events"].as_array().unwrap().iter().map(id).collect()
}
