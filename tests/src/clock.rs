//! Clocks for tests: one that moves on demand, one that is stopped, one with an offset to the real
//! time.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock;

use crate::simulators::stripe::StripeSimulator;

/// A clock that moves only when a test advances it or code sleeps. The simulated Stripe's clock
/// moves with it.
#[derive(Clone)]
pub struct TestClock {
    stripe: Arc<StripeSimulator>,
    extra_nanos: Arc<AtomicI64>,
}

impl TestClock {
    /// Returns a clock that shows and moves the time of `stripe`.
    pub(crate) fn of(stripe: &Arc<StripeSimulator>) -> Self {
        Self { stripe: Arc::clone(stripe), extra_nanos: Arc::default() }
    }

    /// Advances this clock and the simulator's by `by`.
    pub fn advance(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).expect("a test's waits are short");
        let total = self.extra_nanos.fetch_add(nanos, Ordering::SeqCst) + nanos;
        self.stripe.advance(total / 1_000_000_000);
        self.extra_nanos.fetch_sub(total / 1_000_000_000 * 1_000_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let extra = SignedDuration::from_nanos(self.extra_nanos.load(Ordering::SeqCst));
        Timestamp::from_second(self.stripe.now()).expect("the simulator's clock is a time") + extra
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// A clock that always shows the same time. Its sleeps end at once.
#[derive(Debug, Clone, Copy)]
pub struct StoppedClock(pub Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: Duration) {}
}

/// The real clock plus an offset, which all clones share. Its sleeps are real.
#[derive(Debug, Clone, Default)]
pub struct ShiftedClock(Arc<AtomicI64>);

impl ShiftedClock {
    /// Returns a clock that is `seconds` ahead of the real time, or behind it if negative.
    #[must_use]
    pub fn by(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    /// Moves this clock and its clones forward by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// A clock that shows the time that a test sets. All clones show the same.
#[derive(Debug, Clone)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// Returns a clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_microsecond())))
    }

    /// Sets this clock and its clones.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::from_microsecond(self.0.load(Ordering::SeqCst));
        now.expect("the clock was set to a time")
    }

    async fn sleep(&self, duration: Duration) {
        self.set(self.now() + duration);
    }
}
