//! The time at which Lambda ends an invocation.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

/// No invocation lasts longer:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// The deadline of an invocation that began at `now`. The Runtime API gives the time `told`.
///
/// Lambda gives a time. `cargo lambda watch` gives a time-out, as 600,000 ms since 1970: read as a
/// time it has passed, and `fetch` and `relay` would stop before their first step. So it is counted
/// from `now`.
///
/// # Errors
/// If the deadline is beyond the year 9999.
pub fn deadline(told: SystemTime, now: Timestamp) -> Result<Timestamp, jiff::Error> {
    let told = Timestamp::try_from(told)?;
    let since_1970 = told.duration_since(Timestamp::UNIX_EPOCH);
    if since_1970 <= LONGEST { now.checked_add(since_1970) } else { Ok(told) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_taken_as_it_is_and_a_time_out_is_counted_from_now() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let told = |milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        let read = |milliseconds| deadline(told(milliseconds), now).unwrap().to_string();
        assert_eq!(read(1_777_637_100_000), "2026-05-01T12:05:00Z");
        assert_eq!(read(1_777_636_800_000), "2026-05-01T12:00:00Z");
        assert_eq!(read(600_000), "2026-05-01T12:10:00Z");
    }
}
