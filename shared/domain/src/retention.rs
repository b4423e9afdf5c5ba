//! How long the outbox keeps processed rows, and so how long a run may take.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{ConfigError, Env};
use crate::intake::{EVENTS, LEADS};
use crate::source;

/// The variable that sets the days of some sources, such as `events=7,gcal=14`.
const BY_SOURCE: &str = "OUTBOX_RETENTION_BY_SOURCE";

/// The variable that sets the days of all others.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    days: u64,
    by_source: BTreeMap<String, u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: DEFAULT_DAYS, by_source: BTreeMap::new() }
    }
}

impl Retention {
    /// Reads `OUTBOX_RETENTION_DAYS`, 35 if it is not set, and `OUTBOX_RETENTION_BY_SOURCE`, which
    /// names the sources that have days of their own.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if one is no number of days, or below [`MIN_DAYS`], or if there is
    /// no source of a name.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let days = enough(VARIABLE, env.parsed_or(VARIABLE, DEFAULT_DAYS)?)?;
        let text = env.or(BY_SOURCE, "");
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Self { days, by_source: parts.map(of_source).collect::<Result<_, _>>()? })
    }

    /// Returns how long a processed row of a source is kept after it was received.
    pub fn keeps(&self, source: &str) -> Duration {
        of_days(self.by_source.get(source).copied().unwrap_or(self.days))
    }

    /// Returns how long rows are kept of sources that have no days of their own.
    pub fn keeps_others(&self) -> Duration {
        of_days(self.days)
    }

    /// Returns how long rows are kept of the sources that have days of their own.
    pub fn by_source(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.by_source.iter().map(|(source, days)| (source.as_str(), of_days(*days)))
    }

    /// Returns the longest time that rows of some source are kept.
    pub fn longest(&self) -> Duration {
        self.by_source().map(|(_, kept)| kept).max().unwrap_or_default().max(self.keeps_others())
    }

    /// Returns how old a run of a source may be to go on. The rows that it stored are the evidence
    /// of what it has shown. The outbox keeps them for a day longer than this.
    pub fn run_lives(&self, source: &str) -> Duration {
        self.keeps(source).saturating_sub(DAY).min(LONGEST_RUN)
    }
}

fn of_days(days: u64) -> Duration {
    DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))
}

/// Reads `<source>=<days>`.
fn of_source(text: &str) -> Result<(String, u64), ConfigError> {
    let refused = |reason| ConfigError::Invalid { name: BY_SOURCE.to_owned(), reason };
    let (name, days) = text.split_once('=').unwrap_or((text, ""));
    if source::find(name).is_none() && name != EVENTS && name != LEADS {
        return Err(refused(format!("there is no source {name}")));
    }
    let days = days.parse().map_err(|_| refused(format!("{name} has no number of days")))?;
    Ok((name.to_owned(), enough(BY_SOURCE, days)?))
}

fn enough(name: &str, days: u64) -> Result<u64, ConfigError> {
    if days >= MIN_DAYS {
        return Ok(days);
    }
    let reason = format!("it must be {MIN_DAYS} days or more");
    Err(ConfigError::Invalid { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(days: &str) -> Result<(u64, u64), String> {
        let env: Env = [(VARIABLE, days)].into_iter().collect();
        let retention = Retention::from_env(&env).map_err(|error| error.to_string())?;
        let days = |time: Duration| time.as_secs() / DAY.as_secs();
        Ok((days(retention.keeps_others()), days(retention.run_lives("stripe"))))
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

    #[test]
    fn a_source_may_have_days_of_its_own_and_none_that_is_not_known_or_has_too_few() {
        let read = |text: &str| {
            let env: Env = [(BY_SOURCE, text)].into_iter().collect();
            Retention::from_env(&env).map_err(|error| error.to_string())
        };
        let own = read("events=7, gcal=14,stripe=60").unwrap();
        let kept = |source| own.keeps(source).as_secs() / DAY.as_secs();
        assert_eq!(["events", "gcal", "stripe", "hubspot"].map(kept), [7, 14, 60, 35]);
        assert_eq!(own.longest(), 60 * DAY);
        assert_eq!(own.run_lives("gcal"), 13 * DAY, "no run outlives its evidence");
        assert_eq!(own.run_lives("hubspot"), LONGEST_RUN);
        assert_eq!(read("").unwrap(), Retention::default());
        for refused in ["paypal=10", "events", "events=", "events=x", "gcal=6", "gcal=-7", "=9"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
