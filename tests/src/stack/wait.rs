//! Waits for a condition. All waits of the stack's tests use it.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::StackError;

/// The pause between two probes. It is not a delay that a test relies on: it only keeps the probes
/// from taking the machine's time from the code under test.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs `probe` until it breaks with a value. `what` names the condition for the error, which also
/// shows the last state.
///
/// # Errors
///
/// [`StackError::TimedOut`] after `limit`. An error of `probe` ends the wait.
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
