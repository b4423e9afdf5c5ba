//! One JSON log line a unit of work, on standard output, where Lambda collects it.

use std::panic::PanicHookInfo;

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
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs a panic: its place, and its message if that is part of the code. Rust's own hook prints
/// messages that are made at run time too, and those may quote a body.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let said = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(event = "panicked", place, said);
}

/// Returns an error and its causes in one line, for the log at the boundary.
///
/// Only the first line of each is taken: Postgres' DETAIL, which carries values of rows, stands in
/// the second one.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    let lines = causes.map(|e| e.to_string().lines().next().unwrap_or_default().to_owned());
    lines.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_line_of_the_first_lines_and_leaves_postgres_detail_out() {
        #[derive(Debug, thiserror::Error)]
        #[error("ERROR: no\nDETAIL: Failing row contains (secret)")]
        struct Inner;
        #[derive(Debug, thiserror::Error)]
        #[error("statement outbox.insert failed")]
        struct Outer(#[source] Inner);
        assert_eq!(chain(&Outer(Inner)), "statement outbox.insert failed: ERROR: no");
    }
}
