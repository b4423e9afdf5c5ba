//! One JSON log line a unit of work, on standard output, where Lambda collects it.

use tracing::Level;
use tracing_subscriber::fmt;

use crate::config::{ConfigError, Env};

/// Starts logging at the level `PENSTOCK_LOG` names (error, warn, info, debug, trace; default
/// info).
///
/// Lambda stamps each line itself. Bodies are never logged; ids, sizes, hashes and outcomes are.
///
/// # Errors
/// [`ConfigError::Invalid`] if `PENSTOCK_LOG` is not a level.
pub fn init(env: &Env) -> Result<(), ConfigError> {
    let level = env.parsed_or("PENSTOCK_LOG", Level::INFO)?;
    let started = tracing::subscriber::set_global_default(
        fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_max_level(level)
            .finish(),
    );
    // A test has set another subscriber already.
    drop(started);
    Ok(())
}

/// An error and its causes in one line, for the log at the boundary.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
