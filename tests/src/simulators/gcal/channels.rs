//! Push channels (developers.google.com/workspace/calendar/api/guides/push).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::Refusal;

/// An open push channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The id that the channel's maker chose.
    pub id: String,
    /// The id of the watched resource.
    pub resource_id: String,
    /// Sent with each notification.
    pub token: String,
    /// The URL that gets the notifications.
    pub address: String,
    /// Unix milliseconds.
    pub expiration: i64,
    messages: u64,
}

impl Channel {
    /// Returns the headers of the next notification. Its body is empty.
    pub fn notify(&mut self, state: &str) -> Vec<(&'static str, String)> {
        self.messages += 1;
        vec![
            ("x-goog-channel-id", self.id.clone()),
            ("x-goog-channel-token", self.token.clone()),
            ("x-goog-message-number", self.messages.to_string()),
            ("x-goog-resource-id", self.resource_id.clone()),
            ("x-goog-resource-state", state.to_owned()),
            ("content-length", "0".to_owned()),
        ]
    }
}

#[derive(Debug, Default)]
pub(super) struct Channels {
    pub(super) open: Vec<Channel>,
    /// Every id so far: Google accepts each only once.
    used: Vec<String>,
}

/// Google's default in seconds: a week.
const DEFAULT_TTL: i64 = 604_800;

impl Channels {
    /// Answers `events.watch`.
    pub(super) fn watch(&mut self, body: &[u8], now: Timestamp) -> Result<Value, Refusal> {
        let body: Value =
            serde_json::from_slice(body).map_err(|_| Refusal::bad("body", "Parse Error"))?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(sound) {
            return Err(Refusal::bad("id", "Invalid channel id."));
        }
        if self.used.contains(&id) {
            return Err(Refusal::bad("id", "Channel id not unique"));
        }
        if text("type") != "web_hook"
            || !text("address").starts_with("https://")
            || text("token").len() > 256
        {
            return Err(Refusal::bad("address", "WebHook callback must be HTTPS"));
        }
        let ttl = body["params"]["ttl"]
            .as_str()
            .map_or(Ok(DEFAULT_TTL), str::parse)
            .unwrap_or(DEFAULT_TTL);
        let expiration = now.as_millisecond() + ttl.min(DEFAULT_TTL) * 1_000;
        self.used.push(id.clone());
        let channel = Channel {
            resource_id: "o3hgv1538sdjfh".to_owned(),
            token: text("token"),
            address: text("address"),
            expiration,
            messages: 0,
            id,
        };
        let reply = json!({
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource_id,
            "resourceUri": "https://www.googleapis.com/calendar/v3/calendars/team/events?alt=json",
            "token": channel.token,
            "expiration": expiration,
        });
        self.open.push(channel);
        Ok(reply)
    }

    /// Answers `channels.stop`.
    pub(super) fn stop(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let body: Value =
            serde_json::from_slice(body).map_err(|_| Refusal::bad("body", "Parse Error"))?;
        let before = self.open.len();
        self.open.retain(|c| {
            body["id"] != c.id.as_str() || body["resourceId"] != c.resource_id.as_str()
        });
        if self.open.len() < before { Ok(()) } else { Err(Refusal::not_found()) }
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.open.retain(|channel| channel.expiration > now.as_millisecond());
    }
}
