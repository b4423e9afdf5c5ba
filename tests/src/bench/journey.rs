//! Measures how fast a page of a user's events is read, by the number of the user's events.

use std::time::Instant;

use metrics::{MetricsConfig, Ports};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_edge::http::{Request, Service as _};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::TestDatabase;
use serde_json::Value;
use uuid::Uuid;

use super::figures::{Figures, median, ms};
use super::revenue::{gateway_event, sha256_of_key};
use super::say;
use super::stock::run;

const SCALES: [(&str, u32); 2] = [("10k", 10_000), ("1m", 1_000_000)];

/// Events of other users, equally many at both scales.
const OTHERS: u32 = 100_000;

/// Measured pages of each kind.
const PAGES: usize = 300;

/// Events that one statement writes.
const STEP: u32 = 100_000;

/// A rate above the benchmark's own, so that no request is throttled.
const REQUESTS_PER_SECOND: u32 = 1_000_000;

/// One event each minute, backwards. Their order in the table is not that of time.
const EVENTS: &str = "
insert into events (event_id, user_id, session_id, type, payload, occurred_at, received_at, outbox_id)
select '$user-' || n, '$user' || n % $users, 'session', 'page_view',
       format('{\"path\":\"/pricing\",\"note\":\"%s\"}', repeat(md5(n::text), 4)), now() - n * interval '1 minute', now(),
       gen_random_uuid()
from generate_series($from::bigint, $to) n order by md5(n::text)";

/// Measures both scales, each in a database of its own.
pub(super) async fn measure(figures: &mut Figures) {
    for (scale, events) in SCALES {
        say(&format!("journey: writing {events} events of one user and {OTHERS} of others"));
        let db = TestDatabase::new().await;
        let client = db.client().await;
        for (user, users, count) in [("ada", 1, events), ("other", 1_000, OTHERS)] {
            for from in (1..=count).step_by(usize::try_from(STEP).expect("a step")) {
                let (from, to) = (from.to_string(), count.min(from + STEP - 1).to_string());
                let sql = EVENTS.replace("$users", &users.to_string()).replace("$user", user);
                run(&client, &sql.replace("$from", &from).replace("$to", &to)).await;
            }
        }
        let sha256 = sha256_of_key();
        let read = NewKey {
            id: Uuid::now_v7(),
            name: "bench",
            scope: Scope::Read,
            sha256,
            rate_per_second: None,
        };
        api_keys::insert(&client, read, SystemClock.now()).await.expect("the key");
        run(&client, "vacuum (analyze)").await;
        run(&client, "checkpoint").await;
        Box::pin(measure_scale(&db, (scale, events), figures)).await;
    }
    for kind in ["journey", "journey_deep"] {
        let [small, large] = ["10k", "1m"]
            .map(|scale| figures.get(&format!("{kind}_p50_ms_{scale}")).unwrap_or(f64::NAN));
        figures.note(format!("{kind}_growth_10k_1m"), large / small);
    }
}

async fn measure_scale(db: &TestDatabase, (scale, events): (&str, u32), figures: &mut Figures) {
    let config = MetricsConfig::from_env(&std::iter::empty::<(String, String)>().collect::<Env>())
        .expect("a configuration");
    let database = db.database(1);
    let admission = Admission::new(database.clone(), REQUESTS_PER_SECOND);
    let ports =
        Ports { database, admission, config, clock: SystemClock, started: SystemClock.now() };
    // A tenth of the events are older.
    let deep = SystemClock.now() - jiff::SignedDuration::from_mins(i64::from(events) * 9 / 10);
    let bounds = format!("from=2000-01-01T00:00:00Z&to={deep}");
    let page = page(&ports, &bounds).await.1;
    let cursor = format!("cursor={}", page["nextCursor"].as_str().expect("a next page"));
    let (mut first_times, mut deep_times) = (Vec::new(), Vec::new());
    for round in 0..PAGES + PAGES / 10 {
        let (first, deep) = (self::page(&ports, "").await, self::page(&ports, &cursor).await);
        if round >= PAGES / 10 {
            first_times.push(first.0);
            deep_times.push(deep.0);
        }
    }
    figures.note(format!("journey_p50_ms_{scale}"), median(&first_times));
    figures.note(format!("journey_deep_p50_ms_{scale}"), median(&deep_times));
}

/// Returns the milliseconds from the event's bytes to the reply's, and the page.
async fn page(ports: &Ports<SystemClock>, query: &str) -> (f64, Value) {
    let event = serde_json::to_vec(&gateway_event("/users/ada0/journey", query)).expect("an event");
    let started = Instant::now();
    let request: Request = serde_json::from_slice(&event).expect("a request");
    let reply = ports.handle(&request, "invocation").await;
    let bytes = serde_json::to_vec(&reply).expect("a reply");
    let took = ms(started.elapsed());
    assert_eq!(reply.status_code, 200, "{}", String::from_utf8_lossy(&bytes));
    let page: Value = serde_json::from_slice(&reply.body).expect("a body of JSON");
    assert_eq!(page["events"].as_array().map(Vec::len), Some(100), "a full page");
    (took, page)
}
