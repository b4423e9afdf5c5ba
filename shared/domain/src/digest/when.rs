//! The days of the daily digest, and the hour at which it is due in any zone.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};

use crate::revenue::Zone;

/// The hour of the day at which the digest is due, by the clocks of its zone.
pub const HOUR: i8 = 9;

/// The days on which a daily digest is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Every day.
    Daily,
    /// From Monday to Friday.
    Weekdays,
    /// On days on which there is something to do.
    Attention,
}

/// The text is no choice of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be daily, weekdays or attention")]
pub struct UnknownWhen;

impl FromStr for When {
    type Err = UnknownWhen;

    fn from_str(text: &str) -> Result<Self, UnknownWhen> {
        match text {
            "daily" => Ok(Self::Daily),
            "weekdays" => Ok(Self::Weekdays),
            "attention" => Ok(Self::Attention),
            _ => Err(UnknownWhen),
        }
    }
}

impl When {
    /// Whether the digest of this day is sent.
    #[must_use]
    pub fn tells(self, day: Date, has_something_to_do: bool) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekdays => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
            Self::Attention => has_something_to_do,
        }
    }
}

/// Returns the local day of an instant.
#[must_use]
pub fn local_day(zone: &Zone, at: Timestamp) -> Date {
    zone.date_at(at)
}

/// Returns the instant at which the digest of a day is due. If the clocks skip that time, it is as
/// much later; if they show it twice, it is the first.
#[must_use]
pub fn due_at(zone: &Zone, day: Date) -> Timestamp {
    zone.at(day.at(HOUR, 0, 0, 0))
}
