//! What every test compares in the end: our rows with the vendor's truth.

use std::collections::BTreeMap;

use penstock_tests::plant::Plant;
use penstock_tests::simulator::{Totals, World, WorldSpec};

/// The simulators' clock in these tests: 2026-06-01T00:00:00Z.
pub const NOW: i64 = 1_780_272_000;

/// The day's seconds.
pub const DAY: i64 = 86_400;

/// A world of `charges` over the 90 days before [`NOW`], its clock standing there.
pub fn world(seed: u64, charges: u32) -> World {
    World::new(WorldSpec::between(seed, charges, NOW - 90 * DAY, NOW).at(NOW))
}

/// What our tables say, by currency.
pub async fn our_books(plant: &Plant) -> BTreeMap<String, Totals> {
    let sql = "select currency, status, sum(amount)::text, count(*) from payments \
               where status in ('collected', 'refunded', 'disputed') group by 1, 2";
    let mut books: BTreeMap<String, Totals> = BTreeMap::new();
    for row in plant.db.client().await.query(sql, &[]).await.unwrap() {
        let totals = books.entry(row.get(0)).or_default();
        let sum: i128 = row.get::<_, String>(2).parse().unwrap();
        let count = u64::try_from(row.get::<_, i64>(3)).unwrap();
        match row.get(1) {
            "collected" => (totals.gross, totals.charges) = (sum, count),
            "refunded" => (totals.refunded, totals.refunds) = (sum, count),
            _ => (totals.disputed, totals.disputes) = (sum, count),
        }
    }
    for totals in books.values_mut() {
        totals.net = totals.gross - totals.refunded - totals.disputed;
    }
    books
}

/// One row of ours or of the vendor's truth: kind, id, raw status, what it counts for.
pub type BookRow = (String, String, String, i128);

/// Our rows, sorted.
pub async fn our_rows(plant: &Plant) -> Vec<BookRow> {
    let sql = "select kind, external_id, raw_status, \
               case when status in ('collected', 'refunded', 'disputed') then amount else 0 end from payments";
    let rows = plant.db.client().await.query(sql, &[]).await.unwrap();
    let mut rows: Vec<BookRow> =
        rows.iter().map(|r| (r.get(0), r.get(1), r.get(2), i128::from(r.get::<_, i64>(3)))).collect();
    rows.sort();
    rows
}

/// The vendor's rows, sorted.
pub fn true_rows(plant: &Plant) -> Vec<BookRow> {
    let kind = |k| format!("{k:?}").to_lowercase();
    let truth = plant.stripe.truth().into_iter();
    let mut rows: Vec<BookRow> =
        truth.map(|t| (kind(t.kind), t.id, t.raw_status.to_owned(), t.counted_iso_minor)).collect();
    rows.sort();
    rows
}

/// The tables hold the vendor's truth, object by object and to the cent, and nothing waits or died.
pub async fn assert_true(plant: &Plant) {
    let (ours, truth) = (our_rows(plant).await, true_rows(plant));
    let wrong: Vec<_> = ours.iter().filter(|row| !truth.contains(row)).take(5).collect();
    let missing: Vec<_> = truth.iter().filter(|row| !ours.contains(row)).take(5).collect();
    assert!(ours == truth, "wrong here: {wrong:#?}\nmissing here: {missing:#?}");
    let mut ledger = plant.stripe.ledger();
    ledger.retain(|_, t| *t != Totals::default());
    assert_eq!(our_books(plant).await, ledger);
    plant.db.assert_nothing_waits().await;
    assert_eq!(plant.db.scalar::<i64>("select count(*) from dead_letters").await, 0, "dead letters");
}
