//! Examples of replies.

use serde_json::{Value, json};

/// May 2026 of the README's example; `None`, or by what name a row has its date.
pub(super) fn revenue(row: Option<&str>) -> Value {
    let amounts = json!({
        "totalRevenueCents": "8000", "refundedCents": "2000", "disputedCents": "0", "netRevenueCents": "6000", "count": 1,
    });
    let mut reply = amounts.clone();
    reply["currency"] = json!("EUR");
    reply["startDate"] = json!("2026-05-01");
    reply["endDate"] = json!("2026-05-03");
    reply["source"] = json!(null);
    reply["connection"] = json!(null);
    reply["timezone"] = json!("Europe/Berlin");
    reply["byCurrency"] = json!({ "EUR": amounts });
    let line = |name: &str, date: &str, [amount, refunded, net]: [&str; 3], count: u8| {
        json!({
            name: date, "amountCents": amount, "refundedCents": refunded, "disputedCents": "0", "netCents": net, "count": count,
        })
    };
    if let Some(name) = row {
        reply["breakdown"] = if name == "date" {
            json!([
                line(name, "2026-05-01", ["8000", "0", "8000"], 1),
                line(name, "2026-05-02", ["0", "0", "0"], 0),
                line(name, "2026-05-03", ["0", "2000", "-2000"], 0),
            ])
        } else {
            json!([line(name, "2026-04-27", ["8000", "2000", "6000"], 1)])
        };
    }
    reply
}

pub(super) fn statuses() -> Value {
    let status = json!({
        "source": "stripe", "connection": "stripe-eu", "kind": "charge", "rawStatus": "requires_magic", "count": 3, "lastSeen": "2026-05-03T09:00:00Z",
    });
    json!({ "statuses": [status] })
}

pub(super) fn unreadable() -> Value {
    let object = json!({
        "source": "hubspot", "connection": "hubspot", "entity": "deal", "externalId": "48213", "outboxId": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d12",
        "deadLetterId": "019a0c9e-6a11-7c01-9a2b-5d0f6b7c8e90", "errorClass": "permanent", "errorKind": "invalid",
        "errorField": "/properties/amount",
        "error": "deal 48213: amount: the decimal \"n/a\" EUR: it is no decimal number", "since": "2026-05-03T09:00:00Z",
    });
    json!({ "objects": [object], "hasMore": false })
}

pub(super) fn run() -> Value {
    json!({
        "runId": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "source": "stripe", "connection": "stripe", "entity": "event",
        "mode": "incremental",
        "status": "succeeded", "startedAt": "2026-05-03T09:00:00Z", "updatedAt": "2026-05-03T09:00:02Z",
        "finishedAt": "2026-05-03T09:00:02Z", "pages": 2, "rowsSeen": 140, "rowsNew": 12, "processed": 12, "dead": 0,
        "errors": 0, "lastError": null, "errorClass": null, "unmapped": [], "cursorBefore": "2026-05-03T08:45:00Z",
        "cursorAfter": "2026-05-03T09:00:00Z",
    })
}

pub(super) fn runs() -> Value {
    json!({ "runs": [run()], "nextCursor": null })
}

pub(super) fn journey() -> Value {
    let event = json!({
        "eventId": "order-7-paid", "userId": "u-1", "sender": "shop", "type": "order.paid", "sessionId": "s-1", "occurredAt": "2026-06-01T12:00:00Z",
        "receivedAt": "2026-06-01T12:00:01Z", "payload": { "order": 7 },
    });
    json!({
        "userId": "u-1", "count": 1, "events": [event], "from": "2016-06-02T12:00:00Z", "to": "2026-06-02T12:00:00Z", "nextCursor": null,
    })
}

pub(super) fn stats() -> Value {
    json!({
        "pending": [{ "source": "events", "connection": "events", "count": 4, "oldestAgeS": 2 }],
        "rates": [
            { "source": "events", "connection": "events", "windowS": 60, "received": 240, "processed": 236, "dead": 0 },
        ],
        "notOurs": [{ "source": "stripe", "connection": "stripe-eu", "reason": "test_mode", "count": 3, "newestAt": "2026-06-01T11:58:00Z" }],
        "oldestPendingAgeS": 2, "paused": [], "circuits": [outage()], "asOf": "2026-06-01T12:00:00Z",
    })
}

fn outage() -> Value {
    json!({
        "source": "hubspot", "connection": "hubspot", "state": "open", "failures": 4, "since": "2026-06-01T11:58:00Z",
        "nextTryAt": "2026-06-01T12:00:40Z", "error": "hubspot failed 1 times, last with: status 502",
    })
}

pub(super) fn alive() -> Value {
    json!({ "status": "ok", "uptimeS": 42, "timestamp": "2026-06-01T12:00:00Z" })
}

pub(super) fn older_health() -> Value {
    json!({
        "ok": true, "status": "ok", "timestamp": "2026-06-01T12:00:00Z", "uptime": 42.5, "uptimeS": 42,
        "memory": { "rss": 18_874_368 }, "database": "connected", "bufferSize": 4,
    })
}

pub(super) fn ready() -> Value {
    let stripe = json!({
        "ok": true, "source": "stripe", "state": "active", "lastSync": "2026-06-01T11:45:02Z", "lagS": 898,
    });
    let calendar = json!({
        "ok": true, "source": "gcal", "state": "paused", "lastSync": "2026-05-20T08:00:03Z", "lagS": 1_051_197,
    });
    let checks = json!({ "db": { "ok": true, "latencyMs": 2 }, "sqs": { "ok": true }, "stripe": stripe, "team-calendar": calendar });
    let stalest =
        json!({ "source": "stripe", "connection": "stripe", "entity": "event", "lagS": 898 });
    json!({ "status": "ok", "syncStatus": "ok", "checks": checks, "stalest": stalest, "uptimeS": 42 })
}

pub(super) fn unready() -> Value {
    let checks = json!({ "db": { "ok": false, "latencyMs": null } });
    json!({ "status": "unavailable", "syncStatus": "unknown", "checks": checks, "stalest": null, "uptimeS": 42 })
}
