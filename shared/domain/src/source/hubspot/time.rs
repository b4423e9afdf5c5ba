//! Times as HubSpot writes them: ISO 8601, or a number of milliseconds or seconds.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::money::scaled_decimal;

/// Postgres, and the calendar of revenue, begin with the year 1.
const YEAR_ONE: Timestamp = Timestamp::constant(-62_135_596_800, 0);

const NO_TIME: &str = "it is neither ISO 8601 nor an epoch time in seconds or milliseconds";
const BEFORE_YEAR_ONE: &str = "it is before the year 1";

/// From here on a number is milliseconds (March 1973); below it is seconds, up to the year 5138.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// The first number of seconds: March 1973. A smaller one, such as a year or a date without signs,
/// is no time.
const FIRST_SECONDS: i64 = 100_000_000;

/// Reads a time. All forms occur (trap 10): calculated properties are numbers with a fraction, and
/// imports leave seconds. A bare date is midnight UTC, and a time without an offset is UTC.
///
/// # Errors
/// The reason, for a dead letter.
pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    let text = text.trim();
    let at = match scaled_decimal(text, 0) {
        Some(number) => epoch(text, number),
        None => iso(text),
    };
    let at = at.ok_or(NO_TIME)?;
    if at < YEAR_ONE { Err(BEFORE_YEAR_ONE) } else { Ok(at) }
}

fn epoch(text: &str, number: i64) -> Option<Timestamp> {
    let milliseconds = match number {
        FIRST_SECONDS..FIRST_MILLISECONDS => scaled_decimal(text, 3)?,
        1..FIRST_SECONDS => return None,
        _ => number,
    };
    Timestamp::from_millisecond(milliseconds).ok()
}

fn iso(text: &str) -> Option<Timestamp> {
    let utc = |local: DateTime| TimeZone::UTC.to_timestamp(local).ok();
    let local = || utc(text.parse::<DateTime>().ok()?);
    let date = || utc(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()));
    text.parse().ok().or_else(local).or_else(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_10_times_come_as_iso_text_and_as_numbers_of_milliseconds_or_seconds() {
        for (text, expected) in [
            ("2023-02-24T03:00:13.460Z", "2023-02-24T03:00:13.46Z"),
            ("2023-02-24T04:00:13.460+01:00", "2023-02-24T03:00:13.46Z"),
            ("2023-02-24T03:00:13.46", "2023-02-24T03:00:13.46Z"),
            ("2023-02-24 03:00:13", "2023-02-24T03:00:13Z"),
            ("2023-02-24", "2023-02-24T00:00:00Z"),
            ("1677207613460", "2023-02-24T03:00:13.46Z"),
            (" 1677207613460 ", "2023-02-24T03:00:13.46Z"),
            ("1764201600000.0", "2025-11-27T00:00:00Z"),
            ("1764201600000.4", "2025-11-27T00:00:00Z"),
            ("1.7642016E12", "2025-11-27T00:00:00Z"),
            ("1764201600", "2025-11-27T00:00:00Z"),
            ("1764201600.25", "2025-11-27T00:00:00.25Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("-86400000", "1969-12-31T00:00:00Z"),
            ("-62135596800000", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(text), Ok(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_has_a_clear_reason() {
        for text in [
            "",
            "yesterday",
            "99999999999999999999",
            "2023-02-30",
            "2026",
            "20260601",
            "1e400",
            "NaN",
            "12/31/2026",
        ] {
            assert_eq!(time(text), Err(NO_TIME), "{text}");
        }
        for text in ["0000-01-01T00:00:00Z", "0000-12-31", "-99999999999999"] {
            assert_eq!(time(text), Err(BEFORE_YEAR_ONE), "{text}");
        }
    }
}
