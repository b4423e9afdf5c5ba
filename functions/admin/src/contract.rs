//! The contract of `admin`, for docs/openapi.json.

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::source::SOURCES;
use penstock_edge::contract::{
    Contract, Descriptions, IDEMPOTENCY_KEY_PATTERN, Mismatch, Operation,
};
use penstock_edge::http::{self, RouteInfo};
use serde_json::json;

use crate::Ports;
use crate::trigger::TriggerReply;

/// The routes of this function.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    http::routes::<Ports<SystemClock, Queue>>()
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    to.describe(routes(), DESCRIPTIONS)
}

/// The routes of this function, by their names.
const DESCRIPTIONS: Descriptions<'_> = &[("triggerRun", trigger)];

fn trigger(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<TriggerReply<'_>>();
    let example = json!({
        "runId": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "source": "stripe", "mode": "incremental", "status": "accepted",
    });
    let sources: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
    let source = json!({ "type": "string", "examples": sources });
    let mode = json!({ "type": "string", "enum": ["incremental", "full"] });
    let key = json!({ "type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN });
    route
        .titled("Runs", "Ask for a run")
        .about(
            "202 means that the run is written down: it is done even if every queue loses its message, and `GET /runs/{runId}` \
             finds it from now on. A full run of a source is made of one run an entity, which it names. Full runs are at \
             least an hour apart, unless the deployment says otherwise; the 429 names the one before in `runId`.",
        )
        .header("Idempotency-Key", "Names the request: 1 to 255 printable ASCII characters, bare or in double quotes. Kept for 24 hours.", key)
        .path("source", "The name of a connection. The first of a source is called like it.", source)
        .path("mode", "`incremental` pulls changes, `full` pulls everything.", mode)
        .reply(202, "Accepted.", &schema, &example)
        .reply_header(202, "idempotency-replayed", "IdempotencyReplayed")
        .link(202, "run", "getRun", "runId", "$response.body#/runId")
        .problems(&[
            (404, "NotFound"),
            (409, "NotActive"),
            (413, "TooLarge"),
            (422, "KeyReused"),
            (503, "Unavailable"),
        ])
}
