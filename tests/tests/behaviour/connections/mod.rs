//! Several accounts of one vendor: each is pulled with its own key, is pushed to under its own
//! secret, and has rows of its own.

mod accounts;
mod isolation;
mod lifecycle;
mod pulled;
mod pushed;

use penstock_tests::simulators::stripe::StripeSimulator;
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;

/// The signing secret of the second connection.
const SECRET_OF_EU: &str = "whsec_of_stripe_eu";

/// Connects `stripe-eu`, whose simulated account has the same objects under the same ids as the
/// first one's of the same seed.
async fn connect_eu(app: &TestApp, seed: u64, charges: u32) -> StripeSimulator {
    let eu = StripeSimulator::start(account(seed, charges)).unwrap();
    let (url, key) = (eu.url(), eu.key());
    let settings = [
        ("base_url", url.as_str()),
        ("api_key", &key),
        ("webhook_secret", SECRET_OF_EU),
        ("livemode", "false"),
    ];
    app.connect("stripe-eu", "stripe", &settings).await;
    eu
}
