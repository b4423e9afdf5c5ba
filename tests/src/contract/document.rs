//! Builds the OpenAPI document around the functions' descriptions of their routes.

use penstock_edge::contract::Contract;
use serde_json::{Map, Value, json};

const ABOUT: &str = "Events, leads and Stripe's webhooks in; revenue, runs and journeys out. JSON is camelCase, times are RFC 3339 in UTC, \
amounts are strings of whole minor units. A parameter that a route does not know is a 400.\n\n\
**Errors** are `application/problem+json` (RFC 9457). `type` names the kind, `errors` the fields, by JSON pointers into the body, or \
`#/query/…`, `#/header/…`, `#/path/…`. The only other form is the 503 of `/readyz`, which says what is away. API Gateway answers for \
itself, as `{\"message\":\"…\"}`: 404 for a path that is not listed here, 413 above 10 MB, 429 above the limits of the whole API, and \
500 or 503 where a function cannot be called.\n\n\
**Request ids**: every reply has `x-request-id`, the caller's own if it is 1 to 128 of `A-Z a-z 0-9 - _ . :`, else one that is \
made. The log has it too.\n\n\
**Keys**: `X-Api-Key` with the scope of the route, or for reading also `X-Admin-Api-Key`. Each has a rate; beyond it a request is 429 with \
`Retry-After`.\n\n\
**Idempotency-Key** (draft-ietf-httpapi-idempotency-key-header): the same key and body again is answered as the first time, with \
`Idempotency-Replayed: true`; the same key with another body is 422. Keys are kept for 24 hours, and each route and API key has its own.\n\n\
**Limits**: a body of 1 MiB and 1,000 events (413), JSON nested 64 deep (400), ids of 255 characters (400).";

/// Builds the whole OpenAPI document.
pub fn document(contract: &Contract) -> Value {
    let mut paths = Map::new();
    for operation in contract.operations() {
        let path = paths.entry(&*operation.route.path).or_insert_with(|| json!({}));
        path[operation.route.method.as_str().to_ascii_lowercase()] = operation.to_value();
    }
    let tag = |name: &str, about: &str| json!({ "name": name, "description": about });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Penstock", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "Where this document is served." }],
        "tags": [
            tag("Events", "Events that clients send."),
            tag("Leads", "Leads that clients send, and what people make of them."),
            tag("Transactions", "Transactions of clients, which a third party decides."),
            tag("Webhooks", "Requests that vendors push."),
            tag("Revenue", "Revenue in total, by day and by week."),
            tag("Runs", "Runs that pull from the vendors."),
            tag("Connections", "The accounts of vendors that are read."),
            tag("Failures", "Rows and messages that failed, and how the work goes."),
            tag("Jobs", "Work on many rows that a person asks for: replays, remaps and erasures."),
            tag("Operations", "Health, and the work that waits."),
            tag("Accounts", "The accounts of people, and their sessions. As Better Auth's: its client library talks to these routes."),
            tag("Console", "Pages for people who are signed in."),
            tag("Contract", "This document."),
        ],
        "paths": paths,
        "components": {
            "schemas": contract.schemas(),
            "parameters": parameters(),
            "headers": headers(),
            "responses": responses(),
            "securitySchemes": {
                "readKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key with the scope `read`." },
                "ingestKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key with the scope `ingest`." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Secure-better-auth.session_token",
                    "description": "The session of a person whose role is high enough. Without TLS the name has no `__Secure-`.",
                },
                "adminKey": { "type": "apiKey", "in": "header", "name": "X-Admin-Api-Key", "description": "A key with the scope `admin`." },
            },
        },
    })
}

fn parameters() -> Value {
    // The key is bare, or a string by RFC 9651. White space around it is ignored.
    let parameter = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "header", "required": false, "description": about, "schema": schema });
    json!({
        "RequestId": parameter(
            "X-Request-Id",
            "The caller's own id of the request. One that is longer than 128 characters or has others than \
             `A-Z a-z 0-9 - _ . :` is replaced.",
            json!({ "type": "string", "examples": ["order-7:try-2"] }),
        ),
        "IdempotencyKey": parameter(
            "Idempotency-Key",
            "Names the request, so that its repetition does nothing twice: best 1 to 255 printable ASCII characters, bare or \
             in double quotes. Any other text names the request together with its body. Kept for 24 hours.",
            json!({ "type": "string", "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"] }),
        ),
        "IfMatch": parameter(
            "If-Match",
            "The `ETag` that the thing was read with, or `*`. If it was changed since, the request is 412.",
            json!({ "type": "string", "examples": ["*"] }),
        ),
        "IfNoneMatch": parameter(
            "If-None-Match",
            "ETags that the caller has.",
            json!({ "type": "string", "examples": ["\"0123456789abcdef\""] }),
        ),
    })
}

fn headers() -> Value {
    let header = |about: &str, required: bool, schema: Value| json!({ "description": about, "required": required, "schema": schema });
    json!({
        "RequestId": header("The request's id.", true, json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$" })),
        "RetryAfter": header("Seconds after which to try again.", true, json!({ "type": "integer", "minimum": 1 })),
        "Allow": header("The methods that the path takes.", true, json!({ "type": "string" })),
        "ETag": header("Names the document's version.", true, json!({ "type": "string" })),
        "NextCursor": header("The `nextCursor` of the page, if there is a next one.", false, json!({ "type": "string" })),
        "IdempotencyReplayed": header(
            "The request was answered before, under the same Idempotency-Key.",
            false,
            json!({ "type": "string", "const": "true" }),
        ),
    })
}

fn responses() -> Value {
    let problem = |status: u16, title: &str, slug: &str, about: &str, detail: &str| {
        let example = json!({
            "type": format!("urn:penstock:problem:{slug}"), "title": title, "status": status, "detail": detail,
            "requestId": "order-7:try-2",
        });
        let header = json!({ "$ref": "#/components/headers/RequestId" });
        json!({
            "description": about, "headers": { "x-request-id": header },
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" }, "example": example } },
        })
    };
    let with_header = |mut reply: Value, name: &str, component: &str| {
        reply["headers"][name] = json!({ "$ref": format!("#/components/headers/{component}") });
        reply
    };
    let with_members = |mut reply: Value, members: Value| {
        let media = &mut reply["content"]["application/problem+json"];
        for (name, value) in members.as_object().into_iter().flatten() {
            media["example"][name] = value.clone();
        }
        let names: Vec<&String> =
            members.as_object().into_iter().flatten().map(|(name, _)| name).collect();
        media["schema"] = json!({ "allOf": [media["schema"], { "type": "object", "properties": extension(&members), "required": names }] });
        reply
    };
    let key = "A valid key with the scope of this route is required.";
    let fields = problem(
        400,
        "Bad Request",
        "invalid-request",
        "Something in the request is not valid; `errors` says what.",
        "The request is not valid.",
    );
    let mut bad_request = fields;
    bad_request["content"]["application/problem+json"]["example"]["errors"] =
        json!([{ "pointer": "#/query/limit", "detail": "must be a whole number from 1 to 200" }]);
    let lead = "The body is neither a JSON object nor a form. It is kept as it came.";
    let unreadable = problem(
        400,
        "Bad Request",
        "invalid-payload",
        "The body cannot be read, and is kept; or a parameter is not valid.",
        lead,
    );
    let coded = |status: u16, title: &str, slug: &str, about: &str, code: &str, message: &str| {
        let mut reply = problem(status, title, slug, about, message);
        let example = &mut reply["content"]["application/problem+json"]["example"];
        example["code"] = json!(code);
        example["message"] = json!(message);
        reply
    };
    json!({
        "SignedOut": coded(401, "Unauthorized", "signed-out", "Nobody is signed in.", "UNAUTHORIZED", "Sign in first."),
        "WrongPassword": coded(401, "Unauthorized", "invalid-email-or-password", "A wrong password, or no such account. Which of the two is not told.", "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
        "Forbidden": coded(403, "Forbidden", "forbidden", "The role of the account is too low, or the request comes from a page of another origin.", "FORBIDDEN", "The role of this account is too low for this."),
        "ForeignOrigin": coded(403, "Forbidden", "foreign-origin", "The request comes from a page of another origin, or names a page of one.", "INVALID_ORIGIN", "Invalid origin"),
        "LastAdmin": coded(409, "Conflict", "last-admin", "Nobody else could manage accounts.", "LAST_ADMIN", "This is the last account of an admin."),
        "UnsupportedMediaType": coded(415, "Unsupported Media Type", "unsupported-media-type", "The body is neither JSON nor a form.", "UNSUPPORTED_MEDIA_TYPE", "Content-Type is not allowed. Allowed types: application/json, application/x-www-form-urlencoded"),
        "UserExists": coded(422, "Unprocessable Entity", "user-already-exists", "There is an account of this address.", "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email."),
        "TooManyTries": with_header(coded(429, "Too Many Requests", "rate-limited", "Too many tries for this account or from this network address. `X-Retry-After` says the same as `Retry-After`.", "TOO_MANY_REQUESTS", "Too many requests. Please try again later."), "retry-after", "RetryAfter"),
        "BadRequest": bad_request,
        "BadChannel": problem(400, "Bad Request", "bad-channel", "The channel is not one of ours, or the request is not valid.", "The channel is not one of ours."),
        "BadSignature": problem(400, "Bad Request", "bad-signature", "The signature does not hold, or the request is not valid.", "Not verified: no signature matches the body."),
        "UnreadableLead": unreadable,
        "Unauthorized": problem(401, "Unauthorized", "unauthorized", "No key, or none that may do this. Which of the two is not told.", key),
        "NotFound": problem(404, "Not Found", "not-found", "There is no such thing.", "There is no such run."),
        "MethodNotAllowed": with_header(problem(405, "Method Not Allowed", "method-not-allowed", "The path does not take this method.", "This route takes GET."), "allow", "Allow"),
        "KnownLead": with_header(
            with_members(
                problem(409, "Conflict", "duplicate-lead", "The lead was taken before.", "This lead is known already."),
                json!({ "ok": true, "lead_id": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11", "deduplicated": true }),
            ),
            "idempotency-replayed", "IdempotencyReplayed",
        ),
        "ConnectionConflict": problem(409, "Conflict", "connection-changing", "The connection is not what this request is about: the template declares it (`connection-declared`), somebody changes it at the moment (`connection-changing`, with `Retry-After`), it is removed, being erased or erased (`connection-removed`, `connection-erasing`, `connection-erased`), its name is another vendor's (`connection-of-another-source`), or its key is another connection's (`connection-of-a-parent`).", "Somebody changes this connection at the moment."),
        "DryRunExpired": problem(409, "Conflict", "dry-run-expired", "The token is of no dry run of the last hour.", "The token is of no dry run of the last hour. Ask for another one."),
        "JobState": problem(409, "Conflict", "job-state", "The job is in a state from which there is no way there, such as `completed`.", "The job is completed."),
        "TransactionState": problem(409, "Conflict", "transaction-state", "The transaction is in a state from which there is no way there, such as `completed`.", "The transaction is completed, and stays so."),
        "NotActive": problem(409, "Conflict", "not-active", "Somebody has paused or removed the connection.", "The connection is paused."),
        "Changed": problem(412, "Precondition Failed", "changed-meanwhile", "It was changed since it was read with that `ETag`.", "The lead was changed since it was read with the ETag in If-Match."),
        "NotJson": problem(415, "Unsupported Media Type", "unsupported-media-type", "The body is of another type than JSON.", "The body must be application/json."),
        "TooLarge": problem(413, "Payload Too Large", "too-large", "The body has more than 1 MiB, or more than 1,000 events.", "The body has more than 1048576 bytes."),
        "KeyReused": problem(422, "Unprocessable Entity", "idempotency-key-reused", "The Idempotency-Key came with another body before.", "This Idempotency-Key came with another body before. These events are not taken."),
        "TooManyRequests": with_header(problem(429, "Too Many Requests", "rate-limited", "The key has made all the requests it may make for now.", "This key has made all the requests it may make for now."), "retry-after", "RetryAfter"),
        "Internal": problem(500, "Internal Server Error", "internal", "Our fault; the log has it under the request's id.", "The request could not be answered."),
        "Unavailable": with_header(problem(503, "Service Unavailable", "unavailable", "What this depends on cannot be reached.", "The service cannot answer at the moment."), "retry-after", "RetryAfter"),
    })
}

/// Returns the schemas of a problem's extra members, derived from their examples.
fn extension(members: &Value) -> Value {
    let schema = |value: &Value| match value {
        Value::Bool(value) => json!({ "const": value }),
        _ => json!({ "type": "string", "format": "uuid" }),
    };
    members
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), schema(value)))
        .collect::<Map<_, _>>()
        .into()
}
