//! The functions behind the gateway.

use serde_json::Value;

/// Calls functions by the names of their binaries, such as `ingest`.
pub trait Backend: Send + Sync + 'static {
    /// Hands `event` to a function and waits for its answer.
    ///
    /// # Errors
    /// [`Failure`] if the function is throttled, fails, times out or does not exist.
    fn invoke(
        &self,
        function: &str,
        event: Value,
    ) -> impl Future<Output = Result<Value, Failure>> + Send;

    /// Ends what the backend has started. The gateway calls it last.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// An invocation without an answer. The caller reads only the status; the reason is logged.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// Whether Lambda refused because all reserved environments were busy.
    pub throttled: bool,
    /// The error of the function, or of Lambda.
    pub reason: String,
}

impl Failure {
    /// A failure of the function itself.
    #[must_use]
    pub fn of_function(error: &impl ToString) -> Self {
        Self { throttled: false, reason: error.to_string() }
    }
}
