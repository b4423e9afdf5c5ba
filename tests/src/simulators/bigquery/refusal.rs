//! Error replies (cloud.google.com/bigquery/docs/error-messages).

use serde_json::{Value, json};

/// An error reply, or the error of a job.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { status, reason: reason.to_owned(), message: message.into() }
    }

    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(404, "notFound", format!("Not found: {what}"))
    }

    pub(super) fn duplicate(what: impl std::fmt::Display) -> Self {
        Self::new(409, "duplicate", format!("Already Exists: {what}"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    /// Returns the body of a reply.
    pub(super) fn body(&self) -> Value {
        let Self { status, reason, message } = self;
        let error = json!({"message": message, "domain": "global", "reason": reason});
        json!({"error": {"code": status, "message": message, "errors": [error]}})
    }

    /// Returns it as jobs have it.
    pub(super) fn of_job(&self) -> Value {
        json!({"reason": self.reason, "message": self.message})
    }
}
