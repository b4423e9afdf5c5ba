//! Compares our rows with the vendor's truth. Most tests end with it.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Paging, Position, Reply};
use penstock_domain::source::Source;
use penstock_domain::source::stripe::Stripe;
use penstock_domain::ticket::Ticket;
use penstock_tests::simulators::stripe::{AccountSpec, Ledger, StripeAccount};
use penstock_tests::test_app::TestApp;
use penstock_tests::truth::assert_nothing_left;
use penstock_tests::truth::stripe::{self, Payments};

/// The simulators' clock in these tests: 2026-06-01T00:00:00Z.
pub const NOW: i64 = 1_780_272_000;

/// The day's seconds.
pub const DAY: i64 = 86_400;

/// Returns an account of `charges` over the 90 days before [`NOW`], with its clock stopped there.
pub fn account(seed: u64, charges: u32) -> StripeAccount {
    StripeAccount::new(AccountSpec::between(seed, charges, NOW - 90 * DAY, NOW).at(NOW))
}

/// Sums our payments by currency.
pub async fn our_books(app: &TestApp) -> Ledger {
    stripe::books(&app.db).await
}

/// Reads our rows of Stripe.
pub async fn our_rows(app: &TestApp) -> Payments {
    stripe::rows(&app.db).await
}

/// Returns the simulator's true rows.
pub fn true_rows(app: &TestApp) -> Payments {
    stripe::true_rows(&app.stripe)
}

/// Asserts that the tables hold the vendor's truth, object by object and to the cent, and that no
/// row is pending or dead.
pub async fn assert_true(app: &TestApp) {
    stripe::assert_true(&app.db, &app.stripe).await;
    assert_nothing_left(&app.db).await;
}

/// Reads a page as `fetch` does, and processes it as `process` does.
pub async fn take(app: &TestApp, entity: &str, body: &str, mode: Mode) {
    let at = Timestamp::from_second(NOW).unwrap();
    let position = Position { from: Some(at), to: at, token: None };
    let paging = Paging {
        page_size: 100,
        window: Duration::from_secs(86_400),
        side_by_side: 1,
        part: None,
        version: None,
    };
    let reply = Reply { as_of: at, body: body.as_bytes() };
    let page = Stripe.page(entity, mode, RunId::new(at), &position, reply, &paging).unwrap();
    let ids = app.put(&page.items).await;
    assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);
}
