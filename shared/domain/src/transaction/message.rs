//! A message to `settle`: a step is due. All else is in Postgres.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A message on the queue `transactions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// The next step of a transaction.
    Transaction(Uuid),
    /// The next attempt to tell a client.
    Notification(Uuid),
}

impl Message {
    /// Reads a message's text; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the message's text.
    #[must_use]
    pub fn to_body(self) -> String {
        match self {
            Self::Transaction(id) => format!(r#"{{"transaction":"{id}"}}"#),
            Self::Notification(id) => format!(r#"{{"notification":"{id}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_it_was_written_and_nothing_else_is_one() {
        for message in [Message::Transaction(Uuid::max()), Message::Notification(Uuid::nil())] {
            assert_eq!(Message::parse(&message.to_body()), Some(message));
        }
        for text in ["", "{}", "[]", r#"{"transaction":"x"}"#, r#"{"rows":[]}"#] {
            assert_eq!(Message::parse(text), None, "{text}");
        }
    }
}
