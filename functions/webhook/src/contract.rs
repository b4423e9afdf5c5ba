//! The contract of `webhook`, for docs/openapi.json.

use penstock_domain::signature::TOLERANCE_SECONDS;
use penstock_edge::contract::{Contract, Descriptions, Operation};
use serde_json::json;

use crate::Received;

/// The routes of this function.
pub const DESCRIPTIONS: Descriptions = &[
    ("takeStripeEvent", stripe),
    ("takeCalendarNotification", gcal),
    ("takeHubSpotChanges", hubspot),
];

fn stripe(route: Operation, to: &mut Contract) -> Operation {
    let schema = to.schema::<Received>();
    let about = format!(
        "Signed as [Stripe describes](https://docs.stripe.com/webhooks#verify-manually): the HMAC-SHA256 of the header's time, a \
         full stop and the body's bytes, under the endpoint's secret, in hexadecimal. Several `v1` may stand in the header, and \
         one of them must match one of the secrets; a signature older than {TOLERANCE_SECONDS} s is refused. 200 is told \
         once the event is committed; a repetition of it is 200 too. 202 means that the database is away and the event safe on a queue. \
         Whatever is signed is kept; what is no event of ours means nothing."
    );
    let signature = json!({ "type": "string", "pattern": "^t=[0-9]{1,11},v1=[0-9a-f]{64}$" });
    let event = json!({
        "id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1_790_000_000, "data": { "object": {} },
    });
    route
        .titled("Webhooks", "Take an event of Stripe's")
        .about(&about)
        .header(
            "Stripe-Signature",
            "`t=<Unix seconds>,v1=<signature>`, further `v1` and other schemes after it.",
            signature,
        )
        .body("The event, snapshot or thin.", &[("application/json", json!({}), event)])
        .reply(200, "Committed.", &schema, &json!({ "received": true, "outcome": "stored" }))
        .reply(
            202,
            "Kept on a queue; the database is away.",
            &schema,
            &json!({ "received": true, "outcome": "spilled" }),
        )
        .problems(&[(400, "BadSignature"), (413, "TooLarge"), (503, "Unavailable")])
}

fn gcal(route: Operation, to: &mut Contract) -> Operation {
    let schema = &to.schema::<Received>();
    let about = "A [notification](https://developers.google.com/workspace/calendar/api/guides/push) of a channel that this deployment \
                 has opened; its headers say all, a body is not read. 200 is told once the incremental run that it asks for is written down. \
                 503 means that the database is away; Google sends it again. 404 where Google Calendar is no source.";
    let channel = json!({ "type": "string", "pattern": "^[A-Za-z0-9_+/=-]{1,64}$" });
    let token = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let states = json!({ "type": "string", "enum": ["sync", "exists", "not_exists"] });
    route
        .titled("Webhooks", "Take a notification of Google Calendar's")
        .about(about)
        .header("X-Goog-Channel-Id", "The channel.", channel)
        .header("X-Goog-Channel-Token", "What was agreed on when it was opened.", token)
        .header("X-Goog-Resource-State", "What has happened.", states)
        .reply(
            200,
            "A run is owed, or waits for a person.",
            schema,
            &json!({ "received": true, "outcome": "asked" }),
        )
        .problems(&[(400, "BadChannel"), (404, "NotFound"), (503, "Unavailable")])
}

fn hubspot(route: Operation, to: &mut Contract) -> Operation {
    let schema = &to.schema::<Received>();
    let about = "Changes as [HubSpot pushes them](https://developers.hubspot.com/docs/api/webhooks), signed by version 3 of its signature: \
                 the base64 of the HMAC-SHA256 of method, URL, body and time-stamp under the app's client secret, five minutes good. \
                 What the changes name is read anew. 200 is told once that is written down, 202 where the database is away and the \
                 request safe on a queue. 404 where HubSpot is no source.";
    let change =
        json!({ "eventId": 1, "subscriptionType": "contact.propertyChange", "objectId": 123 });
    let reply = |outcome: &str| json!({ "received": true, "outcome": outcome });
    route
        .titled("Webhooks", "Take changes of HubSpot's")
        .about(about)
        .header(
            "X-HubSpot-Signature-v3",
            "The signature.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$" }),
        )
        .header(
            "X-HubSpot-Request-Timestamp",
            "Unix milliseconds.",
            json!({ "type": "string", "pattern": "^[0-9]{13}$" }),
        )
        .body("The changes.", &[("application/json", json!({}), json!([change]))])
        .reply(200, "Written down.", schema, &reply("stored"))
        .reply(202, "Kept on a queue; the database is away.", schema, &reply("spilled"))
        .problems(&[
            (400, "BadSignature"),
            (404, "NotFound"),
            (413, "TooLarge"),
            (503, "Unavailable"),
        ])
}
