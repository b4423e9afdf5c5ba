//! How long the outbox keeps processed rows, and so how long a run may take.

use std::time::Duration;

use crate::config::{ConfigError, Env};

/// The variable that sets the days.
const VARIABLE: &str = "OUTBOX_RETENTION_DAYS";

/// The fewest days. A run lives a day less, and it may take a person some days to replace a refused
/// key. `OutboxRetentionDays` of the template has the same minimum.
pub const MIN_DAYS: u64 = 7;

/// The days if nothing is set.
const DEFAULT_DAYS: u64 = 35;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No run lives longer, however long rows are kept: Stripe lists events for 30 days only.
const LONGEST_RUN: Duration = Duration::from_secs(25 * 24 * 60 * 60);

/// How long processed rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    days: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: DEFAULT_DAYS }
    }
}

impl Retention {
    /// Reads `OUTBOX_RETENTION_DAYS`, 35 if it is not set.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if it is no number of days, or below [`MIN_DAYS`].
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let days = env.parsed_or(VARIABLE, DEFAULT_DAYS)?;
        if days < MIN_DAYS {
            let reason = format!("it must be {MIN_DAYS} days or more");
            return Err(ConfigError::Invalid { name: VARIABLE.to_owned(), reason });
        }
        Ok(Self { days })
    }

    /// Returns how long a processed row is kept after it was received.
    pub fn keeps(self) -> Duration {
        DAY.saturating_mul(u32::try_from(self.days).unwrap_or(u32::MAX))
    }

    /// Returns how old a run may be to go on. The rows that it stored are the evidence of what it
    /// has shown. The outbox keeps them for a day longer than this.
    pub fn run_lives(self) -> Duration {
        self.keeps().saturating_sub(DAY).min(LONGEST_RUN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(days: &str) -> Result<(u64, u64), String> {
        let env: Env = [(VARIABLE, days)].into_iter().collect();
        let retention = Retention::from_env(&env).map_err(|error| error.to_string())?;
        let days = |time: Duration| time.as_secs() / DAY.as_secs();
        Ok((days(retention.keeps()), days(retention.run_lives())))
    }

    #[test]
    fn no_run_outlives_the_rows_that_it_stored_however_few_days_they_are_kept() {
        assert_eq!(of(""), Ok((35, 25)));
        assert_eq!(of("400"), Ok((400, 25)));
        assert_eq!(of("20"), Ok((20, 19)));
        assert_eq!(of("7"), Ok((7, 6)));
        let refused = "OUTBOX_RETENTION_DAYS cannot be used: it must be 7 days or more";
        assert_eq!(of("6"), Err(refused.to_owned()));
        assert_eq!(of("0"), Err(refused.to_owned()));
        assert!(of("-1").is_err());
    }
}
