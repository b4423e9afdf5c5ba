//! Reads the tour's settings from its environment.

use std::io::IsTerminal as _;

use penstock_domain::config::{ConfigError, Env};

use super::accounts::Accounts;
use crate::vendors::Sizes;

/// The settings of the tour.
#[derive(Clone)]
pub struct Options {
    /// Charges of the simulated year. The portal and the calendar grow with them.
    pub charges: u32,
    /// The seed of the simulation.
    pub seed: u64,
    /// Whether to end with a verdict in place of running on.
    pub once: bool,
    /// Real accounts in place of the simulated vendors.
    pub accounts: Option<Accounts>,
    /// Whether stdout is a terminal that can be drawn on.
    pub terminal: bool,
}

impl Options {
    /// Reads `CHARGES` (20000), `SEED` (1), `ONCE`, and the variables of [`Accounts`].
    ///
    /// # Errors
    ///
    /// A variable is not a number, or [`Accounts::from_env`] fails. The error names the variable.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            charges: env.parsed_or("CHARGES", 20_000)?,
            seed: env.parsed_or("SEED", 1)?,
            once: env.optional("ONCE").is_some_and(|word| word != "0"),
            accounts: Accounts::from_env(env)?,
            terminal: std::io::stdout().is_terminal(),
        })
    }

    /// Returns the sizes of the simulated vendors: one contact for 8 charges, one deal and one
    /// event for 20.
    pub(super) fn sizes(&self) -> Sizes {
        let per = |charges: u32| usize::try_from(self.charges / charges).unwrap_or_default();
        Sizes { charges: self.charges, contacts: per(8), deals: per(20), events: per(20) }
    }
}
