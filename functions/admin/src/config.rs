//! The settings of an operator.

use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::redaction::Redactions;
use penstock_domain::source::{self, SOURCES, Source, variable};

/// The settings of `admin`, from the environment.
#[derive(Clone)]
pub struct AdminConfig {
    /// The sources that this deployment pulls from.
    pub sources: Vec<&'static dyn Source>,
    /// The least time between two requests for a full run of the same source.
    pub min_full_interval: Duration,
    /// The sources whose signing secret the template names.
    pub pushed: Vec<&'static dyn Source>,
    /// The sources that are told where to push to: those with `<NAME>_WEBHOOK_URL`.
    pub told_where: Vec<&'static str>,
    /// The prefix of the secrets of connections that are made while the system runs.
    pub secrets_prefix: String,
    /// Places in payloads that no reply shows.
    pub redactions: Redactions,
    /// Whether a connection may be reached without TLS: only where AWS itself is a local stand-in.
    pub plain_http: bool,
}

impl AdminConfig {
    /// `SOURCES` ([`source::configured`]), `MIN_FULL_INTERVAL_SECONDS` (3600; 0: any time),
    /// `PUSHED_SOURCES` (none), `SECRETS_PREFIX` (`penstock/local`), and of each source that pushes
    /// to a URL `<NAME>_WEBHOOK_URL`. `REDACTED_POINTERS` as `Redactions` reads it.
    /// `AWS_ENDPOINT_URL` is set on one machine only.
    ///
    /// # Errors
    /// If there is no such source, or the interval is no number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let min_full_interval =
            Duration::from_secs(env.parsed_or("MIN_FULL_INTERVAL_SECONDS", 3_600)?);
        let pushed = env.or("PUSHED_SOURCES", "");
        let pushed = pushed.split(',').filter_map(|name| source::find(name.trim())).collect();
        let is_told =
            |source: &&&dyn Source| env.optional(&variable(**source, "WEBHOOK_URL")).is_some();
        Ok(Self {
            sources: source::configured(env)?,
            min_full_interval,
            pushed,
            told_where: SOURCES.iter().filter(is_told).map(|source| source.name()).collect(),
            secrets_prefix: env.or("SECRETS_PREFIX", "penstock/local"),
            redactions: Redactions::from_env(env)?,
            plain_http: env.optional("AWS_ENDPOINT_URL").is_some(),
        })
    }

    /// Whether the template declares the connection called `name`, by a secret of its parameters.
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.sources.iter().chain(&self.pushed).any(|source| source.name() == name)
    }

    /// Whether the template names what signs the requests to the connection called `name`.
    #[must_use]
    pub fn is_pushed(&self, name: &str) -> bool {
        self.pushed.iter().any(|source| source.name() == name)
    }
}
