//! A token bucket whose clock is an argument.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{elapsed, later};

/// Limits requests to a number per second, in bursts of at most one second's worth.
///
/// Credit is counted in nanoseconds: a request costs `1 s / rate`.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    cost: Duration,
    credit: Duration,
    as_of: Timestamp,
}

impl TokenBucket {
    /// Creates a full bucket. A rate of zero counts as one.
    pub fn new(requests_per_second: u32, now: Timestamp) -> Self {
        Self {
            cost: Duration::from_secs(1) / requests_per_second.max(1),
            credit: Duration::from_secs(1),
            as_of: now,
        }
    }

    /// Takes the credit of one request if its wait is at most `at_most`, and returns the wait.
    /// Callers are served in the order in which they ask.
    ///
    /// # Errors
    /// The wait, if it is longer than `at_most`. Then no credit is taken.
    pub fn take(&mut self, now: Timestamp, at_most: Duration) -> Result<Duration, Duration> {
        let credit = (self.credit + elapsed(self.as_of, now)).min(Duration::from_secs(1));
        let wait = elapsed(now, self.as_of) + self.cost.saturating_sub(credit);
        if wait > at_most {
            return Err(wait);
        }
        self.as_of = later(now, wait);
        self.credit = credit.saturating_sub(self.cost);
        Ok(wait)
    }

    /// Lets nothing through for `pause` from `now` on, and no burst afterwards. A vendor that makes
    /// one of several requests wait means all of them.
    pub fn hold(&mut self, now: Timestamp, pause: Duration) {
        self.as_of = self.as_of.max(later(now, pause));
        self.credit = self.credit.min(self.cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_requests_at_25_a_second_take_39_seconds_after_the_first_burst() {
        let mut now = Timestamp::from_second(1_700_000_000).unwrap();
        let start = now;
        let mut bucket = TokenBucket::new(25, now);
        for _ in 0..1_000 {
            now += bucket.take(now, Duration::MAX).unwrap();
        }
        assert_eq!(elapsed(start, now), Duration::from_secs(39));
    }

    #[test]
    fn idling_saves_up_no_more_than_a_second() {
        let mut now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = TokenBucket::new(10, now);
        now += Duration::from_secs(3_600);
        let free = (0..100).take_while(|_| bucket.take(now, Duration::ZERO).is_ok()).count();
        assert_eq!(free, 10);
    }

    #[test]
    fn those_who_ask_at_once_are_let_through_one_after_the_other() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = TokenBucket::new(4, now);
        let waits: Vec<u128> =
            (0..8).map(|_| bucket.take(now, Duration::MAX).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250, 500, 750, 1_000]);
    }

    #[test]
    fn a_pause_that_one_is_told_holds_for_all_and_no_burst_follows() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = TokenBucket::new(10, now);
        bucket.hold(now, Duration::from_secs(5));
        let waits: Vec<u128> =
            (0..3).map(|_| bucket.take(now, Duration::MAX).unwrap().as_millis()).collect();
        assert_eq!(waits, [5_000, 5_100, 5_200]);
        bucket.hold(now, Duration::from_secs(2));
        assert_eq!(
            bucket.take(now, Duration::MAX).unwrap().as_millis(),
            5_300,
            "a shorter pause takes nothing back"
        );
    }

    #[test]
    fn who_cannot_wait_takes_nothing() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = TokenBucket::new(1, now);
        assert_eq!(bucket.take(now, Duration::ZERO), Ok(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(bucket.take(now, Duration::from_millis(999)), Err(Duration::from_secs(1)));
        }
        assert_eq!(bucket.take(now, Duration::from_secs(1)), Ok(Duration::from_secs(1)));
    }
}
