//! Stripe's part of docs/openapi.json.

use serde_json::json;

use crate::signature::TOLERANCE_SECONDS;
use crate::source::{HeaderContract, WebhookContract};

pub(super) fn webhook() -> WebhookContract {
    let about = format!(
        "Signed as [Stripe describes](https://docs.stripe.com/webhooks#verify-manually): the \
         HMAC-SHA256 of the header's time, a full stop and the body's bytes, under the endpoint's \
         secret, in hexadecimal. The header may hold several `v1`, and one of them must match one of \
         the secrets. A signature older than {TOLERANCE_SECONDS} s is refused. 200 is told once the \
         event is committed; a repetition of it is 200 too. 202 means that the database is away and \
         the event safe on a queue. Every signed body is kept; one that is no event has no effect. \
         404 where the deployment has no secret for this route."
    );
    let event = json!({
        "id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1_790_000_000,
        "data": { "object": {} },
    });
    WebhookContract {
        operation_id: "takeStripeEvent",
        summary: "Take an event of Stripe's",
        about,
        headers: vec![HeaderContract::text(
            "Stripe-Signature",
            "`t=<Unix seconds>,v1=<signature>`, further `v1` and other schemes after it.",
            "^t=[0-9]{1,11},v1=[0-9a-f]{64}$",
        )],
        body: Some(("The event, snapshot or thin.", event)),
    }
}
