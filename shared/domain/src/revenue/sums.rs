//! Sums of money in one currency.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

/// Sums of payments in one currency, in its minor units, each payment at its own date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Gross: payments collected.
    pub collected: i128,
    /// Refunds that went out.
    pub refunded: i128,
    /// Disputes that were lost.
    pub disputed: i128,
    /// The number of payments that were collected.
    pub count: i128,
}

/// Sums by ISO 4217 code. Currencies are never added together.
pub type ByCurrency = BTreeMap<String, Sums>;

impl Sums {
    /// Returns gross minus refunds and lost disputes, in minor units.
    #[must_use]
    pub fn net(&self) -> i128 {
        self.collected - self.refunded - self.disputed
    }

    /// Returns whether there are no payments.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.collected += other.collected;
        self.refunded += other.refunded;
        self.disputed += other.disputed;
        self.count += other.count;
    }
}

impl SubAssign for Sums {
    fn sub_assign(&mut self, other: Self) {
        self.collected -= other.collected;
        self.refunded -= other.refunded;
        self.disputed -= other.disputed;
        self.count -= other.count;
    }
}
