//! A verified webhook as the queue `spill` carries it while Postgres is away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Verified;
use super::seal::{Opened, SEAL_BYTES};
use crate::json::place;

/// The longest text that is sealed and sent, in bytes: SQS' limit of 256 KiB without the seal. A
/// body of 190 KB fits.
pub const SPILL_LIMIT: usize = 256 * 1024 - SEAL_BYTES;

/// A request as the queue carries it: the body in base64, byte for byte, and everything that is
/// needed to store it as if it had just come. The vendor's signature is left out: by the time the
/// message is read it would be too old, and its secret may be gone. Our own seal takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spilled {
    pub source: String,
    pub received_at: Timestamp,
    pub content_type: String,
    body: Vec<u8>,
}

/// A message that is no spilled request.
#[derive(Debug, thiserror::Error)]
#[error("not a spilled request: {0}")]
pub struct SpillError(String);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryMessage {
    /// The format's version.
    spill: u8,
    source: String,
    received_at: Timestamp,
    content_type: String,
    body: String,
}

impl Spilled {
    /// Returns the text to seal for a body, or `None` if it is longer than [`SPILL_LIMIT`].
    #[must_use]
    pub fn text(
        source: &str,
        body: Verified<'_>,
        content_type: &str,
        received_at: Timestamp,
    ) -> Option<String> {
        let wire = DeliveryMessage {
            spill: 1,
            source: source.to_owned(),
            received_at,
            content_type: content_type.to_owned(),
            body: STANDARD.encode(body.bytes()),
        };
        serde_json::to_string(&wire).ok().filter(|message| message.len() <= SPILL_LIMIT)
    }

    /// Reads a message of the queue that was opened.
    ///
    /// # Errors
    /// [`SpillError`] if it is no spilled webhook. The error repeats none of the message.
    pub fn read(message: Opened<'_>) -> Result<Self, SpillError> {
        let wire: DeliveryMessage =
            serde_json::from_str(message.text).map_err(|e| SpillError(place(&e)))?;
        if wire.spill != 1 {
            return Err(SpillError(format!("version {} is not known here", wire.spill)));
        }
        let body = STANDARD
            .decode(&wire.body)
            .map_err(|_| SpillError("its body is not base64".to_owned()))?;
        let DeliveryMessage { source, received_at, content_type, .. } = wire;
        Ok(Self { source, received_at, content_type, body })
    }

    /// Returns the body, which was verified before the message was sealed. Only [`Self::read`]
    /// makes a `Spilled`, and it takes only what the seal of `webhook` has proven.
    #[must_use]
    pub fn body(&self) -> Verified<'_> {
        Verified(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::seal::Purpose;

    fn read(text: &str) -> Result<Spilled, SpillError> {
        Spilled::read(Opened { purpose: Purpose::Webhook, text })
    }

    #[test]
    fn any_bytes_survive_the_queue() {
        let body: Vec<u8> = (0..=255).collect();
        let at: Timestamp = "2026-06-01T00:00:00.123456Z".parse().unwrap();
        let text = Spilled::text("stripe", Verified(&body), "application/json", at).unwrap();
        let read = read(&text).unwrap();
        assert_eq!(
            (read.source.as_str(), read.content_type.as_str()),
            ("stripe", "application/json")
        );
        assert_eq!((read.body().bytes(), read.received_at), (body.as_slice(), at));
    }

    #[test]
    fn what_sqs_would_refuse_is_not_made() {
        let at = Timestamp::UNIX_EPOCH;
        let text =
            |bytes| Spilled::text("stripe", Verified(&vec![0; bytes]), "application/json", at);
        assert!(text(190_000).is_some());
        assert!(text(197_000).is_none());
    }

    #[test]
    fn what_is_no_spilled_request_says_why_and_repeats_nothing() {
        for (message, why) in [
            ("", "it ends too early, at line 1 column 0"),
            (r#"{"v":1,"ids":[]}"#, "it is of another shape, at line 1 column 16"),
            (
                r#"{"spill":2,"source":"s","receivedAt":"2026-06-01T00:00:00Z","contentType":"c","body":""}"#,
                "version 2 is not known here",
            ),
            (
                r#"{"spill":1,"source":"s","receivedAt":"2026-06-01T00:00:00Z","contentType":"c","body":"?"}"#,
                "its body is not base64",
            ),
        ] {
            let error = read(message).unwrap_err().to_string();
            assert_eq!(error, format!("not a spilled request: {why}"));
        }
    }
}
