//! Revenue as its tables keep it: deltas that statements append, sums that they are folded into.

mod folding;
mod races;
mod rebuild;
mod waits;

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use penstock_domain::revenue::{Calendar, DateRange, Revenue, Zone};
use penstock_store::Chosen;
use penstock_store::revenue::{RevenueQuery, read};
use tokio_postgres::{Client, GenericClient};

use crate::metrics::{Payment, at};

/// The days that these tests ask for. The clocks of New York and Berlin change among them.
pub const DAYS: (Date, Date) = (date(2025, 3, 1), date(2025, 4, 5));

/// Hours from UTC in whole, half and quarter hours, and on both sides of it.
pub const ZONES: [&str; 6] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Auckland",
];

/// By day and currency: collected, refunded, disputed, and how many were collected.
pub type Sums = BTreeMap<(Date, String), (i128, i128, i128, i128)>;

/// Returns what the figures say of `DAYS`.
pub async fn figures(on: &impl GenericClient, zone: &str) -> Sums {
    let zone = Zone::parse(zone).unwrap();
    let calendar = Calendar::new(&zone, DateRange::new(DAYS.0, DAYS.1).unwrap());
    let query = RevenueQuery {
        zone: &zone,
        calendar: &calendar,
        chosen: Chosen::default(),
        business_zone: zone.name(),
    };
    by_day(&read(on, &query).await.unwrap())
}

fn by_day(revenue: &Revenue) -> Sums {
    let mut all = Sums::new();
    for day in revenue.daily() {
        for (currency, s) in &day.sums {
            if !s.is_zero() {
                let sums = (s.collected, s.refunded, s.disputed, s.count);
                all.insert((day.date, currency.clone()), sums);
            }
        }
    }
    all
}

/// Groups the payments in Postgres alone, without any code of ours.
pub async fn brute_force(on: &impl GenericClient, zone: &str) -> Sums {
    let sql = "select (occurred_at at time zone $1)::date as day, currency, \
                      coalesce(sum(amount) filter (where status = 'collected'), 0)::text, \
                      coalesce(sum(amount) filter (where status = 'refunded'), 0)::text, \
                      coalesce(sum(amount) filter (where status = 'disputed'), 0)::text, \
                      (count(*) filter (where status = 'collected'))::text \
               from payments where (occurred_at at time zone $1)::date between $2 and $3 group by 1, 2";
    let mut all = Sums::new();
    for row in on.query(sql, &[&zone, &DAYS.0, &DAYS.1]).await.unwrap() {
        let sum = |column: usize| row.get::<_, &str>(column).parse::<i128>().unwrap();
        let sums = (sum(2), sum(3), sum(4), sum(5));
        if sums != (0, 0, 0, 0) {
            all.insert((row.get(0), row.get(1)), sums);
        }
    }
    all
}

/// Asserts that the figures are those of the payments, in every zone.
pub async fn assert_exact(on: &impl GenericClient, when: &str) {
    for zone in ZONES {
        assert_eq!(figures(on, zone).await, brute_force(on, zone).await, "{zone} {when}");
    }
}

/// A payment of 10 dollars at noon.
pub fn payment(id: impl ToString) -> Payment {
    Payment::new(id, 1_000, "collected", "2025-03-10T12:00:00Z")
}

/// Payments at random quarter hours of `DAYS`, and at other moments beside them.
pub fn some_payments(rng: &mut fastrand::Rng, prefix: &str, count: usize) -> Vec<Payment> {
    let from = at("2025-02-28T00:00:00Z").as_second();
    let mut ids: Vec<usize> = (0..200).collect();
    rng.shuffle(&mut ids);
    let mut some = || Payment {
        source: rng.choice(["stripe", "hubspot"]).unwrap(),
        id: String::new(),
        amount: match rng.u8(0..20) {
            0 => i64::MAX,
            1 => -rng.i64(0..100_000),
            _ => rng.i64(0..100_000),
        },
        currency: rng.choice(["USD", "EUR"]).unwrap(),
        status: rng.choice(["collected", "collected", "refunded", "disputed", "pending"]).unwrap(),
        occurred_at: jiff::Timestamp::from_second(
            from + rng.i64(0..38 * 96) * 900 - i64::from(rng.bool()),
        )
        .unwrap(),
    };
    ids.into_iter()
        .take(count)
        .map(|id| Payment { id: format!("{prefix}{id}"), ..some() })
        .collect()
}

pub async fn deltas(on: &Client) -> i64 {
    on.query_one("select count(*) from revenue_deltas", &[]).await.unwrap().get(0)
}

/// Folds once; `None` if somebody else folds.
pub async fn fold(on: &Client, most: i32) -> Option<i64> {
    on.query_one("select fold_revenue_deltas($1)", &[&most]).await.unwrap().get(0)
}
