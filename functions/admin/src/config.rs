//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::source::{self, Source};

/// The settings of `admin`, from the environment.
#[derive(Clone)]
pub struct AdminConfig {
    /// The sources that this deployment pulls from.
    pub sources: Vec<&'static dyn Source>,
    /// The least time between two requests for a full run of the same source.
    pub min_full_interval: Duration,
}

impl AdminConfig {
    /// `SOURCES` ([`source::configured`]) and `MIN_FULL_INTERVAL_SECONDS` (3600; 0: any time).
    ///
    /// # Errors
    /// If there is no such source, or the interval is no number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let min_full_interval =
            Duration::from_secs(env.parsed_or("MIN_FULL_INTERVAL_SECONDS", 3_600)?);
        Ok(Self { sources: source::configured(env)?, min_full_interval })
    }
}
