//! The contract of leads.

use penstock_domain::text::{LONGEST_ID, LONGEST_LEAD_FIELD};
use penstock_edge::contract::{Contract, Operation};
use serde_json::{Value, json};

use super::ASKED;
use crate::leads::{self, LeadDetail, LeadsReply};

fn lead() -> Value {
    json!({
        "id": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "state": "accepted", "conflictsWith": null, "receivedAt": "2026-06-01T12:00:00Z",
        "status": "contacted", "assignedTo": "ada@sales.example", "firstName": "Ada", "lastName": "Lovelace", "name": "Ada Lovelace",
        "email": "ada@example.com", "phone": "+49 30 901820", "company": null, "country": "DE", "language": "de",
        "ip": "192.0.2.1", "domain": "example.com", "offer": "spring", "sourceType": "google", "marker": null, "creative": null,
        "clickId": "Cj0K", "description": "Call after six.", "sender": "contact-form", "contentType": "application/json",
    })
}

/// `GET /leads`
pub(super) fn list(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<LeadsReply>();
    let text = |least: usize, most: usize| json!({ "type": "string", "minLength": least, "maxLength": most, "pattern": "^[^\\u0000]*$" });
    let named = |example: &str| json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[^\\u0000]*$", "examples": [example] });
    let time =
        json!({ "type": "string", "format": "lead-time", "examples": ["2026-06-01T12:00:00Z"] });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": leads::MOST, "default": leads::DEFAULT_LIMIT });
    let phone =
        json!({ "type": "string", "pattern": "^[+]?[0-9]{3,20}$", "examples": ["+4930901820"] });
    let words = json!({ "type": "string", "pattern": "^[A-Za-z0-9]([ -~]{0,198}[A-Za-z0-9])?$", "maxLength": leads::LONGEST_SEARCH, "examples": ["ada lovel"] });
    let state = json!({ "type": "string", "enum": leads::STATES, "default": "accepted" });
    let page = json!({ "leads": [lead()], "count": 1, "nextCursor": null });
    let table = json!({ "schema": { "type": "string" }, "example": "id,receivedAt,state,…" });
    let about = "A page begins after the last lead of the page before, whatever has come meanwhile. It may be shorter than `limit`, \
        because it has at most 4 MiB. With `Accept: text/csv` it is a table (RFC 4180, UTF-8, a line of names), whose next page begins \
        at the header `x-next-cursor`. A value that a spreadsheet would take for a formula begins with an apostrophe there. Leads are \
        here once they are processed, a moment after they were taken.";
    route
        .titled("Leads", "Leads, newest first")
        .about(about)
        .query("status", "Only leads with this status; empty: those without.", text(0, LONGEST_LEAD_FIELD))
        .query("assignedTo", "Only leads that are assigned so; empty: those that are not.", text(0, LONGEST_LEAD_FIELD))
        .query("state", "Only accepted leads, those that need a decision, or `any`.", state)
        .query("sender", "Only leads that the API key of this name sent.", text(1, LONGEST_ID))
        .query("email", "Only leads with this address, in any case.", named("ada@example.com"))
        .query("phone", "Only leads with this number, however it is grouped.", phone)
        .query("country", "Only leads with this country, in any case.", named("DE"))
        .query("q", "Only leads that have words in name, e-mail address, phone or description which begin so.", words)
        .query("from", "None that came before; a date is its midnight in UTC.", time.clone())
        .query("to", "None that came then or later; a date is its midnight in UTC.", time)
        .query("limit", "How many at most.", limit)
        .query("cursor", "The `nextCursor` of the page before.", json!({ "type": "string", "format": "run-cursor" }))
        .reply(200, "A page.", &schema, &page)
        .or_as(200, "text/csv", &table)
        .reply_header(200, "x-next-cursor", "NextCursor")
        .link(200, "nextPage", "listLeads", "cursor", "$response.body#/nextCursor")
        .link(200, "newestLead", "getLead", "id", "$response.body#/leads/0/id")
        .problems(&ASKED)
}

/// `GET /leads/{id}`
pub(super) fn one(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<LeadDetail>();
    let mut example = lead();
    example["contentEncoding"] = json!(null);
    example["query"] = json!(null);
    example["bodyForm"] = json!("json");
    example["body"] = json!({ "first_name": "Ada", "email": "ada@example.com" });
    example["history"] = json!([
        { "field": "status", "from": null, "to": "contacted", "by": "crm", "at": "2026-06-01T13:00:00Z" },
    ]);
    route
        .titled("Leads", "One lead, with its body and its history")
        .about("Its `ETag` is for `If-Match` of `PATCH`.")
        .path("id", "Its id.", json!({ "type": "string", "format": "uuid" }))
        .reply(200, "The lead.", &schema, &example)
        .reply_header(200, "etag", "ETag")
        .problems(&ASKED)
        .problems(&[(404, "NotFound")])
}
