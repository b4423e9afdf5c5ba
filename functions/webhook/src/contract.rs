//! The contract of `webhook`, for docs/openapi.json: a route for each source that pushes.

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::source::{SOURCES, Webhook, WebhookContract};
use penstock_edge::contract::{Contract, Describe, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::json;

use crate::Ports;
use crate::Received;

/// The routes of this function: one for each source that pushes, under the source's own name.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    let sources = SOURCES.iter().filter_map(|source| Some((source, source.webhook_contract()?)));
    sources.flat_map(|(source, contract)| {
        let name = contract.operation_id;
        http::routes::<Ports<SystemClock, Queue>>().map(move |route| {
            let path = route.path.replace("{source}", source.name()).into();
            RouteInfo { name, path, ..route }
        })
    })
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    let contracts = SOURCES.iter().filter_map(|source| source.webhook_contract());
    let described = contracts.map(|contract| (contract.operation_id, operation as Describe));
    to.describe(routes(), &described.collect::<Vec<_>>())
}

/// Describes the route of the source that has the operation's name.
fn operation(route: Operation, to: &mut Contract) -> Operation {
    let found = SOURCES.iter().find_map(|source| {
        let contract = source.webhook_contract()?;
        (contract.operation_id == route.route.name).then_some((source.webhook()?, contract))
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
