//! The routes of failures in the contract.

use penstock_edge::contract::{Contract, Operation};
use serde_json::{Value, json};

use crate::events::{
    CausesReply, DEFAULT_LIMIT, EventReply, FailedReply, LONGEST, MOST, MOST_PAGES, error_kinds,
};
use crate::metrics::MetricsReply;

const AT: &str = "2026-06-01T12:00:00Z";
const ID: &str = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";

/// The parameter with the id of a row.
pub(super) fn id() -> Value {
    json!({ "type": "string", "format": "event-id", "examples": [ID] })
}

fn event() -> Value {
    json!({
        "id": ID, "state": "dead", "outboxId": ID, "messageId": null, "runId": null, "source": "stripe", "connection": "stripe",
        "entity": "charge", "externalId": "ch_1", "errorClass": "permanent", "errorKind": "malformed", "errorField": "/amount",
        "error": "amount: invalid type: string \"1.5\", expected u64 at line 1 column 31",
        "reason": "amount: invalid type: string \"…\", expected u64 at line <n> column <n>",
        "attempts": 0, "failedAt": AT, "replayedAt": null, "replayCount": 0,
    })
}

pub(super) fn list(route: Operation, to: &mut Contract) -> Operation {
    let pages = to.schema::<FailedReply>();
    let causes = to.schema::<CausesReply>();
    let schema = json!({ "anyOf": [pages, causes] });
    let text = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST });
    let time = json!({ "type": "string", "format": "date-time" });
    let limit =
        json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT });
    let page = json!({ "type": "integer", "minimum": 1, "maximum": MOST_PAGES });
    let cursor = json!({ "type": "string", "format": "run-cursor" });
    let kinds = json!({ "type": "string", "enum": error_kinds() });
    let group = json!({ "type": "string", "enum": ["reason"] });
    route
        .titled("Failures", "What has failed")
        .about(
            "Dead rows, rows that are tried in vain, and messages that never became rows, of all sources in one list, the newest \
             failure first. With `group=reason` they are counted by their causes instead: the error without its quoted texts, \
             ids, addresses and numbers. Pages by `cursor` neither skip nor repeat; those by `page` do where rows come or go \
             meanwhile.",
        )
        .query("source", "The vendor.", text.clone())
        .query("connection", "The name of a connection.", text.clone())
        .query("entity", "The kind of object in the vendor's word.", text.clone())
        .query("errorKind", "The kind of the reason.", kinds)
        .query("reason", "A text that the reason has in it, in capital or small letters.", text.clone())
        .query("externalId", "The vendor's id of the object.", text)
        .query("from", "Failed at this time or later.", time.clone())
        .query("to", "Failed before this time.", time)
        .query("group", "Counts by cause, in one page.", group)
        .query("limit", "The most that is listed.", limit)
        .query("cursor", "The `nextCursor` of the page before.", cursor)
        .query("page", "The number of the page, where there is no cursor.", page)
        .reply(200, "The failures, or their causes.", &schema, &json!({ "events": [event()], "nextCursor": null }))
        .problems(&[(503, "Unavailable")])
}

pub(super) fn one(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<EventReply>();
    let attempt = json!({
        "failedAt": AT, "died": true, "errorClass": "permanent", "errorKind": "malformed", "errorField": "/amount",
        "error": "amount: invalid type: string \"1.5\", expected u64 at line 1 column 31",
    });
    let example = json!({
        "outboxId": ID, "deadLetterId": ID, "messageId": null, "status": "dead", "source": "stripe", "connection": "stripe",
        "entity": "charge", "externalId": "ch_1", "versionKey": "evt_1", "versionAt": AT, "apiVersion": null,
        "payload": { "bytes": 31, "json": { "id": "ch_1", "amount": "1.5" }, "redacted": false },
        "contentType": "application/json", "contentEncoding": null, "sender": null, "hasQuery": false, "runId": null,
        "receivedAt": AT, "processedAt": null, "nextAttemptAt": AT, "attempts": 0, "crashes": 0,
        "errorClass": "permanent", "errorKind": "malformed", "errorField": "/amount",
        "error": "amount: invalid type: string \"1.5\", expected u64 at line 1 column 31", "diedAt": AT, "replayedAt": null,
        "replayCount": 0, "failedAttempts": [attempt],
    });
    route
        .titled("Failures", "One event")
        .about(
            "Any row of the outbox by its id, or by that of its dead letter, and messages that never became rows. The payload is \
             JSON, text or base64, as it came. Places that `RedactedPointers` names are not shown. Each reading is logged with \
             the name of the key.",
        )
        .path("id", "The id of the row, or of its dead letter.", id())
        .reply(200, "The event.", &schema, &example)
        .problems(&[(404, "NotFound"), (503, "Unavailable")])
}

pub(super) fn metrics(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<MetricsReply>();
    let rows = json!({
        "source": "stripe", "connection": "stripe", "entity": "charge", "status": "processed", "count": 1_200, "averageMs": 850, "p95Ms": 2_100,
    });
    let failures =
        json!({ "source": "stripe", "connection": "stripe", "entity": "charge", "count": 3 });
    let transactions = json!({ "status": "needs_review", "count": 2, "capped": false });
    let queue = json!({ "queue": "tickets", "waiting": 4, "inFlight": 1 });
    let example = json!({
        "since": AT, "rows": [rows], "rowsCapped": false, "averageMs": 850, "p95Ms": 2_100, "pending": 4, "pendingCapped": false,
        "oldestPendingAgeS": 2, "failures": [failures], "failuresCapped": false,
        "transactions": [transactions], "queues": [queue], "asOf": AT,
    });
    route
        .titled("Failures", "How the work goes")
        .about(
            "Rows by kind and status and their processing time, of the last 24 hours and of the 20,000 newest rows at most; what \
             waits, what has failed, transactions by state, and the depths of the queues. Nothing large is counted to its end: a count that is capped \
             says so. `queues` is null if SQS does not answer.",
        )
        .reply(200, "How the work goes.", &schema, &example)
        .problems(&[(503, "Unavailable")])
}
