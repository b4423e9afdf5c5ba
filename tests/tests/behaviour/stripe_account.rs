//! What every test compares in the end: our rows with the vendor's truth.

use penstock_tests::plant::Plant;
use penstock_tests::simulators::stripe::{Ledger, World, WorldSpec};
use penstock_tests::truth::assert_nothing_left;
use penstock_tests::truth::stripe::{self, Movements};

/// The simulators' clock in these tests: 2026-06-01T00:00:00Z.
pub const NOW: i64 = 1_780_272_000;

/// The day's seconds.
pub const DAY: i64 = 86_400;

/// A world of `charges` over the 90 days before [`NOW`], its clock standing there.
pub fn world(seed: u64, charges: u32) -> World {
    World::new(WorldSpec::between(seed, charges, NOW - 90 * DAY, NOW).at(NOW))
}

/// What our tables say, by currency.
pub async fn our_books(plant: &Plant) -> Ledger {
    stripe::books(&plant.db).await
}

/// Our rows.
pub async fn our_rows(plant: &Plant) -> Movements {
    stripe::rows(&plant.db).await
}

/// The vendor's rows.
pub fn true_rows(plant: &Plant) -> Movements {
    stripe::true_rows(&plant.stripe)
}

/// The tables hold the vendor's truth, object by object and to the cent, and nothing waits or died.
pub async fn assert_true(plant: &Plant) {
    stripe::assert_true(&plant.db, &plant.stripe).await;
    assert_nothing_left(&plant.db).await;
}
