//! The clock is an argument, so that tests decide what time it is.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time and waits. The product's clock is real; the tests' clock does not wait.
pub trait Clock: Send + Sync {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;

    /// Returns once `duration` has passed.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Returns `later - earlier`, or zero if that would be negative.
pub fn elapsed(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// Returns `at + by`, or the latest representable instant.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Returns `at - by`, or the earliest representable instant.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
