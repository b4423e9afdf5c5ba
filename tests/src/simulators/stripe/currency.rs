//! The currencies of the simulated account, and what Stripe's amounts mean in them.
//!
//! Source: <https://docs.stripe.com/currencies> (zero-decimal, three-decimal, special cases).

use fastrand::Rng;

/// A currency charges are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// US dollar: two decimals.
    Usd,
    /// Euro: two decimals.
    Eur,
    /// Pound sterling: two decimals.
    Gbp,
    /// Yen: no decimals at Stripe, none in ISO 4217.
    Jpy,
    /// Kuwaiti dinar: three decimals, of which Stripe wants the last to be 0.
    Kwd,
    /// Icelandic króna: none in ISO 4217, two at Stripe, always multiples of 100.
    Isk,
    /// Ugandan shilling: none in ISO 4217, two at Stripe, always multiples of 100.
    Ugx,
    /// Malagasy ariary: two in ISO 4217, none at Stripe.
    Mga,
    /// Forint: two decimals in charges (whole forints only in payouts).
    Huf,
}

impl Currency {
    /// Every currency the simulator knows, the commoner ones first.
    pub const ALL: [Self; 9] = [
        Self::Usd,
        Self::Eur,
        Self::Gbp,
        Self::Jpy,
        Self::Kwd,
        Self::Isk,
        Self::Ugx,
        Self::Mga,
        Self::Huf,
    ];

    /// The code as Stripe writes it: lower case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Eur => "eur",
            Self::Gbp => "gbp",
            Self::Jpy => "jpy",
            Self::Kwd => "kwd",
            Self::Isk => "isk",
            Self::Ugx => "ugx",
            Self::Mga => "mga",
            Self::Huf => "huf",
        }
    }

    /// The code as ISO 4217 writes it: upper case.
    #[must_use]
    pub const fn iso(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Jpy => "JPY",
            Self::Kwd => "KWD",
            Self::Isk => "ISK",
            Self::Ugx => "UGX",
            Self::Mga => "MGA",
            Self::Huf => "HUF",
        }
    }

    /// An amount as Stripe states it, in ISO 4217 minor units.
    #[must_use]
    pub fn iso_minor(self, stripe_amount: i64) -> i128 {
        let amount = i128::from(stripe_amount);
        match self {
            Self::Isk | Self::Ugx => amount / 100,
            Self::Mga => amount * 100,
            _ => amount,
        }
    }

    /// Stripe accepts only multiples of this, in Stripe's own units.
    #[must_use]
    pub const fn step(self) -> i64 {
        match self {
            Self::Kwd => 10,
            Self::Isk | Self::Ugx => 100,
            _ => 1,
        }
    }

    /// A plausible price in Stripe's units, never below two steps so that it can be split.
    pub(crate) fn draw(self, rng: &mut Rng) -> i64 {
        let (low, high) = match self {
            Self::Usd | Self::Eur | Self::Gbp => (100, 50_000),
            Self::Jpy => (100, 60_000),
            Self::Kwd => (50, 20_000),
            Self::Isk => (150, 90_000),
            Self::Ugx => (2_000, 900_000),
            Self::Mga => (5_000, 900_000),
            Self::Huf => (17_500, 9_000_000),
        };
        rng.i64(low..high) * self.step()
    }

    /// A part of `whole` that Stripe would accept: at least one step, less than `whole`
    /// (all of it where `whole` is a single step).
    pub(crate) fn part(self, whole: i64, rng: &mut Rng) -> i64 {
        let steps = whole / self.step();
        if steps < 2 { whole } else { rng.i64(1..steps) * self.step() }
    }
}
