//! The limits that a deployment sets: how long a run may take, and how much a sweep may take away.

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::retention::Retention;
use penstock_domain::sweep::SweepLimit;

/// The limits of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// How long the outbox keeps the rows by which a run knows what it has shown.
    pub retention: Retention,
    /// The largest sweep that needs no person.
    pub sweep: SweepLimit,
}

impl Limits {
    /// Reads `OUTBOX_RETENTION_DAYS`, `OUTBOX_RETENTION_BY_SOURCE` and `SWEEP_MAX_PERCENT`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if one of them cannot be used.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self { retention: Retention::from_env(env)?, sweep: SweepLimit::from_env(env)? })
    }

    /// Returns whether a run of a source that began at `started` must begin anew: the outbox is
    /// about to forget what it has shown, and a sweep would take all of that for gone (trap 73).
    pub(crate) fn is_too_old(&self, source: &str, started: Timestamp, now: Timestamp) -> bool {
        elapsed(started, now) > self.retention.run_lives(source)
    }
}
