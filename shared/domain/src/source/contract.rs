//! A vendor's part of the contract of its webhook, for docs/openapi.json. The replies are the part
//! of the function that answers.

use serde_json::Value;

/// A vendor's part of the contract of `/webhooks/{source}`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookContract {
    /// The operation's id, from which clients are generated: it never changes.
    pub operation_id: &'static str,
    /// The purpose of the route, in a few words.
    pub summary: &'static str,
    /// Describes the vendor's request, how it is checked and when the reply is sent. Markdown.
    pub about: String,
    /// The headers that must be there.
    pub headers: Vec<HeaderContract>,
    /// The description of the body, and an example; `None` if the body is not read.
    pub body: Option<(&'static str, Value)>,
}

/// A header that a vendor sends.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderContract {
    /// The header's name, as the vendor writes it.
    pub name: &'static str,
    /// The description of its value.
    pub about: &'static str,
    /// A JSON schema of its value.
    pub schema: Value,
}

impl HeaderContract {
    /// A header whose value matches a regular expression.
    #[must_use]
    pub fn text(name: &'static str, about: &'static str, pattern: &str) -> Self {
        let schema = serde_json::json!({ "type": "string", "pattern": pattern });
        Self { name, about, schema }
    }
}
