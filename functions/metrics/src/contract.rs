//! The contract of `metrics`, for docs/openapi.json.

mod examples;
mod leads;

use penstock_clients::clock::SystemClock;
use penstock_domain::revenue::DateRange;
use penstock_domain::text::LONGEST_ID;
use penstock_edge::contract::{Contract, Descriptions, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::{Value, json};

use crate::Ports;
use crate::asked;
use crate::health::{Alive, Ready};
use crate::journey::{self, JourneyReply};
use crate::older_health::OlderHealth;
use crate::revenue::RevenueReply;
use crate::runs::{self, RunReply, RunsReply};
use crate::stats::StatsReply;
use crate::statuses::UnmappedReply;
use crate::unreadable::{self, UnreadableReply};

/// The routes of this function.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    http::routes::<Ports<SystemClock>>()
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    to.describe(routes(), DESCRIPTIONS)
}

/// The routes of this function, by their names.
#[rustfmt::skip]
const DESCRIPTIONS: Descriptions<'_> = &[
    ("getRevenueSummary", |route, to| revenue(route, to, "Revenue of a range of dates", None)),
    ("getRevenueByDay", |route, to| revenue(route, to, "Revenue by day", Some("date"))),
    ("getRevenueByWeek", |route, to| revenue(route, to, "Revenue by week", Some("weekStartDate"))),
    ("listUnmappedStatuses", statuses),
    ("listUnreadableObjects", unreadable),
    ("listRuns", list_runs),
    ("getRun", one_run),
    ("getJourney", journey),
    ("listLeads", leads::list),
    ("getLead", leads::one),
    ("getStats", stats),
    ("getHealthz", alive),
    ("getHealth", older_health),
    ("getReadiness", ready),
    ("getOpenapi", openapi),
    ("getApiDocsJson", openapi),
];

/// The database may be away from any question.
const ASKED: [(u16, &str); 1] = [(503, "Unavailable")];

const ONE_SOURCE: &str = "Only what came from this vendor, by all of its connections.";
const ONE_CONNECTION: &str =
    "Only what came by this connection. Beside the `source` of another vendor it is nothing.";

fn source() -> Value {
    json!({ "type": "string", "pattern": asked::SOURCE, "examples": ["stripe"] })
}

fn connection() -> Value {
    json!({ "type": "string", "pattern": asked::CONNECTION, "examples": ["stripe-eu"] })
}

/// `row` is the name of the date of a row; `None` if the reply has no rows.
fn revenue(route: Operation, to: &mut Contract, summary: &str, row: Option<&str>) -> Operation {
    let about = format!(
        "Without `endDate` the range ends today, without `startDate` it has 30 days; it has at most {} days. Amounts are \
         whole minor units of their currency (ISO 4217), as strings of any length; currencies are never added together. \
         The top-level amounts are those of `currency`, and `byCurrency` lists all. Refunds and lost disputes count on \
         their own dates. Summary, the sum of days and the sum of weeks are equal.",
        DateRange::MAX_DAYS
    );
    let date = |example: &str| json!({ "type": "string", "format": "date", "examples": [example] });
    let currency = json!({ "type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["EUR"] });
    let zone = json!({ "type": "string", "format": "iana-time-zone", "default": "UTC", "examples": ["Europe/Berlin"] });
    let first = "The first day, in `timezone`. Not later than `endDate`.";
    let last = "The last day, in `timezone`; it is part of the range.";
    let top = "ISO 4217 code of the top-level amounts. Default: the one configured.";
    let schema = to.schema::<RevenueReply>();
    route
        .titled("Revenue", summary)
        .about(&about)
        .query("startDate", first, date("2026-05-01"))
        .query("endDate", last, date("2026-05-31"))
        .query("source", ONE_SOURCE, source())
        .query("connection", ONE_CONNECTION, connection())
        .query("currency", top, currency)
        .query("timezone", "IANA name of the zone whose days these are.", zone)
        .reply(200, "The revenue.", &schema, &examples::revenue(row))
        .problems(&ASKED)
}

fn statuses(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<UnmappedReply>();
    route
        .titled("Revenue", "Raw statuses that no map knows")
        .about("Payments with such a status count as nothing until a map knows it.")
        .query("source", ONE_SOURCE, source())
        .query("connection", ONE_CONNECTION, connection())
        .reply(200, "The statuses.", &schema, &examples::statuses())
        .problems(&ASKED)
}

fn unreadable(route: Operation, to: &mut Contract) -> Operation {
    let about = format!(
        "The newest version of these objects is a dead letter, so that nothing is known of them: they count as nothing \
         until a newer version can be read, or their row is mended and replayed. The latest {} are listed.",
        unreadable::MOST
    );
    let schema = to.schema::<UnreadableReply>();
    route
        .titled("Revenue", "Objects whose newest version cannot be read")
        .about(&about)
        .query("source", ONE_SOURCE, source())
        .query("connection", ONE_CONNECTION, connection())
        .reply(200, "The objects, the latest first.", &schema, &examples::unreadable())
        .problems(&ASKED)
}

fn list_runs(route: Operation, to: &mut Contract) -> Operation {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": runs::MOST, "default": runs::DEFAULT_LIMIT });
    let cursor = json!({ "type": "string", "format": "run-cursor" });
    let source = json!({ "type": "string", "pattern": "^[^\\u0000]*$", "examples": ["stripe"] });
    let status = json!({ "type": "string", "enum": runs::STATUSES });
    let schema = to.schema::<RunsReply>();
    route
        .titled("Runs", "Runs of the pulls, newest first")
        .about("A page begins after the last run of the page before, whatever was added meanwhile.")
        .query("limit", "How many at most.", limit)
        .query("cursor", "The `nextCursor` of the page before.", cursor)
        .query("source", ONE_SOURCE, source)
        .query("connection", ONE_CONNECTION, connection())
        .query("status", "Only runs with this status.", status)
        .reply(200, "A page.", &schema, &examples::runs())
        .link(200, "newestRun", "getRun", "runId", "$response.body#/runs/0/runId")
        .link(200, "nextPage", "listRuns", "cursor", "$response.body#/nextCursor")
        .problems(&ASKED)
}

fn one_run(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<RunReply>();
    route
        .titled("Runs", "One run")
        .path("runId", "Its id.", json!({ "type": "string", "format": "uuid" }))
        .reply(200, "The run, as it stands.", &schema, &examples::run())
        .problems(&ASKED)
        .problems(&[(404, "NotFound")])
}

fn journey(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<JourneyReply>();
    let user = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[^\\u0000]+$" });
    let time =
        json!({ "type": "string", "format": "date-time", "examples": ["2026-06-01T12:00:00Z"] });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": journey::MOST, "default": journey::DEFAULT_LIMIT });
    let cursor = json!({ "type": "string", "format": "journey-cursor" });
    route
        .titled("Events", "A user's events, newest first")
        .about(
            "Events are here once they are processed, a moment after they were taken. Their time is their sender's \
             word: what cannot be right has a `clockSkew`. A page has at most 4 MiB, so it may be shorter than `limit`. \
             A user of whom nothing is known has no events.",
        )
        .path("userId", "Whose.", user)
        .query("from", "None that happened before; a date is its midnight in UTC. Default: ten years ago.", time.clone())
        .query("to", "None that happened then or later; a date is its midnight in UTC. Default: in a day.", time)
        .query("limit", "How many at most.", limit)
        .query("cursor", "The `nextCursor` of the page before; it holds that page's bounds.", cursor)
        .reply(200, "A page.", &schema, &examples::journey())
        .link(200, "nextPage", "getJourney", "cursor", "$response.body#/nextCursor")
        .problems(&ASKED)
}

fn stats(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<StatsReply>();
    route
        .titled("Operations", "Waiting rows, and how fast they are processed")
        .about(
            "At most 10,000 rows that wait are counted, of all connections together. Rates are of the last 60 and 300 \
             seconds.",
        )
        .query("source", ONE_SOURCE, source())
        .query("connection", ONE_CONNECTION, connection())
        .reply(200, "The figures.", &schema, &examples::stats())
        .problems(&ASKED)
}

fn alive(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<Alive>();
    route
        .titled("Operations", "Whether the process answers")
        .about("It asks nobody else, the database neither.")
        .reply(200, "It does.", &schema, &examples::alive())
}

fn older_health(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<OlderHealth>();
    route
        .titled("Operations", "Whether the process answers, for older monitors")
        .about("`/healthz` asks nobody else. This counts what waits, and is 200 without the database too.")
        .reply(200, "It does.", &schema, &examples::older_health())
}

fn ready(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<Ready>();
    let away = "The database cannot be reached. Not a problem by RFC 9457, but this.";
    route
        .titled("Operations", "Whether the database answers")
        .about(
            "A connection that is late, or whose vendor refuses a pull or does not answer, makes it `degraded`, never \
             503. So do queues that take no messages. A connection that a person has paused does not.",
        )
        .reply(200, "It does.", &schema, &examples::ready())
        .reply(503, away, &schema, &examples::unready())
        .reply_header(503, "retry-after", "RetryAfter")
}

fn openapi(route: Operation, _: &mut Contract) -> Operation {
    let any = json!({ "schema": { "type": "object", "required": ["openapi", "paths"], "additionalProperties": true } });
    document(route.titled("Contract", "This contract, OpenAPI 3.1"), "application/json", &any)
}

fn document(route: Operation, media_type: &str, content: &Value) -> Operation {
    route
        .conditional()
        .reply_as(200, "The document.", media_type, content)
        .reply_header(200, "etag", "ETag")
        .reply_empty(304, "It is still the one with the ETag in `If-None-Match`.")
        .reply_header(304, "etag", "ETag")
}
