//! Push channels: `events.watch` and `channels.stop`
//! (developers.google.com/workspace/calendar/api/guides/push).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{ENTITY, GoogleCalendar, error, events_path};
use crate::json::place;
use crate::paging::{PageError, Paging, Reply, Request};
use crate::source::{Change, Channel, NewChannel, Notice, Push, WebhookRequest};

/// All that Google says has happened: the channel was opened; the calendar has changed; it is gone.
const STATES: [&str; 3] = ["sync", "exists", "not_exists"];

/// `api#channel`. `expiration` are Unix milliseconds: text, as Google writes its 64-bit numbers, or
/// a number, as the guide shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelReply<'a> {
    id: String,
    resource_id: String,
    #[serde(borrow)]
    expiration: &'a RawValue,
}

impl Push for GoogleCalendar {
    fn open(&self, _entity: &str, channel: NewChannel<'_>, paging: &Paging) -> Request {
        let body = json!({
            "id": channel.id,
            "type": "web_hook",
            "address": channel.address,
            "token": channel.token,
            "params": {"ttl": channel.lasting.as_secs().to_string()},
        });
        Request::post(format!("{}/watch", events_path(paging)), body.to_string())
    }

    fn opened(&self, reply: Reply<'_>) -> Result<Channel, PageError> {
        if let Some(error) = error::inside(reply.body) {
            return Err(error);
        }
        let malformed = |reason: String| PageError::Malformed { bytes: reply.body.len(), reason };
        let wire: ChannelReply<'_> =
            serde_json::from_slice(reply.body).map_err(|e| malformed(place(&e)))?;
        let expires_at = wire
            .expiration
            .get()
            .trim_matches('"')
            .parse()
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let expires_at =
            expires_at.ok_or_else(|| malformed("its expiration is no time".to_owned()))?;
        Ok(Channel { id: wire.id, resource_id: wire.resource_id, expires_at })
    }

    fn close(&self, channel: &Channel) -> Request {
        let body = json!({"id": channel.id, "resourceId": channel.resource_id});
        Request::post("/channels/stop", body.to_string())
    }
    fn notice<'r>(&self, request: &WebhookRequest<'r>) -> Result<Notice<'r>, &'static str> {
        let header = request.headers;
        let (Some(channel), Some(token)) =
            (header("x-goog-channel-id"), header("x-goog-channel-token"))
        else {
            return Err("X-Goog-Channel-Id or X-Goog-Channel-Token is missing.");
        };
        let state = header("x-goog-resource-state").unwrap_or_default();
        let change = match STATES.contains(&state) {
            true => {
                Ok(Change { entity: ENTITY, reason: "Google says that the calendar has changed" })
            }
            false => Err("X-Goog-Resource-State says nothing known."),
        };
        Ok(Notice { channel, token, change })
    }
}
