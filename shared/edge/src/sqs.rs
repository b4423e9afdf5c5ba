//! SQS batches: each message read alone, each failure reported alone (trap 20).
//!
//! The event is read with our own types: its bodies stay text, whatever they hold, and a message
//! without a body is an empty one.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::trace::{TRACEPARENT, Trace};
use penstock_telemetry::span::{Ended, Kind};
use penstock_telemetry::whole_ms;
use penstock_telemetry::work::{SENT_BY, Work};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// The attributes that the sender has set, as they come: none of them is worth a failed batch.
    #[serde(default)]
    pub message_attributes: Value,
}

/// The attributes of a message that are used here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attributes {
    /// How often it was handed out, this time included; text in the event.
    pub approximate_receive_count: Option<String>,
    /// AWS's own trace of the invocation that has sent it.
    #[serde(rename = "AWSTraceHeader")]
    pub aws_trace_header: Option<String>,
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

    /// Returns the work on this message. It is of the sender's trace: that of the attribute, or as
    /// AWS tells it where an older release has sent the message.
    #[must_use]
    pub fn work(&self, function: &'static str) -> Work {
        let invoked = Work::current().unwrap_or_else(|| Work::invoked(function, "", None));
        let Work { request_id, trace, .. } = &invoked;
        let unit = format!("{function}/{request_id}/{}", self.message_id);
        let told = self.attribute(TRACEPARENT).and_then(|text| Trace::continued(text, &unit));
        let amazon = self.attributes.aws_trace_header.as_deref();
        let told = told.or_else(|| amazon.and_then(|header| Trace::of_amazon(header, &unit)));
        Work { trace: told.unwrap_or_else(|| trace.child(&unit)), ..invoked }
    }

    /// Returns the function that has sent the message, if it says so. `relay` sends tickets again
    /// that were lost.
    #[must_use]
    pub fn sent_by(&self) -> Option<&str> {
        let is_name = |text: &&str| {
            (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase())
        };
        self.attribute(SENT_BY).filter(is_name)
    }

    /// Logs the end of the work on this message, within that work. `rows` is the number of rows
    /// that it names or has brought, and `outbox_id` the row if it is a single one.
    pub fn log_worked(
        &self,
        outcome: &'static str,
        (rows, outbox_id): (usize, Option<String>),
        at: Timestamp,
        took: Duration,
    ) {
        tracing::info!(
            event = "message_worked",
            message_id = self.message_id,
            sent_by = self.sent_by(),
            receives = self.receives(),
            bytes = self.body.len(),
            rows,
            outbox_id,
            outcome,
            ms = whole_ms(took)
        );
        if let Some(work) = Work::current() {
            let (kind, name, failed) = (Kind::Consumer, "message_worked", outcome == "again");
            work.ended(Ended { kind, name, at, took, failed });
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.message_attributes.get(name)?.get("stringValue")?.as_str()
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

    /// Whether a message is to be delivered again.
    pub fn fails(&self, message: &SqsMessage) -> bool {
        self.batch_item_failures.iter().any(|it| it.item_identifier == message.message_id)
    }

    /// How many messages are to be delivered again.
    pub fn failures(&self) -> usize {
        self.batch_item_failures.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const AMAZON: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

    fn message(attributes: &Value, own: &Value) -> SqsMessage {
        let message = json!({
            "messageId": "m", "body": "", "attributes": attributes, "messageAttributes": own,
        });
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn a_message_is_of_the_trace_that_it_carries_and_says_who_sent_it() {
        let text = |value: &str| json!({"stringValue": value, "dataType": "String"});
        let own = json!({"traceparent": text(SENT), "sent_by": text("relay")});
        let both = message(&json!({"AWSTraceHeader": AMAZON}), &own);
        assert_eq!(both.work("process").trace.id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(both.sent_by(), Some("relay"));
    }

    #[test]
    fn a_message_of_an_older_release_is_of_the_trace_that_aws_tells() {
        let older = message(&json!({"AWSTraceHeader": AMAZON}), &json!({}));
        assert_eq!(older.work("process").trace.id.to_string(), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(older.sent_by(), None);
    }

    #[test]
    fn an_attribute_that_is_none_fails_nothing_and_the_work_is_of_the_invocation() {
        let invoked = Work::invoked("process", "invocation", None);
        for own in [
            json!(null),
            json!("text"),
            json!({"traceparent": 7, "sent_by": {"stringValue": "a b"}}),
            json!({"traceparent": {"stringValue": "00-0-0-00"}, "sent_by": {"stringValue": ""}}),
        ] {
            let message = message(&json!({"AWSTraceHeader": "Root=?"}), &own);
            let work = invoked.clone().enter(|| message.work("process"));
            assert_eq!(work.trace.id, invoked.trace.id, "{own}");
            assert_eq!(work.trace.parent, Some(invoked.trace.span), "{own}");
            assert_eq!(message.sent_by(), None, "{own}");
        }
    }
}
