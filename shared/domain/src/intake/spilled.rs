//! A request of one of our own senders as the queue `spill` carries it while Postgres is away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Intake, Proof, Route, Sender, Sent};
use crate::ids::RequestSeed;
use crate::json::place;
use crate::signature::SPILL_LIMIT;
use crate::signature::seal::Opened;

/// A message that is no spilled request of this kind.
#[derive(Debug, thiserror::Error)]
#[error("not a spilled request: {0}")]
pub struct NotAnIntake(String);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntakeMessage {
    /// The format's version.
    intake: u8,
    route: String,
    atomic: bool,
    scope: String,
    verified: bool,
    /// Releases before 0.2 do not say it.
    #[serde(default)]
    marked: bool,
    /// Like the two below, not in a message of a release before 0.2.
    sender: Option<String>,
    query: Option<String>,
    content_encoding: Option<String>,
    idempotency_key: Option<String>,
    seed: RequestSeed,
    received_at: Timestamp,
    content_type: String,
    body: String,
}

impl Intake {
    /// Returns the text to seal for this request, or `None` if it is too long for SQS.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let wire = IntakeMessage {
            intake: 1,
            route: self.route.as_str().to_owned(),
            atomic: self.route == Route::Events { atomic: true },
            scope: hex::encode(self.sender.id),
            verified: self.sender.proof == Proof::LookedUp,
            marked: self.sender.proof == Proof::Marked,
            sender: self.sender.name.clone(),
            query: self.sent.query.clone(),
            content_encoding: self.sent.content_encoding.clone(),
            idempotency_key: self.idempotency_key.clone(),
            seed: self.seed,
            received_at: self.received_at,
            content_type: self.sent.content_type.clone(),
            body: STANDARD.encode(self.body()),
        };
        serde_json::to_string(&wire).ok().filter(|message| message.len() <= SPILL_LIMIT)
    }

    /// Reads a message of the queue that was opened.
    ///
    /// # Errors
    /// [`NotAnIntake`] if it is no request of this kind. The error repeats none of the message.
    pub fn from_message(message: Opened<'_>) -> Result<Self, NotAnIntake> {
        let not = |what: &str| NotAnIntake(what.to_owned());
        let wire: IntakeMessage =
            serde_json::from_str(message.text).map_err(|e| NotAnIntake(place(&e)))?;
        if wire.intake != 1 {
            return Err(NotAnIntake(format!("version {} is not known here", wire.intake)));
        }
        let routes = [Route::Leads, Route::ApiLead, Route::Events { atomic: wire.atomic }];
        let body = STANDARD.decode(&wire.body).map_err(|_| not("its body is not base64"))?;
        let route = routes.into_iter().find(|route| route.as_str() == wire.route);
        let mut sender = [0; 32];
        hex::decode_to_slice(&wire.scope, &mut sender)
            .map_err(|_| not("its scope is no SHA-256"))?;
        let proof = match (wire.verified, wire.marked) {
            (true, _) => Proof::LookedUp,
            (false, true) => Proof::Marked,
            (false, false) => Proof::None,
        };
        Ok(Self {
            route: route.ok_or_else(|| not("its route is not known here"))?,
            sender: Sender { id: sender, name: wire.sender, proof },
            idempotency_key: wire.idempotency_key,
            seed: wire.seed,
            received_at: wire.received_at,
            sha256: Sha256::digest(&body).into(),
            sent: Sent {
                query: wire.query,
                content_type: wire.content_type,
                content_encoding: wire.content_encoding,
                body,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::seal::Purpose;

    fn read(text: &str) -> Result<Intake, NotAnIntake> {
        Intake::from_message(Opened { purpose: Purpose::Ingest, text })
    }

    #[test]
    fn a_request_survives_the_queue_byte_for_byte() {
        let body: Vec<u8> = (0..=255).collect();
        let at: Timestamp = "2026-06-01T00:00:00.123456Z".parse().unwrap();
        for route in [
            Route::Leads,
            Route::ApiLead,
            Route::Events { atomic: false },
            Route::Events { atomic: true },
        ] {
            for (key, proof) in [
                (None, Proof::None),
                (Some("k".to_owned()), Proof::Marked),
                (Some("k".to_owned()), Proof::LookedUp),
            ] {
                let sender = Sender { id: [7; 32], name: Some("shop".to_owned()), proof };
                let sent = Sent {
                    query: Some("utm_source=a%20b".to_owned()),
                    content_type: "text/plain".to_owned(),
                    content_encoding: Some("gzip".to_owned()),
                    body: body.clone(),
                };
                let intake = Intake::new(route, sender, key, sent, at);
                assert_eq!(read(&intake.text().unwrap()).unwrap(), intake);
            }
        }
    }

    #[test]
    fn what_sqs_would_refuse_is_not_made_and_what_is_no_request_says_why() {
        let of = |bytes| {
            let sent = Sent { body: vec![0; bytes], ..Sent::default() };
            Intake::new(Route::Leads, Sender::keyless(), None, sent, Timestamp::UNIX_EPOCH)
        };
        assert!(of(190_000).text().is_some());
        assert!(of(197_000).text().is_none());
        let text = of(1).text().unwrap();
        for (from, to, why) in [
            ("\"intake\":1", "\"intake\":2", "version 2 is not known here"),
            ("leads", "lads", "its route is not known here"),
            ("AA==", "?", "its body is not base64"),
            ("0000", "", "its scope is no SHA-256"),
        ] {
            let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert_eq!(error, format!("not a spilled request: {why}"));
        }
        assert!(read("{\"spill\":1}").is_err());
    }
}
