//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::digest::When;
use penstock_domain::revenue::Zone;
use penstock_domain::source;

/// The settings of `digest`, from the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the deployment, as messages have it.
    pub stack: String,
    /// The zone by whose clocks the daily digest is sent.
    pub zone: Zone,
    /// The zone whose days the database keeps.
    pub business_zone: Zone,
    /// The days on which a daily digest is sent.
    pub when: When,
    /// How old the last good run of a pull may be.
    pub freshness: Duration,
    /// The names of the sources whose first connections the template declares.
    pub sources: Vec<&'static str>,
}

impl Settings {
    /// Reads `STACK_NAME` (penstock), `DIGEST_TIMEZONE` (that of the business), `BUSINESS_TIMEZONE`
    /// (UTC), `DIGEST_WHEN` (daily), `FRESHNESS_SECONDS` (3600) and `SOURCES`
    /// ([`source::configured`]).
    ///
    /// # Errors
    /// If one of them is no IANA zone, no choice of days, no number or no source.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let zone = |name: &str, otherwise: &str| {
            let invalid = |reason: String| ConfigError::Invalid { name: name.to_owned(), reason };
            Zone::parse(&env.or(name, otherwise)).map_err(|e| invalid(e.to_string()))
        };
        let business_zone = zone("BUSINESS_TIMEZONE", "UTC")?;
        Ok(Self {
            stack: env.or("STACK_NAME", "penstock"),
            zone: zone("DIGEST_TIMEZONE", business_zone.name())?,
            business_zone,
            when: env.parsed_or("DIGEST_WHEN", When::Daily)?,
            freshness: Duration::from_secs(env.parsed_or("FRESHNESS_SECONDS", 3600)?),
            sources: source::configured(env)?.iter().map(|source| source.name()).collect(),
        })
    }
}
