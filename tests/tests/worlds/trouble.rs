//! The trouble of a world: faults, refused keys, lists and an index that lag.

use fastrand::Rng;
use jiff::SignedDuration;
use penstock_tests::simulators::gcal::GoogleCalendarSimulator;
use penstock_tests::simulators::hubspot::{self, DEFAULT_TOKEN, HubSpotSimulator};
use penstock_tests::simulators::stripe::{self, DEFAULT_KEY, StripeSimulator};

/// The longest lag of lists and of the index, in seconds. Vendors promise nothing; minutes were
/// seen.
const LONGEST_LAG: i64 = 150;

/// How many in 1000 requests fail while there are faults.
const FAILING: u32 = 60;

/// The vendors of a world.
#[derive(Clone, Copy)]
pub struct Vendors<'a> {
    pub stripe: &'a StripeSimulator,
    pub hubspot: &'a HubSpotSimulator,
    pub google: &'a GoogleCalendarSimulator,
}

impl Vendors<'_> {
    /// Brings new trouble, or ends some. Returns its name.
    pub fn trouble(self, rng: &mut Rng) -> &'static str {
        match rng.u8(0..10) {
            0 => {
                self.stripe.set_key("sk_test_another");
                "Stripe refuses the key"
            }
            1 => {
                self.hubspot.set_token("another");
                "HubSpot refuses the token"
            }
            2 => {
                self.google.revoke_access_tokens();
                self.google.expire_sync_tokens();
                "Google revokes its tokens"
            }
            3 | 4 => {
                self.stripe.set_key(DEFAULT_KEY);
                self.hubspot.set_token(DEFAULT_TOKEN);
                "keys are good again"
            }
            5 => {
                let seed = rng.u64(..);
                let faults = stripe::Fault::PASSING;
                self.stripe.faults().random(seed, FAILING, "/", &faults);
                self.google.faults().random(seed, FAILING, "/calendar", &faults);
                self.hubspot.faults().random(seed, FAILING, "/", &hubspot::Fault::PASSING);
                "faults"
            }
            6 => {
                self.clear();
                "no more faults"
            }
            7 | 8 => {
                let seconds = rng.i64(0..LONGEST_LAG);
                self.google.with(|calendar| calendar.list_lag = SignedDuration::from_secs(seconds));
                self.hubspot.portal().list_lag_ms = rng.i64(0..LONGEST_LAG) * 1_000;
                "lists lag"
            }
            _ => {
                self.hubspot.portal().search_lag_ms = rng.i64(0..LONGEST_LAG) * 1_000;
                "the index lags"
            }
        }
    }

    /// Ends all trouble.
    pub fn end(self) {
        self.clear();
        self.stripe.set_key(DEFAULT_KEY);
        self.hubspot.set_token(DEFAULT_TOKEN);
        let mut portal = self.hubspot.portal();
        (portal.list_lag_ms, portal.search_lag_ms) = (0, 0);
        self.google.with(|calendar| calendar.list_lag = SignedDuration::ZERO);
    }

    fn clear(self) {
        self.stripe.faults().clear();
        self.hubspot.faults().clear();
        self.google.faults().clear();
    }
}
