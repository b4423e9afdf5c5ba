//! When to send a request again after a fault.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;

/// Attempts at one request before the run gives up and leaves it to the next.
pub const ATTEMPTS: u32 = 5;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(20);

/// Returns a pause with full jitter: from zero to `0.5 s · 2^attempt`, at most 20 s. `random` picks
/// the point, over the whole range of u32.
pub fn backoff(attempt: u32, random: u32) -> Duration {
    let ceiling = BASE.saturating_mul(1 << attempt.min(10)).min(CAP);
    let millis = u128::from(random) * ceiling.as_millis() / u128::from(u32::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Returns the pause before a pull is tried again that was refused `refusals` times in a row: 1, 2,
/// 4 … 60 minutes. A vendor may lock out who asks with a refused key again and again.
pub fn after_refusals(refusals: u32) -> Duration {
    let minutes = 1_u64 << refusals.saturating_sub(1).min(6);
    Duration::from_secs(60 * minutes.min(60))
}

/// Returns how long a connection rests whose vendor has failed `failures` invocations in a row: 5,
/// 10, 20 … 640 seconds, at most 15 minutes.
pub fn after_failures(failures: u32) -> Duration {
    let seconds = 5_u64 << failures.saturating_sub(1).min(8);
    Duration::from_secs(seconds.min(15 * 60))
}

/// Returns the pause that a `Retry-After` header asks for, in seconds or as a date (RFC 9110
/// §10.2.3); `None` if it is neither.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    Some(elapsed(now, http_date(header)?))
}

/// Reads an HTTP date (RFC 9110 §5.6.7), to the second.
pub fn http_date(header: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(header).ok()?;
    Timestamp::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_jitter_spans_from_nothing_to_the_ceiling() {
        assert_eq!(backoff(0, 0), Duration::ZERO);
        assert_eq!(backoff(0, u32::MAX), Duration::from_millis(500));
        assert_eq!(backoff(3, u32::MAX), Duration::from_secs(4));
        assert_eq!(backoff(60, u32::MAX), Duration::from_secs(20));
    }

    #[test]
    fn trap_67_refusals_are_tried_again_ever_more_seldom_up_to_an_hour() {
        let minutes = |refusals| after_refusals(refusals).as_secs() / 60;
        let growing: Vec<u64> = (0..10).map(minutes).collect();
        assert_eq!(growing, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(minutes(u32::MAX), 60);
    }

    #[test]
    fn a_connection_that_fails_rests_for_seconds_at_first_and_a_quarter_of_an_hour_at_most() {
        let seconds = |failures| after_failures(failures).as_secs();
        let growing: Vec<u64> = (0..11).map(seconds).collect();
        assert_eq!(growing, [5, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(seconds(u32::MAX), 900);
    }

    #[test]
    fn trap_14_retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T08:49:37Z".parse().unwrap();
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("Sat, 21 Nov 2026 08:50:37 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(retry_after("Sat, 21 Nov 2020 08:50:37 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
