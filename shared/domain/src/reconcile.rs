//! Reconciling: what a vendor's lists come to by day, currency and status.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::ids::RunId;
use crate::payment::Payment;

/// What a reconciliation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Adding up all of the vendor's list; nothing of it is stored.
    Listing,
    /// Putting the objects of the days that differ into the outbox, and adding them up again.
    Mending,
    /// Waiting until they are processed.
    Settling,
    /// Done.
    Ended,
}

impl Phase {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Mending => "mending",
            Self::Settling => "settling",
            Self::Ended => "ended",
        }
    }

    /// The phase of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Listing, Self::Mending, Self::Settling, Self::Ended]
            .into_iter()
            .find(|phase| phase.as_str() == word)
    }
}

/// Under which one mending puts objects into the outbox: each has its own, or the second would be taken for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MendKey(pub Uuid);

impl MendKey {
    /// As the run whose full list the objects come from.
    pub fn as_run(self) -> RunId {
        RunId(self.0)
    }
}

/// How many, and their sum in minor units, by day in UTC, currency and status.
pub type DaySums = BTreeMap<(Date, String, String), (i64, i128)>;

/// Adds a movement to the sums of its day.
pub fn add(sums: &mut DaySums, movement: &Payment) {
    let day = movement.occurred_at.to_zoned(TimeZone::UTC).date();
    let key = (day, movement.currency.as_str().to_owned(), movement.status.as_str().to_owned());
    let (count, sum) = sums.entry(key).or_default();
    *count += 1;
    *sum += i128::from(movement.amount);
}
