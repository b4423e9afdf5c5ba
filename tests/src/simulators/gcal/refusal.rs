//! Google's error replies (developers.google.com/workspace/calendar/api/guides/errors).

use serde_json::{Value, json};

/// An error reply.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Refusal {
    fn new(status: u16, domain: &str, reason: &str, message: &str) -> Self {
        let error = json!({"domain": domain, "reason": reason, "message": message});
        Self {
            status,
            body: json!({"error": {"errors": [error], "code": status, "message": message}}),
        }
    }

    fn at(mut self, kind: &str, location: &str) -> Self {
        self.body["error"]["errors"][0]["locationType"] = json!(kind);
        self.body["error"]["errors"][0]["location"] = json!(location);
        self
    }

    /// A 400 that names one parameter.
    pub(super) fn bad(parameter: &str, message: &str) -> Self {
        Self::new(400, "global", "invalid", message).at("parameter", parameter)
    }

    pub(super) fn full_sync_required() -> Self {
        let message = "Sync token is no longer valid, a full sync is required.";
        Self::new(410, "calendar", "fullSyncRequired", message).at("parameter", "syncToken")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "global", "notFound", "Not Found")
    }

    pub(super) fn invalid_credentials() -> Self {
        Self::new(401, "global", "authError", "Invalid Credentials").at("header", "Authorization")
    }

    pub(super) fn forbidden() -> Self {
        let message =
            "Google Calendar API has not been used in project 1 before or it is disabled.";
        Self::new(403, "usageLimits", "accessNotConfigured", message)
    }

    pub(super) fn user_rate() -> Self {
        Self::new(403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded")
    }

    pub(super) fn rate(status: u16) -> Self {
        Self::new(status, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
    }

    pub(super) fn daily() -> Self {
        Self::new(403, "usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded")
    }

    pub(super) fn backend(status: u16) -> Self {
        Self::new(status, "global", "backendError", "Backend Error")
    }
}
