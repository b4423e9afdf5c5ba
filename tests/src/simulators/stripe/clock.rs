//! The account's clock: the real one, possibly shifted, or one that a test has stopped.

/// Returns the real time in Unix seconds.
#[allow(clippy::disallowed_methods, reason = "the simulator's default clock is the real one")]
#[must_use]
pub fn real_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A clock that reads whole seconds.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The real time plus this number of seconds.
    Real(i64),
    /// Stopped at this Unix second.
    Fixed(i64),
}

impl Clock {
    /// Returns the clock's time in Unix seconds.
    #[must_use]
    pub fn now(self) -> i64 {
        match self {
            Self::Real(shift) => real_now() + shift,
            Self::Fixed(at) => at,
        }
    }

    /// Returns the clock moved forward by `seconds`.
    #[must_use]
    pub const fn advanced(self, seconds: i64) -> Self {
        match self {
            Self::Real(shift) => Self::Real(shift + seconds),
            Self::Fixed(at) => Self::Fixed(at + seconds),
        }
    }
}
