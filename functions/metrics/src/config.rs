//! What an operator sets.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::revenue::Zone;

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// ISO 4217 code of the amounts where a caller names none.
    pub base_currency: String,
    /// The zone whose days the database keeps.
    pub business_zone: String,
    /// How old the last good run of a source may be.
    pub freshness: Duration,
}

impl MetricsConfig {
    /// `BASE_CURRENCY` (USD), `BUSINESS_TIMEZONE` (UTC) and `FRESHNESS_SECONDS` (3600).
    ///
    /// # Errors
    /// Where one of them is no currency code, no IANA zone, no number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let base_currency = env.or("BASE_CURRENCY", "USD");
        if !is_currency(&base_currency) {
            return Err(invalid("BASE_CURRENCY", "it is not three capital letters"));
        }
        let zone = Zone::parse(&env.or("BUSINESS_TIMEZONE", "UTC"));
        let zone = zone.map_err(|e| invalid("BUSINESS_TIMEZONE", &e.to_string()))?;
        let freshness = Duration::from_secs(env.parsed_or("FRESHNESS_SECONDS", 3600)?);
        Ok(Self { base_currency, business_zone: zone.name().to_owned(), freshness })
    }
}

fn invalid(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() }
}

/// Whether it looks like an ISO 4217 code.
pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}
