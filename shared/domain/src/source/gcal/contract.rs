//! Google Calendar's part of docs/openapi.json.

use serde_json::json;

use crate::source::{HeaderContract, WebhookContract};

pub(super) fn webhook() -> WebhookContract {
    let about = "A [notification](https://developers.google.com/workspace/calendar/api/guides/push) \
                 of a channel that this deployment has opened. Its headers say all; a body is not \
                 read. 200 is told once the incremental run that it asks for is written down. 503 \
                 means that the database is away; Google sends it again. 404 where Google Calendar \
                 is no source.";
    let states = json!({ "type": "string", "enum": ["sync", "exists", "not_exists"] });
    WebhookContract {
        operation_id: "takeCalendarNotification",
        summary: "Take a notification of Google Calendar's",
        about: about.to_owned(),
        headers: vec![
            HeaderContract::text("X-Goog-Channel-Id", "The channel.", "^[A-Za-z0-9_+/=-]{1,64}$"),
            HeaderContract::text(
                "X-Goog-Channel-Token",
                "The token of the channel, sent when it was opened.",
                "^[0-9a-f]{64}$",
            ),
            HeaderContract {
                name: "X-Goog-Resource-State",
                about: "The kind of notification.",
                schema: states,
            },
        ],
        body: None,
    }
}
