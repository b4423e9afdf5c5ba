//! The routes of jobs in the contract.

use penstock_edge::contract::{Contract, Operation};
use serde_json::{Value, json};

use super::events::id;
use crate::events::{Asked, LONGEST};
use crate::jobs::{
    DEFAULT_RATE, EraseFilter, JobReply, JobsReply, LONGEST_WHY, MOST_RATE, PlanReply, RemapFilter,
    states,
};

const AT: &str = "2026-06-01T12:00:00Z";
const ID: &str = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";

/// How a request that plans or starts a job may end, beside its success.
const PROBLEMS: [(u16, &str); 3] =
    [(409, "DryRunExpired"), (413, "TooLarge"), (503, "Unavailable")];

fn job(kind: &str, state: &str) -> Value {
    let report = json!({
        "waiting": 0, "underWay": 0, "processed": 23, "dead": 2, "skipped": 0,
        "reasons": [{ "outcome": "dead", "reason": "missing field `amount` at line <n> column <n>", "count": 2 }],
    });
    json!({
        "jobId": ID, "kind": kind, "state": state, "filter": { "source": "stripe" }, "rate": DEFAULT_RATE, "askedBy": "operator",
        "why": "the map of statuses is mended", "items": 25, "capped": false, "continueAt": null, "plannedAt": AT,
        "startedAt": AT, "endedAt": null, "report": report,
    })
}

fn plan() -> Value {
    let item = json!({
        "table": "outbox", "key": [ID], "connection": "stripe", "entity": "charge", "externalId": "ch_1", "errorKind": "malformed",
        "reason": "missing field `amount` at line <n> column <n>", "failedAt": AT,
    });
    json!({ "token": ID, "expiresAt": "2026-06-01T13:00:00Z", "searching": false, "items": 25, "capped": false, "continueAt": null, "first": [item] })
}

/// The fields of the body that every kind of job has.
fn common() -> Value {
    json!({
        "dryRun": { "type": ["boolean", "null"], "description": "True for a dry run, which chooses the items and changes nothing else." },
        "token": { "type": ["string", "null"], "format": "uuid", "description": "The token of a dry run: starts that job." },
        "rate": { "type": ["integer", "null"], "minimum": 1, "maximum": MOST_RATE, "default": DEFAULT_RATE, "description": "The items to begin in a second." },
        "why": { "type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_WHY, "description": "The reason, for whoever reads the job later. Required for the start." },
    })
}

fn body(to: &mut Contract, name: &str, filter: Option<Value>) -> Value {
    let mut properties = common();
    if let Some(filter) = filter {
        properties["filter"] = json!({ "anyOf": [filter, { "type": "null" }], "description": "What the dry run chooses from. Left out, all." });
    } else {
        for field in ["dryRun", "token"] {
            properties.as_object_mut().map(|fields| fields.remove(field));
        }
    }
    to.define(
        name,
        json!({ "type": "object", "additionalProperties": false, "properties": properties }),
    )
}

/// A dry run, and the start with its token.
fn planned(route: Operation, to: &mut Contract, body: Value, kind: &str) -> Operation {
    let (job_schema, plan_schema) = (to.schema::<JobReply>(), to.schema::<PlanReply>());
    let either = json!({ "anyOf": [plan_schema, job_schema] });
    let filter = match kind {
        "erase" => json!({ "email": "anna@example.com" }),
        _ => json!({ "source": "stripe" }),
    };
    let example = json!({ "dryRun": true, "filter": filter });
    route
        .body("A dry run, or a start.", &[("application/json", body, example)])
        .reply(200, "The dry run; or the job that is at work with this filter, or was started with this token.", &either, &plan())
        .reply(202, "Started.", &job_schema, &job(kind, "running"))
        .problems(&PROBLEMS)
}

pub(super) fn replay(route: Operation, to: &mut Contract) -> Operation {
    let filter = to.schema::<Asked>();
    let body = body(to, "ReplayRequest", Some(filter));
    let route = route.titled("Jobs", "Replay what has failed").about(&format!(
        "First a dry run: it chooses the items, and replies with their number, the first of them and a token. Then the token, \
         with a reason, starts the job. `relay` puts its rows back to work within a minute, at the rate that was asked for. \
         Rows that fail after the dry run are none of its items. Of two starts with the same filter the second gets the job of \
         the first. Texts of the filter have {LONGEST} bytes at most."
    ));
    planned(route, to, body, "replay")
}

pub(super) fn replay_one(route: Operation, to: &mut Contract) -> Operation {
    let body = body(to, "ReplayOneRequest", None);
    let schema = to.schema::<JobReply>();
    route
        .titled("Jobs", "Replay one event")
        .about("A job of one item, without a dry run. It may be repeated: each replay has a ticket of its own.")
        .path("id", "The id of the row, or of its dead letter.", id())
        .body("The reason; it may be left out.", &[("application/json", body, json!({ "why": "the normalizer is mended" }))])
        .reply(200, "The replay of this event that is at work.", &schema, &job("replay", "running"))
        .reply(202, "Started.", &schema, &job("replay", "running"))
        .problems(&[(404, "NotFound")])
        .problems(&PROBLEMS)
}

pub(super) fn remap(route: Operation, to: &mut Contract) -> Operation {
    let filter = to.schema::<RemapFilter>();
    let body = body(to, "RemapRequest", Some(filter));
    let route = route.titled("Jobs", "Read stored versions again").about(
        "After a change of a status map or of a normalizer. The version of each object that stands is read once more, as it was \
         stored; revenue follows. A version that cannot be read any more becomes a dead letter, and what stood stays. Planned, \
         started and watched as a replay.",
    );
    planned(route, to, body, "remap")
}

pub(super) fn erase(route: Operation, to: &mut Contract) -> Operation {
    let filter = to.schema::<EraseFilter>();
    let body = body(to, "EraseRequest", Some(filter));
    let route = route.titled("Jobs", "Erase a person").about(
        "Everything of one person: leads, events, contacts, what payments and calendars say of them, payloads as they came, dead \
         letters. Sums of money stay as they are. What names the person and comes again, by whatever way, is not kept. The dry run \
         searches all tables; if they are large, it is over when the job is `planned`. Started and watched as a replay. It ends \
         once a second search has found nothing that is left, and keeps counts and times, and no name.",
    );
    planned(route, to, body, "erase").problems(&[(409, "JobState")])
}

pub(super) fn list(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<JobsReply>();
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
    let cursor = json!({ "type": "string", "format": "run-cursor" });
    let line = json!({
        "jobId": ID, "kind": "replay", "state": "completed", "askedBy": "operator", "why": "the map is mended", "items": 25,
        "plannedAt": AT, "startedAt": AT, "endedAt": AT,
    });
    route
        .titled("Jobs", "All jobs")
        .about("The newest first. Jobs are kept for 30 days.")
        .query(
            "state",
            "The state that they are in.",
            json!({ "type": "string", "enum": states() }),
        )
        .query("limit", "The most that is listed.", limit)
        .query("cursor", "The `nextCursor` of the page before.", cursor)
        .reply(200, "The jobs.", &schema, &json!({ "jobs": [line], "nextCursor": null }))
        .problems(&[(503, "Unavailable")])
}

pub(super) fn one(route: Operation, to: &mut Contract) -> Operation {
    let about = "With a report of its items: processed, dead again by reason, skipped. It is exact at each moment.";
    told(route, to, "One job", about, "running", &[])
}

pub(super) fn pause(route: Operation, to: &mut Contract) -> Operation {
    let about = "Nothing is begun until it is resumed. What was begun goes on. The same request again changes nothing.";
    told(route, to, "Pause a job", about, "paused", &[(409, "JobState")])
}

pub(super) fn resume(route: Operation, to: &mut Contract) -> Operation {
    let about = "It goes on where it was. The same request again changes nothing.";
    told(route, to, "Resume a job", about, "running", &[(409, "JobState")])
}

pub(super) fn stop(route: Operation, to: &mut Contract) -> Operation {
    let about = "It ends. Items that were not begun stay as they are. The same request again changes nothing.";
    told(route, to, "Stop a job", about, "stopped", &[(409, "JobState")])
}

fn told(
    route: Operation,
    to: &mut Contract,
    summary: &str,
    about: &str,
    state: &str,
    problems: &[(u16, &str)],
) -> Operation {
    let schema = to.schema::<JobReply>();
    let route = route
        .titled("Jobs", summary)
        .about(about)
        .path(
            "id",
            "The job's id, which is the token of its dry run.",
            json!({ "type": "string", "format": "job-id", "examples": [ID] }),
        )
        .reply(200, "The job as it is now.", &schema, &job("replay", state))
        .problems(&[(404, "NotFound"), (503, "Unavailable")]);
    let is_post = !problems.is_empty();
    let route = route.problems(problems);
    if is_post { route.problems(&[(413, "TooLarge")]) } else { route }
}
