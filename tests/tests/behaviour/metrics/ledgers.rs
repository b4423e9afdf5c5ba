//! Random ledgers in the zones that break naive sums, against Postgres' own idea of a local day.

use std::collections::BTreeMap;

use super::{Payment, StoppedClock, amount, at, config, database, drift, ok, ports, upsert};
use fastrand::Rng;
use jiff::civil::{Date, Weekday};
use jiff::{Span, Timestamp};
use metrics::Ports;
use penstock_store::revenue::set_business_zone;
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;

/// A zone, and an instant near which its clock changes.
const CASES: [(&str, &str); 16] = [
    ("UTC", "2024-12-31T00:00:00Z"),
    ("America/New_York", "2025-03-09T07:00:00Z"),
    ("America/New_York", "2025-11-02T06:00:00Z"),
    ("Europe/Berlin", "2025-03-30T01:00:00Z"),
    ("Europe/Berlin", "2025-10-26T01:00:00Z"),
    ("Asia/Kolkata", "2025-01-01T00:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Australia/Lord_Howe", "2025-04-05T15:00:00Z"),
    ("Australia/Lord_Howe", "2025-10-04T15:30:00Z"),
    ("America/St_Johns", "2010-11-07T02:31:00Z"),
    ("America/St_Johns", "2025-03-09T05:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("Africa/Cairo", "2024-04-25T22:00:00Z"),
    ("America/New_York", "1880-01-01T05:00:00Z"),
];

const LEDGERS: u64 = 200;
const STATUSES: [&str; 6] =
    ["collected", "collected", "refunded", "disputed", "pending", "unmapped"];

/// Collected, refunded, disputed, and how many were collected.
type Sums = (i128, i128, i128, i64);

fn some_instant(rng: &mut Rng, centre: Timestamp) -> Timestamp {
    let micros = match rng.u8(0..4) {
        // A quarter hour on the dot or a microsecond beside it, within three days,
        0 => rng.i64(-288..288) * 900_000_000 + rng.i64(-1..=1),
        // within two hours of the change of the clock,
        1 => rng.i64(-7_200_000_000..7_200_000_000),
        // or within some weeks.
        _ => rng.i64(-30 * 86_400_000_000..30 * 86_400_000_000),
    };
    Timestamp::from_microsecond(centre.as_microsecond() + micros).unwrap()
}

fn some_payment(rng: &mut Rng, id: usize, centre: Timestamp) -> Payment {
    Payment {
        source: rng.choice(["stripe", "hubspot"]).unwrap(),
        id: id.to_string(),
        amount: if rng.u8(0..10) == 0 { i64::MAX } else { rng.i64(0..100_000) },
        currency: rng.choice(["USD", "EUR", "JPY"]).unwrap(),
        status: rng.choice(STATUSES).unwrap(),
        occurred_at: some_instant(rng, centre),
    }
}

/// Inserts, changes and deletes, in statements of many rows.
async fn write_ledger(rng: &mut Rng, on: &Client, centre: Timestamp) {
    let emptied = if rng.bool() { "truncate payments" } else { "delete from payments" };
    on.execute(emptied, &[]).await.unwrap();
    for _ in 0..rng.usize(1..4) {
        let mut ids: Vec<usize> = (0..60).collect();
        rng.shuffle(&mut ids);
        let payments: Vec<Payment> =
            ids[..40].iter().map(|id| some_payment(rng, *id, centre)).collect();
        upsert(on, &payments).await;
    }
    let changes = [
        "delete from payments where external_id like '%7'",
        "update payments set status = 'refunded', amount = amount / 2 where external_id like '%3'",
        "update payments set occurred_at = occurred_at + interval '1 day' where external_id like '1%'",
        "update payments set currency = 'EUR', source = source || 'x' where external_id like '2%'",
        "update payments set raw_status = 'other'",
    ];
    on.batch_execute(rng.choice(changes).unwrap()).await.unwrap();
}

/// Groups the payments in Postgres alone, without any code of ours.
async fn brute_force(on: &Client, zone: &str, currency: &str) -> BTreeMap<Date, Sums> {
    let rows = on
        .query(
            "select (occurred_at at time zone $1)::date, \
                    coalesce(sum(amount) filter (where status = 'collected'), 0)::text, \
                    coalesce(sum(amount) filter (where status = 'refunded'), 0)::text, \
                    coalesce(sum(amount) filter (where status = 'disputed'), 0)::text, \
                    count(*) filter (where status = 'collected') \
               from payments where currency = $2 group by 1",
            &[&zone, &currency],
        )
        .await
        .unwrap();
    let sum = |text: &str| text.parse::<i128>().unwrap();
    rows.iter()
        .map(|r| (r.get(0), (sum(r.get(1)), sum(r.get(2)), sum(r.get(3)), r.get(4))))
        .collect()
}

fn add(a: Sums, b: &Sums) -> Sums {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3)
}

async fn check(ports: &Ports<StoppedClock>, on: &Client, zone: &str, (first, last): (Date, Date)) {
    let truth = brute_force(on, zone, "USD").await;
    let query = format!("startDate={first}&endDate={last}&timezone={zone}");
    let total = truth.range(first..=last).fold((0, 0, 0, 0), |sum, (_, day)| add(sum, day));
    for view in ["summary", "daily", "weekly"] {
        let reply = ok(ports, &format!("/metrics/revenue/{view}?{query}")).await;
        let seen = (
            reply.amount("totalRevenueCents"),
            reply.amount("refundedCents"),
            reply.amount("disputedCents"),
            reply.body["count"].as_i64().unwrap(),
        );
        assert_eq!(seen, total, "{view} {query}");
        assert_eq!(reply.amount("netRevenueCents"), total.0 - total.1 - total.2);
        let Some(breakdown) = reply.body["breakdown"].as_array() else { continue };
        let mut date = if view == "daily" { first } else { monday(first) };
        for row in breakdown {
            let (name, days) = if view == "daily" { ("date", 1) } else { ("weekStartDate", 7) };
            assert_eq!(row[name], date.to_string(), "{view} {query}");
            let next = date + Span::new().days(days);
            let part = truth.range(date.max(first)..next.min(last + Span::new().days(1)));
            let expected = part.fold((0, 0, 0, 0), |sum, (_, day)| add(sum, day));
            let disputed = amount(&row["disputedCents"]);
            let seen = (
                amount(&row["amountCents"]),
                amount(&row["refundedCents"]),
                disputed,
                row["count"].as_i64(),
            );
            assert_eq!(
                seen,
                (expected.0, expected.1, expected.2, Some(expected.3)),
                "{view} {query} {date}"
            );
            assert_eq!(amount(&row["netCents"]), expected.0 - expected.1 - expected.2);
            date = next;
        }
        assert!(date > last, "{view} {query}: every day is listed");
    }
}

fn monday(date: Date) -> Date {
    date.series(Span::new().days(-1)).find(|d| d.weekday() == Weekday::Monday).unwrap()
}

async fn one_ledger(seed: u64, database: &TestDatabase, on: &Client) {
    let mut rng = Rng::with_seed(seed);
    let case = usize::try_from(seed).unwrap() % CASES.len();
    let (zone, centre) = (CASES[case].0, at(CASES[case].1));
    write_ledger(&mut rng, on, centre).await;
    // Sometimes the database keeps the zone's days; sometimes only the function is configured so.
    let mut config = config();
    // Thousands of requests at one instant.
    config.rate_limit_per_second = 1_000_000;
    let kept = *rng.choice(&["UTC", zone, zone]).unwrap();
    set_business_zone(on, kept).await.unwrap();
    config.business_zone = (*rng.choice(&["UTC", zone, zone]).unwrap()).to_owned();
    let ports = ports(database.database_of("metrics", 1), config);
    let middle = jiff::tz::TimeZone::get(zone).unwrap().to_datetime(centre).date();
    for zone in [zone, CASES[rng.usize(0..CASES.len())].0] {
        let first = middle - Span::new().days(rng.i64(0..25));
        let last = if rng.u8(0..4) == 0 { first } else { first + Span::new().days(rng.i64(0..50)) };
        check(&ports, on, zone, (first, last)).await;
    }
    if seed.is_multiple_of(10) {
        assert_eq!(drift(on).await, 0, "ledger {seed}");
    }
}

async fn ledgers(seeds: impl Iterator<Item = u64>) {
    let database = database().await;
    let on = database.client().await;
    for seed in seeds {
        one_ledger(seed, &database, &on).await;
    }
}

#[tokio::test]
async fn trap_36_summary_equals_daily_equals_weekly_equals_a_sum_over_the_payments() {
    tokio::join!(ledgers((0..LEDGERS).step_by(2)), ledgers((1..LEDGERS).step_by(2)));
}
