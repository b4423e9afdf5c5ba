//! The pages of a journey put together are the whole of it, whatever is added between them.

use std::collections::BTreeMap;

use super::events::{Row, add, add_many, ids, journey, row};
use super::{StoppedClock, config, database, event, get, ok, ports};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use metrics::Ports;
use penstock_edge::http::{Request, Service as _};
use penstock_testkit::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Microseconds after the hour, and the name of an event. Both have few values, so that they often
/// collide.
type Key = (i64, u8);

fn key() -> impl Strategy<Value = Key> {
    (0..6_i64, any::<u8>())
}

/// One page-by-page reading.
#[derive(Debug)]
struct Case {
    before: Vec<Key>,
    /// Events that are added after each page, of this user (`true`) or of another.
    between: Vec<Vec<(Key, bool)>>,
    limit: usize,
    /// From and to.
    bounds: (i64, i64),
}

fn case() -> impl Strategy<Value = Case> {
    let between = prop::collection::vec(prop::collection::vec((key(), any::<bool>()), 0..4), 0..6);
    let bounds = (0..3_i64, 4..7_i64);
    (prop::collection::vec(key(), 0..30), between, 1..8_usize, bounds)
        .prop_map(|(before, between, limit, bounds)| Case { before, between, limit, bounds })
}

const HOUR: i64 = 1_773_482_400_000_000;

fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(HOUR + micros).unwrap()
}

/// The events of one case, in the table and beside it.
struct Told<'a> {
    on: &'a Client,
    user: String,
    /// By id: the first event of an id is kept.
    known: BTreeMap<String, (i64, bool)>,
}

impl Told<'_> {
    async fn add(&mut self, (micros, name): Key, mine: bool) {
        // As awkward in a cursor as an id can be.
        let id = format!("{}:{name}\u{1f642}\u{1}/+", self.user);
        let user = if mine { self.user.clone() } else { format!("{} of others", self.user) };
        add(
            self.on,
            &[Row { occurred_at: time(micros), ..row(&id, &user, "2026-03-14T10:00:00Z") }],
        )
        .await;
        self.known.entry(id).or_insert((micros, mine));
    }

    /// Returns the events that are to be read next after `last`.
    fn after(&self, last: Option<&(i64, String)>, case: &Case) -> Vec<(i64, String)> {
        let mine = self
            .known
            .iter()
            .filter(|(_, (micros, mine))| *mine && (case.bounds.0..case.bounds.1).contains(micros));
        let mut mine: Vec<(i64, String)> =
            mine.map(|(id, (micros, _))| (*micros, id.clone())).collect();
        mine.sort_unstable();
        mine.reverse();
        mine.retain(|key| last.is_none_or(|last| key < last));
        mine
    }
}

async fn read_through(ports: &Ports<StoppedClock>, on: &Client, user: String, case: &Case) {
    let mut told = Told { on, user, known: BTreeMap::new() };
    for key in &case.before {
        told.add(*key, true).await;
    }
    let bounds = format!("from={}&to={}", time(case.bounds.0), time(case.bounds.1));
    let (mut last, mut query) = (None, format!("{bounds}&limit={}", case.limit));
    for page in 0.. {
        let expected = told.after(last.as_ref(), case);
        let reply = journey(ports, &told.user, &query).await;
        let read = ids(&reply);
        assert_eq!(
            read,
            expected.iter().take(case.limit).map(|(_, id)| id.clone()).collect::<Vec<_>>(),
            "page {page}"
        );
        assert_eq!(
            (&reply["from"], &reply["to"]),
            (&json!(time(case.bounds.0)), &json!(time(case.bounds.1)))
        );
        let Some(cursor) = reply["nextCursor"].as_str() else {
            assert!(expected.len() <= case.limit, "page {page} is not the last");
            break;
        };
        assert_eq!(read.len(), case.limit, "a page that is not the last is full");
        last = expected.into_iter().nth(case.limit - 1);
        // The bounds may be given again, and need not be.
        query = format!(
            "cursor={cursor}&limit={}{}",
            case.limit,
            if page % 2 == 0 { format!("&{bounds}") } else { String::new() }
        );
        for (key, mine) in case.between.get(page).into_iter().flatten() {
            told.add(*key, *mine).await;
        }
    }
}

#[test]
fn pages_of_any_limit_are_the_whole_in_order_while_events_come_late_doubled_and_of_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (database, on) = runtime.block_on(async {
        let database = database().await;
        let on = database.client().await;
        (database, on)
    });
    let ports = ports(database.database_of("metrics", 1), config());
    let users = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..Default::default()
    });
    let outcome = runner.run(&case(), |case| {
        users.set(users.get() + 1);
        runtime.block_on(read_through(
            &ports,
            &on,
            format!("user {}", users.get()).replace(' ', "-"),
            &case,
        ));
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    drop(ports);
    runtime.block_on(async { drop(on) });
}

#[tokio::test]
async fn a_cursor_holds_the_bounds_of_its_first_page_as_time_goes_on() {
    let database = database().await;
    add_many(&database, "ada", 3).await;
    let mut ports = ports(database.database_of("metrics", 1), config());
    let first = journey(&ports, "ada", "limit=1").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    ports.clock.0 += jiff::SignedDuration::from_hours(24 * 3660);
    let second = journey(&ports, "ada", &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(
        (ids(&second), &second["nextCursor"]),
        (vec!["ada2".to_owned(), "ada3".to_owned()], &Value::Null)
    );
    assert_eq!((&second["from"], &second["to"]), (&first["from"], &first["to"]));
    for (name, value) in [("from", "2020-01-01T00:00:00Z"), ("to", "2026-03-15T00:00:00Z")] {
        let reply =
            get(&ports, &format!("/users/ada/journey?cursor={cursor}&{name}={value}")).await;
        assert_eq!(reply.body["errors"][0]["pointer"], format!("#/query/{name}"), "{}", reply.body);
    }
}

#[tokio::test]
async fn what_is_no_cursor_is_named_as_such() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let times = |times: [i64; 3]| times.map(i64::to_be_bytes).concat();
    let good = [times([0, 9, 5]), b"e".to_vec()].concat();
    ok(&ports, &format!("/users/a/journey?cursor={}", URL_SAFE_NO_PAD.encode(&good))).await;
    let bad: [&[u8]; 9] = [
        b"",
        b"e",
        &good[..24],
        &[times([0, 9, 9]), b"e".to_vec()].concat(),
        &[times([6, 9, 5]), b"e".to_vec()].concat(),
        &[times([i64::MIN, i64::MAX, 5]), b"e".to_vec()].concat(),
        &[times([0, 9, 5]), b"\0".to_vec()].concat(),
        &[times([0, 9, 5]), b"\xff".to_vec()].concat(),
        &[times([0, 9, 5]), b"e".repeat(256)].concat(),
    ];
    let bad = bad.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    for text in bad.iter().map(String::as_str).chain([
        "null",
        "%00",
        "%ff",
        "A==",
        "\u{e9}",
        "1' or '1'='1",
    ]) {
        let reply = get(&ports, &format!("/users/a/journey?cursor={text}")).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["pointer"]),
            (400, &json!("#/query/cursor")),
            "{text}"
        );
    }
}

/// The longest reply that Lambda accepts: 6 MiB.
const LAMBDAS_LIMIT: usize = 6 * 1024 * 1024;

async fn bytes_of_page(ports: &Ports<StoppedClock>, query: &str) -> (usize, Value) {
    let target = format!("/users/ada/journey?{query}");
    let event = event("GET", &target, &[("x-api-key", super::READ_KEY)]);
    let reply =
        ports.handle(&serde_json::from_value::<Request>(event).unwrap(), "invocation").await;
    assert_eq!(reply.status_code, 200, "{}", reply.text());
    let body = serde_json::from_slice(&reply.body).unwrap();
    (serde_json::to_vec(&reply).unwrap().len(), body)
}

async fn heavy(database: &TestDatabase, sizes: &[usize]) {
    let rows = sizes.iter().enumerate().map(|(i, size)| {
        let mut row = row(&format!("e{i}"), "ada", &format!("2026-03-14T10:00:{:02}Z", 59 - i));
        // Doubled by escaping inside a JSON string.
        row.payload = Some(format!("[{}1]", "\"\",".repeat(size / 3)));
        row
    });
    add(&database.client().await, &rows.collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_page_that_would_be_too_long_for_lambda_ends_early_and_the_next_goes_on() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    // The largest that a request may bring, a larger one that no request can bring, and small ones.
    let (mb, kb) = (1024 * 1024, 1024);
    heavy(&database, &[mb, mb, mb, kb, 5 * mb / 2, mb, kb, kb]).await;
    let (mut seen, mut query, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (bytes, page) = bytes_of_page(&ports, &query).await;
        assert!(bytes < LAMBDAS_LIMIT, "{bytes}");
        assert!(!ids(&page).is_empty(), "no page stands still");
        seen.extend(ids(&page));
        pages += 1;
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("limit=1000&cursor={cursor}");
    }
    assert_eq!(seen, (0..8).map(|i| format!("e{i}")).collect::<Vec<_>>());
    assert!((4..=8).contains(&pages), "{pages}");
}
