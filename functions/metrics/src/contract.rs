//! What `metrics` answers, for docs/openapi.json.

mod examples;

use penstock_domain::revenue::DateRange;
use penstock_domain::text::LONGEST_ID;
use penstock_edge::contract::{Contract, Key, Operation};
use serde_json::{Value, json};

use crate::health::{Alive, Ready};
use crate::journey::{self, JourneyReply};
use crate::revenue::RevenueReply;
use crate::runs::{self, RunReply, RunsReply};
use crate::stats::StatsReply;
use crate::statuses::UnmappedReply;

/// What every question to the database may end in.
const ASKED: [(u16, &str); 4] =
    [(400, "BadRequest"), (401, "Unauthorized"), (429, "TooManyRequests"), (503, "Unavailable")];

/// Adds the routes of this function.
pub fn describe(to: &mut Contract) {
    revenue(to);
    statuses(to);
    runs(to);
    journey(to);
    stats(to);
    health(to);
    documents(to);
}

fn revenue(to: &mut Contract) {
    let about = format!(
        "Without `endDate` the range ends today, without `startDate` it has 30 days; it has at most {} days. Amounts are \
         whole minor units of their currency (ISO 4217), as strings of any length; currencies are never added together. \
         The top-level amounts are those of `currency`, and `byCurrency` lists all. Refunds and lost disputes count on \
         their own dates. Summary, the sum of days and the sum of weeks are equal.",
        DateRange::MAX_DAYS
    );
    let schema = to.schema::<RevenueReply>();
    for (path, id, summary, example) in [
        (
            "/metrics/revenue/summary",
            "getRevenueSummary",
            "Revenue of a range of dates",
            examples::revenue(None),
        ),
        (
            "/metrics/revenue/daily",
            "getRevenueByDay",
            "Revenue by day",
            examples::revenue(Some("date")),
        ),
        (
            "/metrics/revenue/weekly",
            "getRevenueByWeek",
            "Revenue by week",
            examples::revenue(Some("weekStartDate")),
        ),
    ] {
        let date =
            |example: &str| json!({ "type": "string", "format": "date", "examples": [example] });
        let source =
            json!({ "type": "string", "pattern": "^[a-z0-9_-]{1,64}$", "examples": ["stripe"] });
        let currency = json!({ "type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["EUR"] });
        let zone = json!({ "type": "string", "format": "iana-time-zone", "default": "UTC", "examples": ["Europe/Berlin"] });
        let operation = Operation::get(path, id, "Revenue", summary)
            .about(&about)
            .opened_by(Key::Read)
            .query(
                "startDate",
                "The first day, in `timezone`. Not later than `endDate`.",
                date("2026-05-01"),
            )
            .query(
                "endDate",
                "The last day, in `timezone`; it is part of the range.",
                date("2026-05-31"),
            )
            .query("source", "Only what came from this source.", source)
            .query(
                "currency",
                "ISO 4217 code of the top-level amounts. Default: the one configured.",
                currency,
            )
            .query("timezone", "IANA name of the zone whose days these are.", zone)
            .reply(200, "The revenue.", &schema, &example)
            .problems(&ASKED);
        to.add(operation);
    }
}

fn statuses(to: &mut Contract) {
    let schema = to.schema::<UnmappedReply>();
    let summary = "Raw statuses that no map knows";
    let operation =
        Operation::get("/metrics/unmapped-statuses", "listUnmappedStatuses", "Revenue", summary)
            .about("Payments with such a status count as nothing until a map knows it.")
            .opened_by(Key::Read)
            .reply(200, "The statuses.", &schema, &examples::statuses())
            .problems(&ASKED);
    to.add(operation);
}

fn runs(to: &mut Contract) {
    let schema = to.schema::<RunsReply>();
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": runs::MOST, "default": runs::DEFAULT_LIMIT });
    let cursor = json!({ "type": "string", "format": "run-cursor" });
    let source = json!({ "type": "string", "pattern": "^[^\\u0000]*$", "examples": ["stripe"] });
    let operation = Operation::get("/runs", "listRuns", "Runs", "Runs of the pulls, newest first")
        .about("A page begins after the last run of the page before, whatever was added meanwhile.")
        .opened_by(Key::Read)
        .query("limit", "How many at most.", limit)
        .query("cursor", "The `nextCursor` of the page before.", cursor)
        .query("source", "Only runs of this source.", source)
        .query(
            "status",
            "Only runs with this status.",
            json!({ "type": "string", "enum": runs::STATUSES }),
        )
        .reply(200, "A page.", &schema, &examples::runs())
        .link(200, "newestRun", "getRun", "runId", "$response.body#/runs/0/runId")
        .link(200, "nextPage", "listRuns", "cursor", "$response.body#/nextCursor")
        .problems(&ASKED);
    to.add(operation);

    let schema = to.schema::<RunReply>();
    let operation = Operation::get("/runs/{runId}", "getRun", "Runs", "One run")
        .opened_by(Key::Read)
        .path("runId", "Its id.", json!({ "type": "string", "format": "uuid" }))
        .reply(200, "The run, as it stands.", &schema, &examples::run())
        .problems(&ASKED)
        .problems(&[(404, "NotFound")]);
    to.add(operation);
}

fn journey(to: &mut Contract) {
    let schema = to.schema::<JourneyReply>();
    let user = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[^\\u0000]+$" });
    let time =
        json!({ "type": "string", "format": "date-time", "examples": ["2026-06-01T12:00:00Z"] });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": journey::MOST, "default": journey::DEFAULT_LIMIT });
    let cursor = json!({ "type": "string", "format": "journey-cursor" });
    let operation = Operation::get("/users/{userId}/journey", "getJourney", "Events", "A user's events, newest first")
        .about(
            "Events are here once they are processed, a moment after they were taken. Their time is their sender's \
             word: what cannot be right has a `clockSkew`. A page has at most 4 MiB, so it may be shorter than `limit`. \
             A user of whom nothing is known has no events.",
        )
        .opened_by(Key::Read)
        .path("userId", "Whose.", user)
        .query("from", "None that happened before. Default: ten years ago.", time.clone())
        .query("to", "None that happened then or later. Default: in a day.", time)
        .query("limit", "How many at most.", limit)
        .query("cursor", "The `nextCursor` of the page before; it holds that page's bounds.", cursor)
        .reply(200, "A page.", &schema, &examples::journey())
        .link(200, "nextPage", "getJourney", "cursor", "$response.body#/nextCursor")
        .problems(&ASKED);
    to.add(operation);
}

fn stats(to: &mut Contract) {
    let schema = to.schema::<StatsReply>();
    let operation = Operation::get(
        "/stats",
        "getStats",
        "Operations",
        "What waits, and how fast it goes",
    )
    .about("At most 10,000 rows that wait are counted. Rates are of the last 60 and 300 seconds.")
    .opened_by(Key::Read)
    .reply(200, "The figures.", &schema, &examples::stats())
    .problems(&ASKED);
    to.add(operation);
}

fn health(to: &mut Contract) {
    let schema = to.schema::<Alive>();
    for (path, id) in [("/healthz", "getHealthz"), ("/health", "getHealth")] {
        let operation = Operation::get(path, id, "Operations", "Whether the process answers")
            .about("It asks nobody else, the database neither.")
            .reply(200, "It does.", &schema, &examples::alive())
            .problems(&[(400, "BadRequest")]);
        to.add(operation);
    }
    let schema = to.schema::<Ready>();
    let operation =
        Operation::get("/readyz", "getReadiness", "Operations", "Whether the database answers")
            .about("A source that is late makes it `degraded`, never 503.")
            .reply(200, "It does.", &schema, &examples::ready())
            .reply(
                503,
                "The database cannot be reached. Not a problem by RFC 9457, but this.",
                &schema,
                &examples::unready(),
            )
            .reply_header(503, "retry-after", "RetryAfter")
            .problems(&[(400, "BadRequest")]);
    to.add(operation);
}

fn documents(to: &mut Contract) {
    let any = json!({ "schema": { "type": "object", "required": ["openapi", "paths"] } });
    let page = json!({ "schema": { "type": "string" } });
    let both = |operation: Operation, media_type: &str, content: &Value| {
        operation
            .conditional()
            .reply_as(200, "The document.", media_type, content)
            .reply_header(200, "etag", "ETag")
            .reply_empty(304, "It is still the one with the ETag in `If-None-Match`.")
            .reply_header(304, "etag", "ETag")
            .problems(&[(400, "BadRequest")])
    };
    for (path, id) in [("/openapi.json", "getOpenapi"), ("/api-docs.json", "getApiDocsJson")] {
        let operation = Operation::get(path, id, "Contract", "This contract, OpenAPI 3.1");
        to.add(both(operation, "application/json", &any));
    }
    for (path, id) in [("/docs", "getDocs"), ("/api-docs", "getApiDocs")] {
        let operation =
            Operation::get(path, id, "Contract", "This contract as a page that needs no network");
        to.add(both(operation, "text/html", &page));
    }
}
