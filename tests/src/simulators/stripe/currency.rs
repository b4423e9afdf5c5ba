//! The currencies of the simulated account, and the units of Stripe's amounts in them.
//!
//! Source: <https://docs.stripe.com/currencies> (zero-decimal, three-decimal, special cases).

use fastrand::Rng;

/// A currency in which charges are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// US dollar: two decimals.
    Usd,
    /// Euro: two decimals.
    Eur,
    /// Pound sterling: two decimals.
    Gbp,
    /// Yen: no decimals at Stripe or in ISO 4217.
    Jpy,
    /// Kuwaiti dinar: three decimals. Stripe requires the last to be 0.
    Kwd,
    /// Icelandic króna: no decimals in ISO 4217, two at Stripe, always multiples of 100.
    Isk,
    /// Ugandan shilling: no decimals in ISO 4217, two at Stripe, always multiples of 100.
    Ugx,
    /// Malagasy ariary: two decimals in ISO 4217, none at Stripe.
    Mga,
    /// Forint: two decimals in charges (whole forints only in payouts).
    Huf,
}

impl Currency {
    /// Every currency that the simulator knows, the commoner ones first.
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

    /// Returns the code as Stripe writes it, in lower case.
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

    /// Returns the code as ISO 4217 writes it, in upper case.
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

    /// Converts an amount of Stripe to ISO 4217 minor units.
    #[must_use]
    pub fn iso_minor(self, stripe_amount: i64) -> i128 {
        let amount = i128::from(stripe_amount);
        match self {
            Self::Isk | Self::Ugx => amount / 100,
            Self::Mga => amount * 100,
            _ => amount,
        }
    }

    /// Returns the step of amounts, in Stripe's own units. Stripe accepts only multiples of it.
    #[must_use]
    pub const fn step(self) -> i64 {
        match self {
            Self::Kwd => 10,
            Self::Isk | Self::Ugx => 100,
            _ => 1,
        }
    }

    /// Draws a plausible price in Stripe's units, never below two steps so that it can be split.
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

    /// Draws a part of `whole` that Stripe would accept: at least one step and less than `whole`.
    /// If `whole` is a single step, it returns all of it.
    pub(crate) fn part(self, whole: i64, rng: &mut Rng) -> i64 {
        let steps = whole / self.step();
        if steps < 2 { whole } else { rng.i64(1..steps) * self.step() }
    }
}
