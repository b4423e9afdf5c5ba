//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::money::Currency;
use penstock_domain::revenue::Zone;
use penstock_domain::source;

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// ISO 4217 code of the amounts where a caller names none.
    pub base_currency: String,
    /// The zone whose days the database keeps.
    pub business_zone: String,
    /// The names of the sources that this deployment pulls from.
    pub sources: Vec<&'static str>,
    /// How old the last good run of a source may be.
    pub freshness: Duration,
    /// What a key without a rate of its own may ask, in requests a second.
    pub rate_limit_per_second: u32,
}

impl MetricsConfig {
    /// `BASE_CURRENCY` (USD), `BUSINESS_TIMEZONE` (UTC), `SOURCES` ([`source::configured`]),
    /// `FRESHNESS_SECONDS` (3600) and `RATE_LIMIT_PER_SECOND` (100).
    ///
    /// # Errors
    /// If one of them is no currency of ISO 4217, no IANA zone, no source, no number, or a rate of
    /// zero.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let base_currency = env.or("BASE_CURRENCY", "USD");
        let base_currency = base_currency
            .parse::<Currency>()
            .map_err(|e| invalid("BASE_CURRENCY", &e.to_string()))?
            .to_string();
        let zone = Zone::parse(&env.or("BUSINESS_TIMEZONE", "UTC"));
        let zone = zone.map_err(|e| invalid("BUSINESS_TIMEZONE", &e.to_string()))?;
        let freshness = Duration::from_secs(env.parsed_or("FRESHNESS_SECONDS", 3600)?);
        let rate_limit_per_second = env.parsed_or("RATE_LIMIT_PER_SECOND", 100)?;
        if rate_limit_per_second == 0 {
            return Err(invalid("RATE_LIMIT_PER_SECOND", "it would let nobody in"));
        }
        let business_zone = zone.name().to_owned();
        let sources = source::configured(env)?.iter().map(|source| source.name()).collect();
        Ok(Self { base_currency, business_zone, sources, freshness, rate_limit_per_second })
    }
}

fn invalid(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() }
}
