//! How many rows a full list may leave out before a person is asked.

use crate::config::{ConfigError, Env};

/// The variable that sets the share.
const VARIABLE: &str = "SWEEP_MAX_PERCENT";

/// The share if nothing is set, in percent.
const DEFAULT_PERCENT: u64 = 10;

/// So many rows may be left out whatever their share: a small table has few.
pub const FEW: u64 = 100;

/// More rows than these are held whatever their share: to ask a vendor for each takes an hour.
pub const MOST: u64 = 5_000;

/// The largest sweep that is made without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimit {
    percent: u64,
}

impl Default for SweepLimit {
    fn default() -> Self {
        Self { percent: DEFAULT_PERCENT }
    }
}

impl SweepLimit {
    /// Reads `SWEEP_MAX_PERCENT`, 10 if it is not set.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if it is no whole number from 0 to 100.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let percent = env.parsed_or(VARIABLE, DEFAULT_PERCENT)?;
        if percent > 100 {
            let reason = "a share has 100 percent at most".to_owned();
            return Err(ConfigError::Invalid { name: VARIABLE.to_owned(), reason });
        }
        Ok(Self { percent })
    }

    /// Returns whether a person must confirm a sweep of `unseen` rows, where the list should have
    /// shown `accounted` of them.
    pub fn holds(self, unseen: u64, accounted: u64) -> bool {
        let share = u128::from(unseen) * 100 > u128::from(accounted) * u128::from(self.percent);
        unseen > MOST || unseen > FEW && share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_small_shares_pass_and_everything_else_needs_a_person() {
        let limit = SweepLimit::default();
        for (unseen, accounted, held) in [
            (0, 0, false),
            (100, 100, false),
            (101, 101, true),
            (101, 1_010, false),
            (101, 1_009, true),
            (5_000, 1_000_000, false),
            (5_001, 1_000_000, true),
            (u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(limit.holds(unseen, accounted), held, "{unseen} of {accounted}");
        }
        let at = |percent: &str| SweepLimit::from_env(&[(VARIABLE, percent)].into_iter().collect());
        assert!(at("0").is_ok_and(|limit| limit.holds(101, 1_000_000)));
        assert!(at("100").is_ok_and(|limit| !limit.holds(5_000, 5_000)));
        assert!(at("101").is_err() && at("10 %").is_err());
    }
}
