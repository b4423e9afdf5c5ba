//! The contract of `transact`, for docs/openapi.json.

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::json::DEEPEST;
use penstock_edge::contract::{Contract, Descriptions, Mismatch, Operation};
use penstock_edge::http::{self, RouteInfo};
use serde_json::{Value, json};

use crate::Ports;
use crate::body::LONGEST_WHY;
use crate::call_back::Received;
use crate::operator::Notified;
use crate::reading::{DEFAULT_LIMIT, MOST};
use crate::reply::{STATES, TransactionDetail, TransactionsReply};
use crate::taking::Accepted;

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
    ("createTransaction", create),
    ("createOneTransaction", create_one),
    ("listTransactions", list),
    ("getTransaction", one),
    ("receiveCallBack", call_back),
    ("receiveShortCallBack", short_call_back),
    ("resumeTransaction", resume),
    ("notifyTransaction", notify),
];

const TAG: &str = "Transactions";

const ID: &str = "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11";

fn transaction_id() -> Value {
    json!({ "type": "string", "format": "transaction-id", "examples": [ID] })
}

fn create(route: Operation, to: &mut Contract) -> Operation {
    let body = to.define(
        "NewTransaction",
        json!({
            "type": "object", "additionalProperties": true, "required": ["id"],
            "description": "Fields that are not named here are the third party's, which gets the body byte for byte.",
            "properties": {
                "id": { "type": "string", "format": "uuid", "description": "Your own id of the transaction." },
            },
        }),
    );
    let reply = to.schema::<Accepted>();
    let accepted = |status: &str| json!({ "id": ID, "status": status });
    let example = json!({ "id": ID, "amount": 1000, "currency": "EUR" });
    let about = format!(
        "A JSON object with your own `id`, a UUID in lower case. All else in it goes to the third party as it came. A JSON text nested deeper than \
         {DEEPEST} is a 400. 201 means that the transaction is committed; the third party is asked afterwards. The same request \
         again changes nothing, and its reply says how the transaction stands. The same `id` with another body is 422, and the first \
         one stays. 202 means that the database is away: the transaction is safe on a queue, and is taken in later. Then a body of \
         more than 190 KB is 503."
    );
    route
        .titled(TAG, "Submit a transaction")
        .about(&about)
        .body("The transaction.", &[("application/json", body, example)])
        .reply(201, "Committed.", &reply, &accepted("pending"))
        .reply(200, "It was committed before.", &reply, &accepted("completed"))
        .reply_header(200, "idempotency-replayed", "IdempotencyReplayed")
        .reply(202, "Kept on a queue; the database is away.", &reply, &accepted("pending"))
        .link(201, "transaction", "getTransaction", "id", "$response.body#/id")
        .problems(&[(413, "TooLarge"), (422, "KeyReused"), (503, "Unavailable")])
}

fn create_one(route: Operation, to: &mut Contract) -> Operation {
    create(route, to)
        .titled(TAG, "Submit a transaction, by a shorter path")
        .about("As `POST /transactions`.")
}

fn transaction() -> Value {
    json!({
        "id": ID, "status": "completed", "receivedAt": "2026-06-01T12:00:00Z", "updatedAt": "2026-06-01T12:00:02Z",
        "endedAt": "2026-06-01T12:00:02Z",
    })
}

fn detail() -> Value {
    let mut example = transaction();
    example["submissions"] = json!(1);
    example["deadline"] = json!("2026-06-02T12:00:00Z");
    example["nextActionAt"] = json!(null);
    example["history"] = json!([
        { "status": "pending", "cause": "client", "at": "2026-06-01T12:00:00Z" },
        { "status": "submitted", "cause": "submission", "at": "2026-06-01T12:00:01Z" },
        { "status": "completed", "cause": "call_back", "at": "2026-06-01T12:00:02Z" },
    ]);
    example["attempts"] = json!([
        { "number": 1, "begunAt": "2026-06-01T12:00:01Z", "endedAt": "2026-06-01T12:00:02Z", "outcome": "undecided" },
    ]);
    example["conflicts"] = json!([]);
    example["notifications"] = json!([
        {
            "id": "019a0c9e-6a11-7c01-9a2b-5d0f6b7c8e90", "attempts": 1, "createdAt": "2026-06-01T12:00:02Z",
            "deliveredAt": "2026-06-01T12:00:03Z",
        },
    ]);
    example
}

fn list(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<TransactionsReply>();
    let limit =
        json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT });
    let page = json!({ "transactions": [transaction()], "nextCursor": null });
    let about = "A page begins after the last transaction of the page before, whatever has come meanwhile. `needs_review` lists those \
        that were given up without proof of what was done.";
    route
        .titled(TAG, "Transactions, newest first")
        .about(about)
        .query(
            "status",
            "Only transactions in this state.",
            json!({ "type": "string", "enum": STATES }),
        )
        .query("limit", "How many at most.", limit)
        .query(
            "cursor",
            "The `nextCursor` of the page before.",
            json!({ "type": "string", "format": "run-cursor" }),
        )
        .reply(200, "A page.", &schema, &page)
        .link(200, "nextPage", "listTransactions", "cursor", "$response.body#/nextCursor")
        .link(200, "newest", "getTransaction", "id", "$response.body#/transactions/0/id")
        .problems(&[(503, "Unavailable")])
}

fn one(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<TransactionDetail>();
    route
        .titled(TAG, "One transaction, with its history")
        .about("Its body is not shown.")
        .path("id", "Its id.", transaction_id())
        .reply(200, "The transaction.", &schema, &detail())
        .problems(&[(404, "NotFound"), (503, "Unavailable")])
}

fn call_back(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<Received>();
    let matching = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let body = to.define(
        "CallBack",
        json!({
            "type": "object", "additionalProperties": true, "required": ["id", "status"],
            "properties": {
                "id": transaction_id(),
                "status": {
                    "type": "string",
                    "enum": ["pending", "processing", "submitted", "accepted", "completed", "succeeded", "declined", "rejected", "failed"],
                },
            },
        }),
    );
    let reply = |outcome: &str| json!({ "received": true, "outcome": outcome });
    let about = "Signed by Standard Webhooks (https://www.standardwebhooks.com). A call-back that comes twice, late or out of order does no \
        harm. One that contradicts a final state is kept for a person, and not applied. An unknown `id` is 404: its transaction \
        may still be on its way, so the third party tries again. A deployment that names no secret answers 404 to all.";
    let example = json!({ "id": ID, "status": "completed" });
    route
        .titled("Webhooks", "The third party says how a transaction stands")
        .about(about)
        .header("webhook-id", "The id of the message.", matching("^msg_[A-Za-z0-9]{8,32}$"))
        .header(
            "webhook-timestamp",
            "The time of the attempt, in Unix seconds.",
            matching("^[0-9]{10}$"),
        )
        .header(
            "webhook-signature",
            "The signatures, each as `v1,` and base64, with spaces between.",
            matching("^v1,[A-Za-z0-9+/]{43}=$"),
        )
        .body("The transaction and its status.", &[("application/json", body, example)])
        .reply(200, "Committed.", &schema, &reply("applied"))
        .reply(202, "Kept on a queue; the database is away.", &schema, &reply("spilled"))
        .problems(&[
            (400, "BadSignature"),
            (404, "NotFound"),
            (413, "TooLarge"),
            (503, "Unavailable"),
        ])
}

fn short_call_back(route: Operation, to: &mut Contract) -> Operation {
    call_back(route, to)
        .titled("Webhooks", "The same, by a shorter path")
        .about("As `POST /webhooks/transactions`.")
}

fn resume(route: Operation, to: &mut Contract) -> Operation {
    let body = to.define(
        "ResumeTransaction",
        json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "why": {
                    "type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_WHY, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
                    "description": "The reason, which the history keeps.",
                },
            },
        }),
    );
    let schema = to.schema::<TransactionDetail>();
    let mut example = detail();
    example["status"] = json!("submitted");
    example["reason"] = json!("The third party was down.");
    example["nextActionAt"] = json!("2026-06-02T13:00:00Z");
    if let Some(fields) = example.as_object_mut() {
        fields.remove("endedAt");
    }
    let about = "A transaction that was given up, as `needs_review` or as `failed` with `not_done`, goes on at once, with a new deadline. \
        It is asked about before it is submitted again. One that is worked on already takes its next step at once. One that the \
        third party has decided stays as it is: 409. The body may be empty.";
    route
        .titled(TAG, "Resume a transaction that was given up")
        .about(about)
        .path("id", "Its id.", transaction_id())
        .body(
            "The reason.",
            &[("application/json", body, json!({ "why": "The third party was down." }))],
        )
        .reply(200, "The transaction as it is now.", &schema, &example)
        .problems(&[
            (404, "NotFound"),
            (409, "TransactionState"),
            (413, "TooLarge"),
            (503, "Unavailable"),
        ])
}

fn notify(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<Notified>();
    let example = json!({ "id": ID, "notifications": ["019a0c9e-6a11-7c01-9a2b-5d0f6b7c8e90"] });
    let about = "Messages to the client that were given up are sent again for a day, with the same `webhook-id`. Those that were delivered, \
        or are still tried, are not: the list is empty then.";
    route
        .titled(TAG, "Tell the client again")
        .about(about)
        .path("id", "The id of the transaction.", transaction_id())
        .reply(202, "They are sent again.", &schema, &example)
        .link(202, "transaction", "getTransaction", "id", "$response.body#/id")
        .problems(&[(404, "NotFound"), (503, "Unavailable")])
}
