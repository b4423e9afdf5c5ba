//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::source::{self, Source};

/// What an operator sets.
#[derive(Clone)]
pub struct AdminConfig {
    /// The sources that this deployment pulls from.
    pub sources: Vec<&'static dyn Source>,
    /// A full run is asked for again only so long after the one before.
    pub min_full_interval: Duration,
}

impl AdminConfig {
    /// `SOURCES` (none; separated by commas) and `MIN_FULL_INTERVAL_SECONDS` (3600; 0: any time).
    ///
    /// # Errors
    /// Where there is no such source, or the interval is no number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let names = env.or("SOURCES", "");
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let found = names.map(|name| {
            let reason = || format!("there is no source {name}");
            source::find(name).ok_or_else(|| ConfigError::Invalid {
                name: "SOURCES".to_owned(),
                reason: reason(),
            })
        });
        let sources = found.collect::<Result<_, _>>()?;
        let min_full_interval =
            Duration::from_secs(env.parsed_or("MIN_FULL_INTERVAL_SECONDS", 3_600)?);
        Ok(Self { sources, min_full_interval })
    }
}
