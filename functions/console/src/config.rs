//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::money::Currency;
use penstock_domain::redaction::Redactions;
use penstock_domain::revenue::Zone;
use penstock_domain::source::{self, Source};
use penstock_domain::transaction::Settings;

/// The settings of `console`, from the environment.
#[derive(Clone)]
pub struct ConsoleConfig {
    /// ISO 4217 code of the amounts if a reader names none.
    pub base_currency: String,
    /// The zone whose days the database keeps. A reader without a zone of their own has this one.
    pub business_zone: Zone,
    /// The sources that this deployment pulls from.
    pub sources: Vec<&'static dyn Source>,
    /// How old the last good run of a source may be.
    pub freshness: Duration,
    /// The least time between two requests for a full run of the same source.
    pub min_full_interval: Duration,
    /// Places in payloads that no page shows.
    pub redactions: Redactions,
    /// How transactions are worked.
    pub transactions: Settings,
    /// Scheme and host under which people call, and the stage if the path has one. `None`: the
    /// request's own `Host`.
    pub public_base_url: Option<String>,
}

impl ConsoleConfig {
    /// `BASE_CURRENCY` (USD), `BUSINESS_TIMEZONE` (UTC), `SOURCES` ([`source::configured`]),
    /// `FRESHNESS_SECONDS` (3600), `MIN_FULL_INTERVAL_SECONDS` (3600), `REDACTED_POINTERS`
    /// ([`Redactions::from_env`]), `PUBLIC_BASE_URL` (none) and those of
    /// [`Settings::from_env`].
    ///
    /// # Errors
    /// If one of them is no currency of ISO 4217, no IANA zone, no source, no number or no pointer,
    /// or if the terms of the third party contradict each other.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let invalid = |name: &str, error: &dyn std::error::Error| ConfigError::Invalid {
            name: name.to_owned(),
            reason: error.to_string(),
        };
        let currency: Currency = env
            .or("BASE_CURRENCY", "USD")
            .parse()
            .map_err(|error| invalid("BASE_CURRENCY", &error))?;
        let zone = Zone::parse(&env.or("BUSINESS_TIMEZONE", "UTC"));
        let seconds = |name| env.parsed_or(name, 3_600).map(Duration::from_secs);
        Ok(Self {
            base_currency: currency.to_string(),
            business_zone: zone.map_err(|error| invalid("BUSINESS_TIMEZONE", &error))?,
            sources: source::configured(env)?,
            freshness: seconds("FRESHNESS_SECONDS")?,
            min_full_interval: seconds("MIN_FULL_INTERVAL_SECONDS")?,
            redactions: Redactions::from_env(env)?,
            transactions: Settings::from_env(env)?,
            public_base_url: env.optional("PUBLIC_BASE_URL"),
        })
    }

    /// Returns the names of the sources.
    #[must_use]
    pub fn source_names(&self) -> Vec<&'static str> {
        self.sources.iter().map(|source| source.name()).collect()
    }
}
