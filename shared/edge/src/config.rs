//! Configuration from the environment: read once, at start.

pub use penstock_domain::config::{ConfigError, Env};

/// Reads the variables of the process.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn from_process() -> Env {
    std::env::vars().collect()
}
