//! What the tour is told by its environment.

use std::io::IsTerminal as _;

use penstock_domain::config::{ConfigError, Env};

use super::accounts::Accounts;
use crate::vendors::Sizes;

/// How the tour is to go.
#[derive(Clone)]
pub struct Options {
    /// Charges of the simulated year; the portal and the calendar grow with them.
    pub charges: u32,
    /// Seeds what is simulated.
    pub seed: u64,
    /// Whether to end with a verdict in place of staying up.
    pub once: bool,
    /// Real accounts in place of the simulated vendors.
    pub accounts: Option<Accounts>,
    /// Whether stdout is a terminal, to be drawn on.
    pub terminal: bool,
}

impl Options {
    /// `CHARGES` (20000), `SEED` (1), `ONCE`, and what [`Accounts`] reads.
    ///
    /// # Errors
    /// Where a number is none; the variable is named.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            charges: env.parsed_or("CHARGES", 20_000)?,
            seed: env.parsed_or("SEED", 1)?,
            once: env.optional("ONCE").is_some_and(|word| word != "0"),
            accounts: Accounts::from_env(env)?,
            terminal: std::io::stdout().is_terminal(),
        })
    }

    /// How much is simulated: a contact for 8 charges, a deal and an event for 20.
    pub(super) fn sizes(&self) -> Sizes {
        let per = |charges: u32| usize::try_from(self.charges / charges).unwrap_or_default();
        Sizes { charges: self.charges, contacts: per(8), deals: per(20), events: per(20) }
    }
}
