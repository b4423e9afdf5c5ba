//! Reconciliation: the sums of a vendor's lists by day, currency and status.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::ids::RunId;
use crate::payment::Payment;

/// The phase of a reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Adds up the vendor's whole list and stores none of its objects.
    Listing,
    /// Puts the objects of the days that differ into the outbox, and adds them up again.
    Mending,
    /// Waits until these are processed.
    Settling,
    Ended,
}

impl Phase {
    /// Returns the word in `reconciliations.phase`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Mending => "mending",
            Self::Settling => "settling",
            Self::Ended => "ended",
        }
    }

    /// Returns the phase that has this word, or `None`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Listing, Self::Mending, Self::Settling, Self::Ended]
            .into_iter()
            .find(|phase| phase.as_str() == word)
    }
}

/// The key under which one round of mending puts objects into the outbox. Each round has its own,
/// or the outbox would drop the second as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MendKey(pub Uuid);

impl MendKey {
    /// Returns the key as the run that the objects come from.
    pub fn as_run(self) -> RunId {
        RunId(self.0)
    }
}

/// Counts, and sums in minor units, by day in UTC, currency and status.
pub type DaySums = BTreeMap<(Date, String, String), (i64, i128)>;

/// Adds a payment to the sums of its day.
pub fn add(sums: &mut DaySums, movement: &Payment) {
    let day = movement.occurred_at.to_zoned(TimeZone::UTC).date();
    let key = (day, movement.currency.as_str().to_owned(), movement.status.as_str().to_owned());
    let (count, sum) = sums.entry(key).or_default();
    *count += 1;
    *sum += i128::from(movement.amount);
}
