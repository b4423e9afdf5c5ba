//! Time zones, dates and ranges of dates as callers write them.

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A zone of the IANA database bundled with this program, under its own spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The IANA database has no zone of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA time zone name, such as Europe/Berlin")]
pub struct UnknownZone;

/// The text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date as YYYY-MM-DD, from 0001-01-01 to 9998-12-31")]
pub struct InvalidDate;

/// The two dates make no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// The first date is later than the last.
    #[error("must not be later than endDate")]
    Backwards,
    /// The range has more than [`DateRange::MAX_DAYS`] days.
    #[error("must be at most 3660 days before endDate")]
    TooLong,
}

impl Zone {
    /// Returns the zone of that name, in any case of letters.
    ///
    /// # Errors
    /// [`UnknownZone`] if the IANA database has none of that name.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let rules = TimeZone::get(name).map_err(|_| UnknownZone)?;
        let name = rules.iana_name().ok_or(UnknownZone)?.to_owned();
        Ok(Self { name, rules })
    }

    /// Returns the zone UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Returns the name as the IANA database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the local date at that instant.
    #[must_use]
    pub fn date_at(&self, instant: Timestamp) -> Date {
        self.rules.to_datetime(instant).date()
    }

    /// Returns what the clocks of the zone show at that instant.
    #[must_use]
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.rules.to_datetime(instant)
    }

    /// Returns the instant at which the clocks of the zone show that time. If they skip it, it is
    /// as much later; if they show it twice, it is the first.
    #[must_use]
    pub fn at(&self, local: DateTime) -> Timestamp {
        let instant = self.rules.to_ambiguous_timestamp(local).compatible();
        // A time at the end of the calendar has no instant.
        instant.unwrap_or(Timestamp::MAX)
    }

    pub(super) fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

/// Reads a date that is written as `YYYY-MM-DD`.
///
/// # Errors
/// [`InvalidDate`] if it is written otherwise, does not exist, or is outside the years 1 to 9998.
pub fn parse_date(text: &str) -> Result<Date, InvalidDate> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: Date =
        if plain { text.parse().map_err(|_| InvalidDate)? } else { return Err(InvalidDate) };
    if (1..=9998).contains(&date.year()) { Ok(date) } else { Err(InvalidDate) }
}

/// Local dates from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRange {
    first: Date,
    last: Date,
}

impl DateRange {
    /// The most days of a range: ten years and a week or so.
    pub const MAX_DAYS: i64 = 3660;

    /// Creates the range between two dates, both included.
    ///
    /// # Errors
    /// [`InvalidRange`] if the first is later than the last, or the range has more than
    /// [`Self::MAX_DAYS`] days.
    pub fn new(first: Date, last: Date) -> Result<Self, InvalidRange> {
        if first > last {
            return Err(InvalidRange::Backwards);
        }
        if day_number(last) - day_number(first) >= Self::MAX_DAYS {
            return Err(InvalidRange::TooLong);
        }
        Ok(Self { first, last })
    }

    /// Returns the first day of the range.
    #[must_use]
    pub fn first(&self) -> Date {
        self.first
    }

    /// Returns the last day of the range.
    #[must_use]
    pub fn last(&self) -> Date {
        self.last
    }

    /// Returns every day of the range, in order.
    pub fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let last = self.last;
        self.first.series(Span::new().days(1)).take_while(move |day| *day <= last)
    }
}

/// Days since 1970-01-01.
pub(super) fn day_number(day: Date) -> i64 {
    i64::from((day - date(1970, 1, 1)).get_days())
}
