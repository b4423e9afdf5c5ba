//! The contract of `ingest`, for docs/openapi.json.

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::intake::MOST_EVENTS;
use penstock_domain::json::DEEPEST;
use penstock_domain::text::{LONGEST_API_KEY, LONGEST_ID, LONGEST_LEAD_FIELD};
use penstock_edge::contract::{Contract, Descriptions, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::{Value, json};

use crate::Ports;
use crate::lead_edits::EditedReply;
use crate::replies::{EventsReply, LeadReply};

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
const DESCRIPTIONS: Descriptions<'_> = &[
    ("createEvents", events),
    ("createLead", leads),
    ("createOlderLead", older_leads),
    ("createFormLead", form_leads),
    ("editLead", edit_lead),
];

/// How a request may end beside what the shell says of it.
const SENT: [(u16, &str); 3] = [(413, "TooLarge"), (422, "KeyReused"), (503, "Unavailable")];

fn events(route: Operation, to: &mut Contract) -> Operation {
    let event = event(to);
    let batch = json!({ "type": "array", "minItems": 1, "maxItems": MOST_EVENTS, "items": event });
    let reply = to.schema::<EventsReply>();
    let example = json!({
        "userId": "u-1", "sessionId": "s-1", "type": "order.paid", "payload": { "order": 7 },
        "occurredAt": "2026-06-01T12:00:00Z", "eventId": "order-7-paid",
    });
    let taken = json!({
        "success": true, "message": "1 taken", "count": 1, "eventIds": ["order-7-paid"], "eventId": "order-7-paid",
        "results": [{ "index": 0, "status": "accepted", "eventId": "order-7-paid" }],
    });
    let about = format!(
        "One event, or an array of up to {MOST_EVENTS}. In an array a bad event does not sink the others: the reply is 202, and \
         its `results` say what became of each; with `atomic=true` one bad event makes the whole a 400. Where no event is \
         good it is a 400 too. An `eventId` is its sender's own, by the name of the API key. The same event again is a `duplicate`; \
         another one under the id is kept, but is no event, and its result is `conflicting`, also with `atomic=true`. Without an `eventId` \
         events get ids, the same ones for a repetition under the same Idempotency-Key. A JSON text nested deeper than \
         {DEEPEST} is a 400, and so are fields of an event that come twice. 202 means that the events are kept, in the \
         database or, where that is away, on a queue; they stand in the user's journey a moment later. A sender may \
         write events of any user: `userId` is the sender's claim, not proof that this user acted. Any other query parameter is \
         taken, and kept for some weeks."
    );
    route
        .titled("Events", "Take one event, or many")
        .about(&about)
        .idempotent()
        .query(
            "atomic",
            "Whether one bad event sinks the others.",
            json!({ "type": "boolean", "default": false }),
        )
        .body(
            "An event, or an array of them.",
            &[("application/json", json!({ "oneOf": [event, batch] }), example)],
        )
        .reply(201, "Kept: one event that came alone, with an `eventType`.", &reply, &taken)
        .reply_header(201, "idempotency-replayed", "IdempotencyReplayed")
        .reply(202, "Kept, all or in part.", &reply, &taken)
        .reply_header(202, "idempotency-replayed", "IdempotencyReplayed")
        .link(202, "journey", "getJourney", "userId", "$request.body#/userId")
        .problems(&SENT)
}

fn event(to: &mut Contract) -> Value {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[^\\u0000]*$" });
    let optional = json!({ "type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[^\\u0000]*$" });
    let time = json!({
        "type": ["string", "null"], "format": "date-time", "examples": ["2026-06-01T12:00:00Z"],
        "description": "When it happened, from 0000-01-01T00:00:00Z to before 9999-12-30T22:00:00Z. Without: when it came. \
                        What is more than ten years ago or a day ahead is kept, and flagged.",
    });
    let id = json!({ "anyOf": [optional, { "type": "number" }] });
    to.define(
        "UserEvent",
        json!({
            "type": "object", "additionalProperties": true, "description": "An event of a user. It has no `eventType`.", "required": ["userId", "sessionId", "type"],
            "properties": {
                "userId": text, "sessionId": text, "type": text, "payload": { "description": "Any JSON." },
                "metadata": { "description": "Any JSON." }, "occurredAt": time, "eventId": optional,
            },
        }),
    );
    to.define(
        "TypedEvent",
        json!({
            "type": "object", "additionalProperties": true, "description": "An event by type. It has no `type`.", "required": ["eventType", "payload"],
            "properties": {
                "eventType": text, "payload": { "not": { "type": "null" }, "description": "Any JSON but null." },
                "metadata": {
                    "type": ["object", "null"], "additionalProperties": true,
                    "description": "Any object. `userId`, `sessionId` and `occurredAt` are taken from it if they are not beside it.",
                },
                "userId": id, "sessionId": id, "occurredAt": time, "eventId": id,
            },
        }),
    );
    let one_of = json!([{ "$ref": "#/components/schemas/UserEvent" }, { "$ref": "#/components/schemas/TypedEvent" }]);
    to.define(
        "Event",
        json!({ "oneOf": one_of, "description": "Fields that are not named here are kept too." }),
    )
}

/// A lead is any bytes; these are the media types that a client sends.
fn any_body() -> Vec<(&'static str, Value, Value)> {
    let json = json!({ "email": "ada@example.com", "name": "Ada Lovelace" });
    // An object, not any JSON: of `{}` openapi-python-client makes a client that sends none.
    let object = json!({ "type": "object", "additionalProperties": true });
    vec![
        ("application/json", object.clone(), json.clone()),
        ("application/x-www-form-urlencoded", object, json),
        (
            "application/octet-stream",
            json!({ "type": "string", "format": "binary" }),
            json!("call Ada, 030 123456"),
        ),
    ]
}

const WHAT_IT_MEANS: &str = "Its bytes are kept as they came. 202, in place of 201, means that the database is away: the lead is \
    safe on a queue and becomes a row later. Where the same Idempotency-Key was used for another body meanwhile, only one of \
    the two becomes the lead; the other is kept.";

fn lead_reply(deduplicated: bool) -> Value {
    json!({ "ok": true, "lead_id": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "deduplicated": deduplicated })
}

fn leads(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<LeadReply>();
    let about = format!(
        "Any body of any media type, compressed or not, and any query, which is kept with it. {WHAT_IT_MEANS} Without an Idempotency-Key each request is a lead of its own. The same key with \
         another body is 422: that body is kept too, but is no lead."
    );
    route
        .titled("Leads", "Take a lead")
        .about(&about)
        .idempotent()
        .body("Anything.", &any_body())
        .reply(201, "Kept.", &schema, &lead_reply(false))
        .reply(
            200,
            "It was kept before, under the same Idempotency-Key.",
            &schema,
            &lead_reply(true),
        )
        .reply_header(200, "idempotency-replayed", "IdempotencyReplayed")
        .reply(202, "Kept on a queue; the database is away.", &schema, &lead_reply(false))
        .problems(&SENT)
}

/// The route of form builders is `POST /leads` with the key at another place.
fn form_leads(route: Operation, to: &mut Contract) -> Operation {
    let about = "As `POST /leads`, for form builders that cannot set a header: the path ends with an API key of the scope \
        `ingest`. A key in a header does not count here. Make a key for each form, because URLs are seen by more people and \
        programs than headers, and revoke it if it was.";
    leads(route, to)
        .titled("Leads", "Take a lead of a form builder")
        .about(about)
        .keyed_by_path()
        .path("id", "An API key of the scope `ingest`.", json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_API_KEY, "examples": ["penstock_ingest_made-by-make-key"] }))
}

fn older_leads(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<LeadReply>();
    let about = format!(
        "As `POST /leads`, for older senders: a repetition is 409 (which says `ok: true`), and without an Idempotency-Key the \
         body itself is the key. {WHAT_IT_MEANS} What is neither a JSON object, nested at most {DEEPEST} deep, nor a form is kept \
         too, and answered 400 with `error: invalid_payload`. A deployment may be set to ask these senders for no key."
    );
    let example = json!({ "email": "ada@example.com", "name": "Ada Lovelace" });
    let form = json!({ "type": "object", "minProperties": 1, "additionalProperties": { "type": "string" } });
    route
        .titled("Leads", "Take a lead of an older sender")
        .about(&about)
        .idempotent()
        .body(
            "A JSON object or a form.",
            &[
                (
                    "application/json",
                    json!({ "type": "object", "additionalProperties": true }),
                    example.clone(),
                ),
                ("application/x-www-form-urlencoded", form, example),
            ],
        )
        .reply(201, "Kept.", &schema, &lead_reply(false))
        .reply(202, "Kept on a queue; the database is away.", &schema, &lead_reply(false))
        .problems(&SENT)
        .problems(&[(400, "UnreadableLead"), (409, "KnownLead")])
}

fn edit_lead(route: Operation, to: &mut Contract) -> Operation {
    let field = |about: &str| {
        json!({
            "type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_LEAD_FIELD, "description": about,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
        })
    };
    let body = to.define(
        "LeadEdit",
        json!({
            "type": "object", "additionalProperties": false, "minProperties": 1,
            "description": "A field that is missing stays as it is. Null clears it.",
            "properties": { "status": field("The stage of the lead, in your own words."), "assignedTo": field("Who deals with it.") },
        }),
    );
    let reply = to.schema::<EditedReply>();
    let example = json!({ "status": "contacted", "assignedTo": "ada@sales.example" });
    let edited = json!({ "id": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "status": "contacted", "assignedTo": "ada@sales.example" });
    let about = "Sets the two fields that people write. Each change is kept with the name of the API key, the time and both values, in \
        the lead's `history`; a value that is there already is no change. With the `ETag` of the lead in `If-Match` a change is \
        412 if somebody else has changed the lead since. Without it the later one counts, and the history has both. A lead is \
        there a moment after it was taken: until then it is 404.";
    route
        .titled("Leads", "Change status or assignee of a lead")
        .about(about)
        .path("id", "Its id.", json!({ "type": "string", "format": "uuid" }))
        .matching()
        .body("The fields to set.", &[("application/json", body, example)])
        .reply(200, "As the lead is now.", &reply, &edited)
        .reply_header(200, "etag", "ETag")
        .link(200, "lead", "getLead", "id", "$response.body#/id")
        .problems(&[
            (404, "NotFound"),
            (412, "Changed"),
            (413, "TooLarge"),
            (415, "NotJson"),
            (503, "Unavailable"),
        ])
}
