//! What every test compares in the end: our rows with the vendor's truth.

use penstock_tests::simulators::stripe::{AccountSpec, Ledger, StripeAccount};
use penstock_tests::test_app::TestApp;
use penstock_tests::truth::assert_nothing_left;
use penstock_tests::truth::stripe::{self, Movements};

/// The simulators' clock in these tests: 2026-06-01T00:00:00Z.
pub const NOW: i64 = 1_780_272_000;

/// The day's seconds.
pub const DAY: i64 = 86_400;

/// An account of `charges` over the 90 days before [`NOW`], its clock standing there.
pub fn account(seed: u64, charges: u32) -> StripeAccount {
    StripeAccount::new(AccountSpec::between(seed, charges, NOW - 90 * DAY, NOW).at(NOW))
}

/// What our tables say, by currency.
pub async fn our_books(app: &TestApp) -> Ledger {
    stripe::books(&app.db).await
}

/// Our rows.
pub async fn our_rows(app: &TestApp) -> Movements {
    stripe::rows(&app.db).await
}

/// The vendor's rows.
pub fn true_rows(app: &TestApp) -> Movements {
    stripe::true_rows(&app.stripe)
}

/// The tables hold the vendor's truth, object by object and to the cent, and nothing waits or died.
pub async fn assert_true(app: &TestApp) {
    stripe::assert_true(&app.db, &app.stripe).await;
    assert_nothing_left(&app.db).await;
}
