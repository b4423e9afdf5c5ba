//! What the tour is told by its environment.

use std::io::IsTerminal as _;

use penstock_domain::config::{ConfigError, Env};

/// How the tour is to go.
#[derive(Clone)]
pub struct Options {
    /// Charges of the simulated year.
    pub charges: u32,
    /// Seeds the simulated year.
    pub seed: u64,
    /// Whether to end with a verdict in place of staying up.
    pub once: bool,
    /// A real account in place of the simulated one.
    pub account: Option<Account>,
    /// Whether stdout is a terminal, to be drawn on.
    pub terminal: bool,
}

/// A real Stripe account.
#[derive(Clone)]
pub struct Account {
    /// Its key.
    pub key: String,
    /// Where Stripe is, if not where the template says.
    pub base_url: Option<String>,
}

impl Options {
    /// `CHARGES` (20000), `SEED` (1), `ONCE`, `STRIPE_API_KEY` and with it `STRIPE_BASE_URL`.
    ///
    /// # Errors
    /// Where a number is none; the variable is named.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let base_url = env.optional("STRIPE_BASE_URL");
        Ok(Self {
            charges: env.parsed_or("CHARGES", 20_000)?,
            seed: env.parsed_or("SEED", 1)?,
            once: env.optional("ONCE").is_some_and(|word| word != "0"),
            account: env.optional("STRIPE_API_KEY").map(|key| Account { key, base_url }),
            terminal: std::io::stdout().is_terminal(),
        })
    }
}
