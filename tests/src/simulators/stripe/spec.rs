//! The parameters of a simulated account.

use super::currency::Currency;
use super::event::ApiVersion;

/// The parameters of an account. Equal specs with a fixed `now` make equal accounts.
#[derive(Clone, Debug)]
pub struct AccountSpec {
    /// The seed of every draw.
    pub seed: u64,
    /// The number of charges.
    pub charges: u32,
    /// The first second of the period, Unix seconds.
    pub from: i64,
    /// The end of the period, excluded, Unix seconds. The history has nothing at or after it.
    pub to: i64,
    /// The currencies in use; the earlier in the list, the commoner.
    pub currencies: Vec<Currency>,
    /// The account's clock, Unix seconds; `None` follows the real time.
    pub now: Option<i64>,
    /// The version of events before `upgraded_at`.
    pub old_version: ApiVersion,
    /// The version of later events, and of requests without `Stripe-Version`.
    pub version: ApiVersion,
    /// The time of the account's upgrade, Unix seconds; `None` means 15 days before the clock.
    pub upgraded_at: Option<i64>,
    /// Whether releasing an authorisation (an expiry, a partial capture) makes a refund object with
    /// `balance_transaction: null`, as Stripe does. Such a refund moves no money and is not in the
    /// ledger. Off by default.
    pub releases: bool,
    /// How many in 1000 live changes become visible late.
    pub late_permille: u32,
    /// The longest lateness, in seconds after `created`.
    pub late_seconds: i64,
}

impl AccountSpec {
    /// Returns the spec of an account with `charges` over the 90 days before the real time, in
    /// every currency.
    #[must_use]
    pub fn new(seed: u64, charges: u32) -> Self {
        let now = super::clock::real_now();
        Self::between(seed, charges, now - 90 * 86_400, now)
    }

    /// Returns the spec of an account with `charges` in `[from, to)`, Unix seconds, and the real
    /// time as its clock.
    #[must_use]
    pub fn between(seed: u64, charges: u32, from: i64, to: i64) -> Self {
        Self {
            seed,
            charges,
            from,
            to,
            currencies: Currency::ALL.to_vec(),
            now: None,
            old_version: ApiVersion::V2020_08_27,
            version: ApiVersion::Endive,
            upgraded_at: None,
            releases: false,
            late_permille: 50,
            late_seconds: 120,
        }
    }

    /// Returns the spec with the account's clock stopped at `now`, Unix seconds.
    #[must_use]
    pub const fn at(mut self, now: i64) -> Self {
        self.now = Some(now);
        self
    }

    /// Returns the spec with every live change visible at once.
    #[must_use]
    pub const fn punctual(mut self) -> Self {
        self.late_permille = 0;
        self
    }
}
