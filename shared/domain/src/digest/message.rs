//! A message in all of its forms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clean::clean;
use super::document::Document;
use super::{chat, html, text};

/// A message in all of its forms, as it is sent and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// One line without control characters.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// A page without scripts, pictures and links.
    pub html: String,
    /// The body for an incoming webhook as Slack knows it.
    pub chat: Value,
}

impl Document {
    /// Gives the document its forms.
    #[must_use]
    pub fn message(&self) -> Message {
        Message {
            subject: clean(&self.title),
            text: text::render(self),
            html: html::render(self),
            chat: chat::render(self),
        }
    }
}
