//! What `webhook` takes and answers, for docs/openapi.json: a route for each source that pushes.

use penstock_domain::source::{SOURCES, Source, Webhook, WebhookContract};
use penstock_edge::contract::{Contract, Operation};
use serde_json::{Value, json};

use crate::Received;

/// Adds the routes of this function.
pub fn describe(to: &mut Contract) {
    let schema = to.schema::<Received>();
    for source in SOURCES {
        if let Some((webhook, contract)) = source.webhook().zip(source.webhook_contract()) {
            to.add(operation(*source, webhook, &contract, &schema));
        }
    }
}

fn operation(
    source: &dyn Source,
    webhook: Webhook,
    contract: &WebhookContract,
    schema: &Value,
) -> Operation {
    let WebhookContract { operation_id, summary, about, headers, body } = contract;
    let path = format!("/webhooks/{}", source.name());
    let mut operation = Operation::post(path, operation_id, "Webhooks", summary).about(about);
    for header in headers {
        operation = operation.header(header.name, header.about, header.schema.clone());
    }
    if let Some((about, example)) = body {
        operation = operation.body(about, &[("application/json", json!({}), example.clone())]);
    }
    let reply = |outcome: &str| json!({ "received": true, "outcome": outcome });
    match webhook {
        Webhook::Signed(_) => operation
            .reply(200, "Committed.", schema, &reply("stored"))
            .reply(202, "Kept on a queue; the database is away.", schema, &reply("spilled"))
            .problems(&[
                (400, "BadSignature"),
                (404, "NotFound"),
                (413, "TooLarge"),
                (503, "Unavailable"),
            ]),
        Webhook::Notified(_) => operation
            .reply(200, "A run is owed, or waits for a person.", schema, &reply("asked"))
            .problems(&[(400, "BadChannel"), (404, "NotFound"), (503, "Unavailable")]),
    }
}
