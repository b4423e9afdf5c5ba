//! SQS batches: each message read alone, each failure reported alone (trap 20).
//!
//! The event is read with our own types: its bodies stay text, whatever they hold, and a message
//! without a body is an empty one.

use serde::{Deserialize, Serialize};

/// The event that an event source mapping hands over.
#[derive(Debug, Clone, Deserialize)]
pub struct SqsEvent {
    /// The messages.
    #[serde(rename = "Records", default)]
    pub records: Vec<SqsMessage>,
}

/// One message of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsMessage {
    /// SQS' id, to report the message by.
    pub message_id: String,
    /// The text as sent.
    #[serde(default)]
    pub body: String,
    /// The attributes that SQS sends along.
    #[serde(default)]
    pub attributes: Attributes,
}

/// The attributes of a message that are used here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attributes {
    /// How often it was handed out, this time included; text in the event.
    pub approximate_receive_count: Option<String>,
}

impl SqsMessage {
    /// How often it was received, this time included.
    pub fn receives(&self) -> i32 {
        self.attributes
            .approximate_receive_count
            .as_deref()
            .and_then(|n| n.parse().ok())
            .unwrap_or(1)
    }
}

/// The partial batch response (`ReportBatchItemFailures`): what it names is delivered again, the
/// rest is deleted. An id that is not of the batch would fail the whole batch, so ids come from
/// messages only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl BatchResponse {
    /// Creates the response that everything was handled.
    pub fn all_done() -> Self {
        Self::default()
    }

    /// Has a message delivered again.
    pub fn fail(&mut self, message: &SqsMessage) {
        self.batch_item_failures.push(Failure { item_identifier: message.message_id.clone() });
    }

    /// How many messages are to be delivered again.
    pub fn failures(&self) -> usize {
        self.batch_item_failures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_20_bodies_are_text_whatever_they_hold() {
        let event: SqsEvent = serde_json::from_str(
            r#"{"Records":[{"messageId":"a","body":"not json {","attributes":{"ApproximateReceiveCount":"3"}},
                           {"messageId":"b"}, {"messageId":"c","body":"\u0000"}]}"#,
        )
        .unwrap();
        assert_eq!(event.records[0].body, "not json {");
        assert_eq!(event.records[0].receives(), 3);
        assert_eq!((event.records[1].body.as_str(), event.records[1].receives()), ("", 1));
        let mut response = BatchResponse::all_done();
        response.fail(&event.records[2]);
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#
        );
    }
}
