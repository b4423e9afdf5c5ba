//! A token bucket.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;

/// Lets through so many requests a second, in bursts of at most one second's worth.
///
/// Kept in nanoseconds of credit: a request costs `1 s / rate`.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    cost: Duration,
    credit: Duration,
    as_of: Timestamp,
}

impl TokenBucket {
    /// A full bucket. A rate of zero counts as one.
    pub fn new(requests_per_second: u32, now: Timestamp) -> Self {
        Self { cost: Duration::from_secs(1) / requests_per_second.max(1), credit: Duration::from_secs(1), as_of: now }
    }

    /// Takes one request's worth; the answer is how long to wait before sending it.
    pub fn take(&mut self, now: Timestamp) -> Duration {
        self.credit = (self.credit + elapsed(self.as_of, now)).min(Duration::from_secs(1));
        self.as_of = self.as_of.max(now);
        if self.credit >= self.cost {
            self.credit -= self.cost;
            return Duration::ZERO;
        }
        let wait = self.cost - self.credit;
        self.credit = Duration::ZERO;
        self.as_of =
            self.as_of.checked_add(jiff::SignedDuration::try_from(wait).unwrap_or_default()).unwrap_or(self.as_of);
        wait
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
            now += bucket.take(now);
        }
        assert_eq!(elapsed(start, now), Duration::from_secs(39));
    }

    #[test]
    fn idling_saves_up_no_more_than_a_second() {
        let mut now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = TokenBucket::new(10, now);
        now += Duration::from_secs(3_600);
        let free = (0..100).take_while(|_| bucket.take(now).is_zero()).count();
        assert_eq!(free, 10);
    }
}
