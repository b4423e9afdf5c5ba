//! The one way to wait here.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::StackError;

/// Between two looks. Waiting is for a condition and never for a time: this only keeps the looking from
/// taking the machine away from what is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until `probe` breaks with what was waited for. `what` names it for the error, which also shows what
/// the last look saw.
///
/// # Errors
/// [`StackError::TimedOut`] after `limit`, and whatever a look fails with.
pub async fn eventually<T, S: Debug>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<ControlFlow<T, S>, StackError>,
) -> Result<T, StackError> {
    let started = Instant::now();
    loop {
        match probe().await? {
            ControlFlow::Break(found) => return Ok(found),
            ControlFlow::Continue(seen) if started.elapsed() > limit => {
                return Err(StackError::TimedOut {
                    what: what.to_owned(),
                    limit,
                    seen: format!("{seen:?}"),
                });
            }
            ControlFlow::Continue(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
