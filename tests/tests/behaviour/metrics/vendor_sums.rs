//! The revenue of all is that of the vendors, and a vendor's that of its connections.

use std::collections::BTreeMap;

use super::connections::{CONNECTIONS, connect};
use super::{Payment, at, database, try_upsert, upsert};
use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use penstock_domain::revenue::{ByCurrency, Calendar, DateRange, Sums, Zone};
use penstock_store::Chosen;
use penstock_store::revenue::{RevenueQuery, read, set_business_zone};
use tokio_postgres::{Client, GenericClient};

const VENDORS: [&str; 3] = ["stripe", "hubspot", "gcal"];

const CURRENCIES: [&str; 3] = ["USD", "EUR", "JPY"];

fn some_payment(rng: &mut Rng) -> Payment {
    let (source, ..) = *rng.choice(&CONNECTIONS).unwrap();
    let second = at("2026-03-01T00:00:00Z").as_second() + rng.i64(0..10 * 86_400);
    Payment {
        source,
        id: rng.u16(0..40).to_string(), // the same ids in all of them, on purpose
        amount: rng.i64(0..100_000),
        currency: rng.choice(CURRENCIES).unwrap(),
        status: rng.choice(["collected", "collected", "refunded", "disputed", "unmapped"]).unwrap(),
        occurred_at: Timestamp::from_second(second).unwrap(),
    }
}

/// Random payments, each key once.
fn some_payments(rng: &mut Rng) -> Vec<Payment> {
    let all = (0..60).map(|_| some_payment(rng));
    let by_key: BTreeMap<_, _> = all.map(|it| ((it.source, it.id.clone()), it)).collect();
    by_key.into_values().collect()
}

/// The days of a question that have any revenue, each with its sums by currency.
async fn asked(
    on: &impl GenericClient,
    (zone, business_zone): (&Zone, &str),
    vendor: Option<&str>,
    connection: Option<&str>,
) -> BTreeMap<Date, ByCurrency> {
    let range = DateRange::new(date(2026, 2, 25), date(2026, 3, 15)).unwrap();
    let calendar = Calendar::new(zone, range);
    let chosen = Chosen { vendor, connection };
    let query = RevenueQuery { zone, calendar: &calendar, chosen, business_zone };
    let revenue = read(on, &query).await.unwrap();
    let some = |sums: &ByCurrency| -> ByCurrency {
        sums.iter()
            .filter(|(_, sums)| !sums.is_zero())
            .map(|(c, sums)| (c.clone(), *sums))
            .collect()
    };
    let days = revenue.daily().iter().map(|day| (day.date, some(&day.sums)));
    days.filter(|(_, sums)| !sums.is_empty()).collect()
}

/// Adds up days, each currency for itself.
fn add(all: impl IntoIterator<Item = BTreeMap<Date, ByCurrency>>) -> BTreeMap<Date, ByCurrency> {
    let mut sum = BTreeMap::<Date, ByCurrency>::new();
    for (day, sums) in all.into_iter().flatten() {
        for (currency, sums) in sums {
            *sum.entry(day).or_default().entry(currency).or_default() += sums;
        }
    }
    sum
}

/// The revenue of some connections by a sum over the payments, by currency.
async fn truth(on: &impl GenericClient, names: &[&str]) -> ByCurrency {
    let sql = "select currency, coalesce(sum(amount) filter (where status = 'collected'), 0)::bigint, \
                      coalesce(sum(amount) filter (where status = 'refunded'), 0)::bigint, \
                      coalesce(sum(amount) filter (where status = 'disputed'), 0)::bigint, \
                      count(*) filter (where status = 'collected') \
               from payments where status <> 'unmapped' and source = any($1) group by currency";
    let rows = on.query(sql, &[&names]).await.unwrap();
    let whole = |value: i64| i128::from(value);
    let sums = rows.iter().map(|row| {
        let (collected, refunded, disputed) =
            (whole(row.get(1)), whole(row.get(2)), whole(row.get(3)));
        (row.get(0), Sums { collected, refunded, disputed, count: whole(row.get(4)) })
    });
    sums.filter(|(_, sums)| !sums.is_zero()).collect()
}

/// Asks all questions in one snapshot, and compares them with each other and with the payments.
async fn compare(on: &mut Client, zone: (&Zone, &str)) {
    let snapshot = on.build_transaction().read_only(true);
    let tx = snapshot.isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
    let tx = tx.start().await.unwrap();
    let all = asked(&tx, zone, None, None).await;
    let mut by_vendor = Vec::new();
    for vendor in VENDORS {
        let whole = asked(&tx, zone, Some(vendor), None).await;
        let mut by_connection = Vec::new();
        for (name, source, _) in CONNECTIONS {
            let one = asked(&tx, zone, None, Some(name)).await;
            let beside_vendor = asked(&tx, zone, Some(vendor), Some(name)).await;
            if source == vendor {
                assert_eq!(beside_vendor, one, "{name}");
                by_connection.push(one);
            } else {
                assert_eq!(beside_vendor, BTreeMap::new(), "{name} is not of {vendor}");
            }
        }
        assert_eq!(whole, add(by_connection), "{vendor} {}", zone.0.name());
        let of_it = CONNECTIONS.iter().filter(|(_, source, _)| *source == vendor);
        let names: Vec<&str> = of_it.map(|(name, ..)| *name).collect();
        let sum = add([whole.clone()]).into_values().fold(ByCurrency::new(), |mut sum, day| {
            day.into_iter().for_each(|(currency, sums)| *sum.entry(currency).or_default() += sums);
            sum
        });
        assert_eq!(sum, truth(&tx, &names).await, "{vendor} {}", zone.0.name());
        by_vendor.push(whole);
    }
    assert_eq!(all, add(by_vendor), "{}", zone.0.name());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn all_is_the_sum_of_the_vendors_and_a_vendor_that_of_its_connections_by_currency_and_day() {
    let database = database().await;
    let mut on = database.client().await;
    connect(&on).await;
    set_business_zone(&on, "Asia/Kathmandu").await.unwrap();
    upsert(&on, &some_payments(&mut Rng::with_seed(1))).await;
    let write = async {
        let (mut rng, writer) = (Rng::with_seed(2), database.client().await);
        for _ in 0..60 {
            try_upsert(&writer, &some_payments(&mut rng)).await.unwrap();
        }
    };
    // A zone whose days are kept, two of quarter hours, and one that no bucket keeps to.
    let zones = ["Asia/Kathmandu", "UTC", "America/New_York", "Africa/Monrovia"];
    let read = async {
        for zone in zones.into_iter().cycle().take(16) {
            let zone = Zone::parse(zone).unwrap();
            compare(&mut on, (&zone, "Asia/Kathmandu")).await;
        }
    };
    tokio::join!(write, read);
}
