//! Measures how fast the revenue routes reply over a year, against a plain GROUP BY over the
//! payments, and how fast what changed is folded.

use std::time::Instant;

use metrics::{MetricsConfig, Ports};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_edge::http::{Request, Service as _, presented_key};
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_store::revenue::{fold, set_business_zone, unfolded};
use penstock_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::figures::{Figures, median, ms, per_second};
use super::say;
use super::stock::run;

const SCALES: [(&str, u32); 3] = [("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)];

const VIEWS: [&str; 3] = ["summary", "daily", "weekly"];

/// The suffix of the figure's name, and the zone.
const ZONES: [(&str, &str); 3] =
    [("utc", "UTC"), ("business", BUSINESS_ZONE), ("other", "America/New_York")];

const BUSINESS_ZONE: &str = "Europe/Berlin";

/// An API key with the scope `read`.
pub(super) const KEY: &str = "a key for the benchmark";

/// Requests in a round, and rounds. Each round also runs the plain GROUP BY once.
const QUESTIONS: usize = 5;
const ROUNDS: usize = 9;

/// Payments that one statement writes.
const STEP: u32 = 50_000;

/// Deltas that a statement folds, as in `relay`.
const FOLDED: u32 = 20_000;

/// Deltas that readers walk through in the last part.
const UNFOLDED: u64 = 100_000;

/// Changes a thousand payments of all over the year, as a batch of `process` would.
const CHANGES: &str = "
update payments set amount = amount + 1
where (source, kind, external_id) in (
    select source, kind, external_id
    from generate_series($from, $from + 999) n
    join payments on external_id = md5(n::text) and status = 'collected' and kind = 'charge'
         and source = case when n % 10 = 0 then 'hubspot' else 'stripe' end)";

/// A year in four currencies and two sources, with statuses about as frequent as in practice. `raw`
/// is small: a GROUP BY is fastest over narrow rows.
const PAYMENTS: &str = "
insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                      version_rank, content_hash, raw, outbox_id, updated_at)
select case when n % 10 = 0 then 'hubspot' else 'stripe' end, kind, md5(n::text), 100 + (n * 7919::bigint) % 50000,
       (array['USD', 'USD', 'USD', 'EUR', 'EUR', 'GBP', 'JPY'])[1 + n % 7], status, status, at, at, true, 4, n,
       convert_to(md5(n::text), 'UTF8'), gen_random_uuid(), at
from generate_series($from, $to) n
cross join lateral (values
    (timestamptz '2025-01-01 00:00Z' + (n * 7919::bigint) % 31536000 * interval '1 s',
     (array['collected', 'refunded', 'failed', 'disputed', 'pending', 'authorized'])
         [case when n % 100 < 80 then 1 when n % 100 < 90 then 2 when n % 100 < 95 then 3 else n % 100 - 93 end])
    ) life (at, status)
cross join lateral (values (case status when 'refunded' then 'refund' when 'disputed' then 'dispute' else 'charge' end)
    ) what (kind)";

const GROUP_BY: &str = "
select date_trunc('day', occurred_at at time zone $1)::date as day, currency,
       sum(amount) filter (where status = 'collected'), sum(amount) filter (where status = 'refunded'),
       sum(amount) filter (where status = 'disputed'), count(*) filter (where status = 'collected')
from payments
where occurred_at >= ('2025-01-01'::timestamp at time zone $1) and occurred_at < ('2026-01-01'::timestamp at time zone $1)
  and status in ('collected', 'refunded', 'disputed')
group by 1, 2";

/// Measures every scale, smallest first.
pub(super) async fn measure(figures: &mut Figures) {
    for (scale, payments) in SCALES {
        say(&format!("metrics: writing {payments} payments, the triggers on"));
        let (db, fold_rows_s) = filled(payments).await;
        Box::pin(measure_scale(&db, scale, figures)).await;
        if payments >= 1_000_000 {
            figures.note("fold_rows_s", fold_rows_s);
            Box::pin(measure_unfolded(&db, figures)).await;
        }
    }
    let of = |name: String, figures: &Figures| figures.get(&name).unwrap_or(f64::NAN);
    for view in VIEWS {
        let [small, large] =
            ["100k", "1m"].map(|scale| of(format!("metrics_{view}_p50_ms_{scale}"), figures));
        figures.note(format!("metrics_{view}_growth_100k_1m"), large / small);
    }
    for (label, _) in ZONES {
        let [small, large] = ["100k", "1m"]
            .map(|scale| of(format!("metrics_daily_p50_ms_{scale}_{label}"), figures));
        figures.note(format!("metrics_daily_growth_100k_1m_{label}"), large / small);
        let [route, plain] = ["metrics_daily", "group_by"]
            .map(|what| of(format!("{what}_p50_ms_1m_{label}"), figures));
        figures.note(format!("metrics_daily_speedup_1m_{label}"), plain / route);
        let unfolded = of(format!("metrics_daily_p50_ms_1m_unfolded_{label}"), figures);
        figures.note(format!("metrics_daily_unfolded_ratio_{label}"), unfolded / route);
    }
    let [utc, other] =
        ["utc", "other"].map(|label| of(format!("metrics_daily_p50_ms_1m_{label}"), figures));
    figures.note("metrics_daily_other_to_utc_1m", other / utc);
}

/// Returns a database with so many payments, and how many deltas were folded a second.
async fn filled(payments: u32) -> (TestDatabase, f64) {
    let db = TestDatabase::new().await;
    let client = db.client().await;
    set_business_zone(&client, BUSINESS_ZONE).await.expect("the business zone");
    let read = NewKey {
        id: Uuid::now_v7(),
        name: "bench",
        scope: Scope::Read,
        sha256: sha256_of_key(),
        rate_per_second: None,
    };
    api_keys::insert(&client, read, SystemClock.now()).await.expect("the key");
    for from in (1..=payments).step_by(usize::try_from(STEP).expect("a step")) {
        let to = payments.min(from + STEP - 1);
        run(&client, &PAYMENTS.replace("$from", &from.to_string()).replace("$to", &to.to_string()))
            .await;
    }
    let fold_rows_s = fold_all(&db).await;
    run(&client, "vacuum (analyze)").await;
    run(&client, "checkpoint").await;
    (db, fold_rows_s)
}

async fn fold_all(db: &TestDatabase) -> f64 {
    let connection = db.database(1).connection().await.expect("a connection");
    let (mut rows, started) = (0, Instant::now());
    while let Some(folded @ 1..) = fold(&connection, FOLDED).await.expect("the folding") {
        rows += usize::try_from(folded).expect("few rows");
    }
    per_second(rows, started.elapsed())
}

/// Measures the daily route while deltas wait to be folded.
async fn measure_unfolded(db: &TestDatabase, figures: &mut Figures) {
    let client = db.client().await;
    let mut from = 1;
    while unfolded(&client).await.expect("a count") < UNFOLDED {
        run(&client, &CHANGES.replace("$from", &from.to_string())).await;
        from += 1_000;
    }
    run(&client, "vacuum (analyze) payments, revenue_deltas").await;
    let ports = ports(db);
    for (label, zone) in ZONES {
        let (expected, _) = grouped(&client, zone).await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS * QUESTIONS {
            let (total, took) = asked(&ports, "daily", zone).await;
            assert_eq!(total, expected, "{zone} differs from the payments");
            times.push(took);
        }
        figures.note(format!("metrics_daily_p50_ms_1m_unfolded_{label}"), median(&times));
    }
}

fn ports(db: &TestDatabase) -> Ports<SystemClock> {
    let env: Env = [("BUSINESS_TIMEZONE", BUSINESS_ZONE), ("RATE_LIMIT_PER_SECOND", "1000000")]
        .into_iter()
        .collect();
    let config = MetricsConfig::from_env(&env).expect("a configuration");
    let (database, started) = (db.database(1), SystemClock.now());
    let admission = Admission::new(database.clone(), config.rate_limit_per_second);
    Ports { database, admission, config, clock: SystemClock, started }
}

async fn measure_scale(db: &TestDatabase, scale: &str, figures: &mut Figures) {
    let ports = ports(db);
    let client = db.client().await;
    for (label, zone) in ZONES {
        let mut routes = VIEWS.map(|_| Vec::new());
        let mut plain = Vec::new();
        for _ in 0..ROUNDS {
            let (expected, took) = grouped(&client, zone).await;
            plain.push(took);
            for (view, times) in VIEWS.iter().zip(&mut routes) {
                for _ in 0..QUESTIONS {
                    let (total, took) = asked(&ports, view, zone).await;
                    assert_eq!(total, expected, "{view} of {zone} differs from the payments");
                    times.push(took);
                }
            }
        }
        for (view, times) in VIEWS.iter().zip(&routes) {
            figures.note(format!("metrics_{view}_p50_ms_{scale}_{label}"), median(times));
            if label == "utc" {
                figures.note(format!("metrics_{view}_p50_ms_{scale}"), median(times));
            }
        }
        figures.note(format!("group_by_p50_ms_{scale}_{label}"), median(&plain));
    }
}

/// Returns the dollars collected by the plain GROUP BY, and its milliseconds.
async fn grouped(client: &Client, zone: &str) -> (String, f64) {
    let sql = GROUP_BY.replace("$1", &format!("'{zone}'"));
    let started = Instant::now();
    let rows = client.query_typed(&sql, &[]).await.expect("the plain GROUP BY");
    let took = ms(started.elapsed());
    let total = format!(
        "select coalesce(sum(c), 0)::text from ({sql}) g (day, currency, c) where currency = 'USD'"
    );
    assert!(!rows.is_empty());
    (client.query_one(&total, &[]).await.expect("the total").get(0), took)
}

/// Returns the route's dollars, and the milliseconds from the event's bytes to the reply's.
async fn asked(ports: &Ports<SystemClock>, view: &str, zone: &str) -> (String, f64) {
    let query = format!(
        "startDate=2025-01-01&endDate=2025-12-31&timezone={}&currency=USD",
        zone.replace('/', "%2F")
    );
    let event = serde_json::to_vec(&gateway_event(&format!("/metrics/revenue/{view}"), &query))
        .expect("an event");
    let started = Instant::now();
    let request: Request = serde_json::from_slice(&event).expect("a request");
    let reply = ports.handle(&request, "invocation").await;
    let bytes = serde_json::to_vec(&reply).expect("a reply");
    let took = ms(started.elapsed());
    assert_eq!(reply.status_code, 200, "{}", String::from_utf8_lossy(&bytes));
    let body: Value = serde_json::from_slice(&reply.body).expect("a body of JSON");
    (body["totalRevenueCents"].as_str().expect("a total").to_owned(), took)
}

/// Returns a GET in payload format 2.0, as API Gateway sends it.
pub(super) fn gateway_event(path: &str, query: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("GET {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "application/json", "host": "api.example.com", "user-agent": "bench", "x-api-key": KEY,
            "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678", "x-forwarded-for": "192.0.2.1",
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "requestId": "request",
            "routeKey": format!("GET {path}"), "stage": "$default", "timeEpoch": 1_767_225_600_000_i64,
            "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench" },
        },
        "isBase64Encoded": false,
    })
}

/// Returns the hash under which the database stores [`KEY`].
pub(super) fn sha256_of_key() -> [u8; 32] {
    let request: Request = serde_json::from_value(gateway_event("/", "")).expect("a request");
    presented_key(&request.headers).expect("a key in it").sha256
}
