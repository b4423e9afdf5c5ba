//! HubSpot's error replies (developers.hubspot.com/docs/api/error-handling).

use serde_json::json;

use super::faults::Policy;

/// An error reply: its status and HubSpot's JSON.
pub(super) struct Refusal(pub(super) u16, pub(super) String);

impl Refusal {
    pub(super) fn new(status: u16, category: &str, message: &str) -> Self {
        let body = json!({"status": "error", "message": message, "correlationId": CORRELATION, "category": category});
        Self(status, body.to_string())
    }

    pub(super) fn bad_request(why: &str) -> Self {
        Self::new(400, "VALIDATION_ERROR", why)
    }

    pub(super) fn not_found() -> Self {
        let body = json!({"status": "error", "message": "resource not found", "correlationId": CORRELATION});
        Self(404, body.to_string())
    }

    pub(super) fn too_many(policy: Policy) -> Self {
        let word = policy.word();
        let body = json!({
            "status": "error",
            "message": format!("You have reached your {} limit.", word.to_lowercase()),
            "errorType": "RATE_LIMIT",
            "correlationId": CORRELATION,
            "policyName": word,
        });
        Self(429, body.to_string())
    }
}

const CORRELATION: &str = "c033cdaa-2c40-4a64-ae48-b4cec88dad24";
