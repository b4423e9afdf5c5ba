//! The contract of `webhook`, for docs/openapi.json: a route for each source that pushes.

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::source::{SOURCES, Webhook, WebhookContract};
use penstock_edge::contract::{Contract, Describe, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::json;

use crate::Ports;
use crate::Received;

/// The ending of the names of operations of connections that are made.
const OF_CONNECTION: &str = "OfConnection";

/// The routes of this function: two for each source that pushes, under the source's own name. One
/// is its first connection's, the other is for all that are made.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    let sources = SOURCES.iter().filter_map(|source| Some((source, source.webhook_contract()?)));
    sources.flat_map(|(source, contract)| {
        http::routes::<Ports<SystemClock, Queue>>().map(move |route| {
            let path = route.path.replace("{source}", source.name());
            let name = name_of(contract.operation_id, path.contains("{connection}"));
            RouteInfo { name, path: path.into(), ..route }
        })
    })
}

/// The name of an operation. It lives as long as the process, which only writes the contract.
fn name_of(operation_id: &'static str, is_of_connection: bool) -> &'static str {
    match is_of_connection {
        true => format!("{operation_id}{OF_CONNECTION}").leak(),
        false => operation_id,
    }
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    let contracts = SOURCES.iter().filter_map(|source| source.webhook_contract());
    let described = contracts.flat_map(|contract| {
        [false, true].map(|of| (name_of(contract.operation_id, of), operation as Describe))
    });
    to.describe(routes(), &described.collect::<Vec<_>>())
}

/// Describes the route of the source that has the operation's name.
fn operation(route: Operation, to: &mut Contract) -> Operation {
    let id = route.route.name.trim_end_matches(OF_CONNECTION);
    let found = SOURCES.iter().find_map(|source| {
        let contract = source.webhook_contract()?;
        (contract.operation_id == id).then_some((source.webhook()?, contract))
    });
    match found {
        Some((webhook, contract)) => of_source(route, webhook, &contract, to),
        None => route,
    }
}

fn of_source(
    route: Operation,
    webhook: Webhook,
    contract: &WebhookContract,
    to: &mut Contract,
) -> Operation {
    let schema = &to.schema::<Received>();
    let WebhookContract { summary, about, headers, body, .. } = contract;
    let mut operation = route.titled("Webhooks", summary).about(about);
    for header in headers {
        operation = operation.header(header.name, header.about, header.schema.clone());
    }
    if let Some((about, example)) = body {
        operation = operation.body(about, &[("application/json", json!({}), example.clone())]);
    }
    if operation.route.path.contains("{connection}") {
        let name = json!({ "type": "string", "pattern": "^[a-z][A-Za-z0-9_.-]{0,99}$", "examples": ["stripe-eu"] });
        operation = operation.path("connection", "The name of a connection of this source.", name);
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
            .reply(200, "A run is requested, or the pull is paused.", schema, &reply("asked"))
            .problems(&[(400, "BadChannel"), (404, "NotFound"), (503, "Unavailable")]),
    }
}
