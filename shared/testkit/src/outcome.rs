//! The end of an invocation, as Lambda sees it.

use std::process::ExitStatus;

use serde_json::Value;

/// How an invocation of a function ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The handler returned this reply.
    Replied(Value),
    /// The handler returned an error or panicked, or the function could not start.
    Failed {
        /// The error's type, as Lambda's metrics show it.
        error_type: String,
        message: String,
    },
    /// The process ended before it replied.
    Died(ExitStatus),
    /// The deadline passed. As Lambda does, the host has killed the process.
    TimedOut,
}

impl Outcome {
    /// Returns the reply of the function.
    ///
    /// # Panics
    /// If the function did not reply.
    pub fn reply(self) -> Value {
        match self {
            Self::Replied(reply) => reply,
            other => panic!("expected a reply, but the function {other:?}"),
        }
    }
}
