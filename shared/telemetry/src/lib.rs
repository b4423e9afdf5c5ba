//! The functions' own account of their work, on standard output, where Lambda collects it: one JSON
//! line for each unit of work, and lines of metrics. Every log line names the trace that it is of.

pub mod emf;
mod errors;
pub mod export;
pub mod format;
pub mod metric;
#[cfg(feature = "otlp")]
mod otlp;
pub mod span;
pub mod work;

use std::panic::PanicHookInfo;
use std::time::Duration;

use penstock_domain::config::{ConfigError, Env};
use tracing::Level;

pub use errors::chain;

/// Starts logging at the level `PENSTOCK_LOG` names (error, warn, info, debug, trace; default
/// info), and the metrics of the namespace `METRICS_NAMESPACE` (default `Penstock`). Metrics are
/// written at every level: alarms are made of them.
///
/// Lambda stamps each line itself. Bodies are never logged; ids, sizes, hashes and outcomes are.
///
/// # Errors
/// [`ConfigError::Invalid`] if `PENSTOCK_LOG` is not a level.
pub fn init(env: &Env) -> Result<(), ConfigError> {
    let level = env.parsed_or("PENSTOCK_LOG", Level::INFO)?;
    let started =
        tracing::subscriber::set_global_default(format::subscriber(level, std::io::stdout));
    // A test has set another subscriber already.
    drop(started);
    emf::start(env.or("METRICS_NAMESPACE", "Penstock"));
    #[cfg(feature = "otlp")]
    otlp::start(env)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Returns how long something took, for the field `ms` of a line.
#[must_use]
pub fn whole_ms(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Logs a panic: its place, and its message if that is part of the code. Rust's own hook prints
/// messages that are made at run time too, and those may quote a body.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let said = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(event = "panicked", place, said);
}
