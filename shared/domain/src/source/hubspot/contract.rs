//! HubSpot's part of docs/openapi.json.

use serde_json::json;

use crate::source::{HeaderContract, WebhookContract};

pub(super) fn webhook() -> WebhookContract {
    let about = "Changes as [HubSpot pushes them](https://developers.hubspot.com/docs/api/webhooks), \
                 signed by version 3 of its signature: the base64 of the HMAC-SHA256 of method, URL, \
                 body and time-stamp under the app's client secret, five minutes good. The objects \
                 that the changes name are read anew. 200 is told once that is written down, 202 \
                 where the database is away and the request safe on a queue. 404 where HubSpot is \
                 no source.";
    let change =
        json!({ "eventId": 1, "subscriptionType": "contact.propertyChange", "objectId": 123 });
    WebhookContract {
        operation_id: "takeHubSpotChanges",
        summary: "Take changes of HubSpot's",
        about: about.to_owned(),
        headers: vec![
            HeaderContract::text(
                "X-HubSpot-Signature-v3",
                "The signature.",
                "^[A-Za-z0-9+/]{43}=$",
            ),
            HeaderContract::text(
                "X-HubSpot-Request-Timestamp",
                "Unix milliseconds.",
                "^[0-9]{13}$",
            ),
        ],
        body: Some(("The changes.", json!([change]))),
    }
}
