//! Metrics, the lines that alarms count, and traces, as the functions really write them.

mod archive;
mod filters;
mod load;
mod metrics;
mod traces;
mod transactions;

use penstock_testkit::SentMessage;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

/// Returns all lines that a function has printed. It is killed for that, so that none is missing.
async fn printed(function: Victim) -> String {
    function.host.kill().await;
    function.host.output()
}

/// Returns the lines of an event.
fn lines(output: &str, event: &str) -> Vec<Value> {
    let read = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    read.filter(|line| line["event"] == event).collect()
}

/// Returns messages as an event source mapping hands them over, with what their sender has said.
fn handed_over(messages: &[SentMessage]) -> Value {
    let record = |(at, message): (usize, &SentMessage)| {
        let text = |text: &str| json!({"stringValue": text, "dataType": "String"});
        let attributes = message.by.as_ref().map_or_else(
            || json!({}),
            |by| json!({"traceparent": text(&by.trace.traceparent()), "sent_by": text(by.function)}),
        );
        json!({
            "messageId": format!("m{at}"), "body": message.body,
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": attributes,
        })
    };
    json!({ "Records": messages.iter().enumerate().map(record).collect::<Vec<_>>() })
}
