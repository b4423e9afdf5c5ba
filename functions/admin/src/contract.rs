//! The contract of `admin`, for docs/openapi.json.

mod events;
mod jobs;

use penstock_clients::clock::SystemClock;
use penstock_clients::queue::Queue;
use penstock_domain::connecting::{LONGEST_KEY, LONGEST_SETTING};
use penstock_domain::connection::LONGEST_NAME;
use penstock_domain::source::SOURCES;
use penstock_edge::contract::{
    Contract, Descriptions, IDEMPOTENCY_KEY_PATTERN, Mismatch, Operation,
};
use penstock_edge::http::{self, RouteInfo};
use serde_json::{Value, json};

use crate::Ports;
use crate::connections::{ConnectionReply, ConnectionsReply, RemovedReply};
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
const DESCRIPTIONS: Descriptions<'_> = &[
    ("triggerRun", trigger),
    ("listConnections", list),
    ("putConnection", put),
    ("removeConnection", remove),
    ("pauseConnection", pause),
    ("resumeConnection", resume),
    ("operatorMetrics", events::metrics),
    ("listFailedEvents", events::list),
    ("replayEvents", jobs::replay),
    ("getEvent", events::one),
    ("replayEvent", jobs::replay_one),
    ("remap", jobs::remap),
    ("erasePerson", jobs::erase),
    ("listJobs", jobs::list),
    ("getJob", jobs::one),
    ("pauseJob", jobs::pause),
    ("resumeJob", jobs::resume),
    ("stopJob", jobs::stop),
];

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

/// How a change of a connection may end.
const CHANGED: [(u16, &str); 3] =
    [(409, "ConnectionConflict"), (413, "TooLarge"), (503, "Unavailable")];

/// A connection as replies show it.
fn example(state: &str) -> Value {
    json!({
        "name": "stripe-eu", "source": "stripe", "state": state, "declared": false, "parent": null, "account": null,
        "settings": { "livemode": "true", "rate_per_second": "10" },
        "keySecret": "penstock/prod/keys/stripe-eu/1", "signingSecret": "penstock/prod/signing/stripe-eu",
        "hasSigningSecret": true, "webhookPath": "/webhooks/stripe/stripe-eu", "revision": 1,
        "madeAt": "2026-06-01T12:00:00Z", "changedAt": "2026-06-01T12:00:00Z",
    })
}

/// A name that a person has given, or that an account of a platform has got by itself.
fn any_name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][A-Za-z0-9_.-]{0,99}$", "examples": ["stripe-eu"] })
}

fn list(route: Operation, to: &mut Contract) -> Operation {
    let unknown = json!({
        "connection": "stripe", "account": "acct_1Shop", "events": 3, "firstAt": "2026-06-01T11:00:00Z", "lastAt": "2026-06-01T11:58:00Z",
    });
    let schema = to.schema::<ConnectionsReply>();
    route
        .titled("Connections", "All connections")
        .about(
            "A connection is one account of one source. The template declares the first one of a source; all others are made \
             while the system runs. No reply has a key or a signing secret: it has their names in Secrets Manager.",
        )
        .reply(200, "The connections, by name.", &schema, &json!({ "connections": [example("active")], "unknownAccounts": [unknown] }))
        .problems(&[(503, "Unavailable")])
}

fn put(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<ConnectionReply>();
    let pattern = format!("^[a-z][a-z0-9_-]{{0,{}}}$", LONGEST_NAME - 1);
    let name = json!({ "type": "string", "pattern": pattern, "examples": ["stripe-eu"] });
    let example_of_body = json!({
        "source": "stripe", "key": "rk_live_...", "signingSecrets": ["whsec_..."], "settings": { "livemode": "true" },
    });
    route
        .titled("Connections", "Connect an account, or change a connection")
        .about(
            "A new connection needs `source` and a key: the key itself as `key`, which is written to Secrets Manager, or the name \
             of a secret below the stack's prefix as `keySecret`. Its first runs are requested at once. Of a connection that is \
             there, whatever the body leaves out stays; `settings` replaces all settings. A setting that says where the key goes \
             (`base_url`, `token_url`) is changed together with the key only. The same request again changes nothing, or writes \
             the same key once more. A connection that was removed or erased is connected again. One that the template declares \
             is changed by the parameters of the deployment: 409.",
        )
        .path("name", "The name that runs and rows carry as their source. A source's own name, or one of your choice.", name)
        .body("The account.", &[("application/json", body(to), example_of_body)])
        .reply(200, "Changed, or as it was.", &schema, &example("active"))
        .reply(201, "Connected.", &schema, &example("active"))
        .problems(&CHANGED)
}

fn body(to: &mut Contract) -> Value {
    let sources: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
    let text = |about: &str, longest: usize| json!({ "type": "string", "minLength": 1, "maxLength": longest, "description": about });
    let secret = |folder: &str| {
        let about = format!(
            "The name of a secret that is there, below the stack's prefix and `{folder}/`."
        );
        text(&about, 400)
    };
    let setting = text("A text, such as `true` or `10`.", LONGEST_SETTING);
    to.define(
        "NewConnection",
        json!({
            "type": "object", "additionalProperties": false, "required": ["source"],
            "description": "`key` and `keySecret` exclude each other, and so do `signingSecrets` and `signingSecret`.",
            "properties": {
                "source": { "type": "string", "enum": sources, "description": "The vendor." },
                "key": text("The key, as the vendor gives it. Google: the text of the key file.", LONGEST_KEY),
                "keySecret": secret("keys"),
                "signingSecrets": {
                    "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 },
                    "description": "What signs the vendor's requests: several while one replaces another.",
                },
                "signingSecret": secret("signing"),
                "settings": {
                    "type": "object", "additionalProperties": setting,
                    "description": "The vendor's own variables in lower case and without its name, such as `livemode`, \
                                    `currency`, `calendar_id`, `rate_per_second`. An unknown one is a 400 that lists all.",
                },
            },
        }),
    )
}

fn remove(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<RemovedReply>();
    let erase = json!({ "type": "boolean", "default": false });
    let reply = |state: &str, data: &str, message: &str| {
        let mut connection = example(state);
        for field in ["keySecret", "signingSecret"] {
            connection[field] = Value::Null;
        }
        connection["hasSigningSecret"] = json!(false);
        json!({ "connection": connection, "data": data, "accounts": [], "message": message })
    };
    let kept = "Its rows stay and count. Erase it to delete them; connect the name again to go on with it.";
    let erasing = "Its rows are being deleted, some at a time.";
    route
        .titled("Connections", "Remove a connection")
        .about(
            "It is neither pulled nor pushed to any more, and the secrets that were written for it are deleted; they can be \
             restored for 7 days. Its rows stay and count. With `erase=true` its rows are deleted too, which cannot be undone. \
             Accounts that are read with its key go with it. The same request again changes nothing.",
        )
        .path("name", "The connection's name.", any_name())
        .query("erase", "Whether its rows are deleted.", erase)
        .reply(200, "Removed, or erased before.", &schema, &reply("removed", "kept", kept))
        .reply(202, "Its rows are being deleted.", &schema, &reply("erasing", "erasing", erasing))
        .problems(&CHANGED)
        .problems(&[(404, "NotFound")])
}

fn pause(route: Operation, to: &mut Contract) -> Operation {
    let about = "It is not pulled until it is resumed. What its vendor pushes is stored. One that the template declares can be paused \
                 too. The same request again changes nothing.";
    moved(route, to, "Pause a connection", about, "paused")
}

fn resume(route: Operation, to: &mut Contract) -> Operation {
    let about = "It is pulled again, at once. The same request again changes nothing.";
    moved(route, to, "Resume a connection", about, "active")
}

fn moved(
    route: Operation,
    to: &mut Contract,
    summary: &str,
    about: &str,
    state: &str,
) -> Operation {
    let schema = to.schema::<ConnectionReply>();
    route
        .titled("Connections", summary)
        .about(about)
        .path("name", "The connection's name.", any_name())
        .reply(200, "The connection as it is now.", &schema, &example(state))
        .problems(&CHANGED)
        .problems(&[(404, "NotFound")])
}
