//! Instants and times in words.

use std::time::Duration;

use jiff::Timestamp;

use super::issues::Known;
use crate::clock::elapsed;

/// Writes an instant to the minute.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns how long an issue lasted, or has lasted at `now`.
pub(super) fn last(issue: &Known, now: Timestamp) -> String {
    span(elapsed(issue.began_at, issue.ended_at.unwrap_or(now)))
}

/// Writes a time in its two largest units.
pub(super) fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (days, hours) = (minutes / 1440, minutes / 60 % 24);
    match (days, hours, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
