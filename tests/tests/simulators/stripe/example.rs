//! The simulated Stripe in twenty lines, for the author of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use penstock_tests::simulators::stripe::{AccountSpec, Fault, RetryAfter};
use penstock_tests::simulators::stripe::{StripeAccount, StripeSimulator};

use super::get;

#[test]
fn an_account_is_read_with_a_fault_on_the_way_and_its_ledger_says_what_is_right() {
    let spec = AccountSpec::between(7, 500, 1_760_000_000, 1_765_000_000).at(1_765_000_000);
    let stripe = StripeSimulator::start(StripeAccount::new(spec)).unwrap();
    stripe.faults().next("/v1/charges", Fault::TooMany(RetryAfter::Seconds(2)));
    let killed = Arc::new(AtomicBool::new(false));
    let kill = Arc::clone(&killed);
    // A test would kill the process that reads.
    stripe.on_request(2, move || kill.store(true, Ordering::SeqCst));
    // The code under test gets stripe.url() and stripe.key().
    assert_eq!(get(&stripe, "/v1/charges?limit=1").status, 429);
    assert_eq!(get(&stripe, "/v1/charges?limit=1").status, 200);
    assert!(killed.load(Ordering::SeqCst));
    let events = stripe.change(5);
    stripe.advance(300);
    assert!(!events.is_empty());
    assert!(stripe.ledger().contains_key("USD"));
}
