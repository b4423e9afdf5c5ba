//! A request about a transaction as the queue `transact-spill` carries it while Postgres is away.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Standing;
use crate::intake::{Proof, Sender};
use crate::json::place;
use crate::signature::SPILL_LIMIT;
use crate::signature::seal::{Opened, Purpose};

/// A message that is no spilled request about a transaction.
#[derive(Debug, thiserror::Error)]
#[error("not a spilled request: {0}")]
pub struct NotATransaction(String);

/// A request that `transact` has accepted, with everything that is needed to apply it as if it had
/// just come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spilled {
    /// A client's transaction, as it came.
    Transaction(SpilledTransaction),
    /// A call-back of the third party, whose signature was verified.
    CallBack(SpilledCallBack),
}

/// A client's transaction, as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct SpilledTransaction {
    /// Its client's id.
    pub id: Uuid,
    /// The client. Its key was looked up, or has proven itself by its mark.
    pub sender: Sender,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The time at which it came in.
    pub received_at: Timestamp,
    /// The instant at which it is given up.
    pub deadline: Timestamp,
}

/// A call-back, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpilledCallBack {
    /// The transaction.
    pub id: Uuid,
    /// The third party's word.
    pub said: Standing,
    /// The time at which it came in.
    pub received_at: Timestamp,
}

/// Bodies are not logged (rule 12).
impl std::fmt::Debug for SpilledTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SpilledTransaction({}, {} bytes)", self.id, self.body.len())
    }
}

impl SpilledTransaction {
    /// Returns the SHA-256 of the body.
    #[must_use]
    pub fn body_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.body).into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Wire {
    Transaction {
        id: Uuid,
        /// The SHA-256 of the API key, in hexadecimal.
        key: String,
        /// The name of the API key, if it was looked up.
        sender: Option<String>,
        body: String,
        received_at: Timestamp,
        deadline: Timestamp,
    },
    CallBack {
        id: Uuid,
        said: String,
        received_at: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
struct Message {
    /// The format's version.
    transact: u8,
    request: Wire,
}

impl Spilled {
    /// Returns when the request came in.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        match self {
            Self::Transaction(it) => it.received_at,
            Self::CallBack(it) => it.received_at,
        }
    }

    /// Returns the text to seal, or `None` if it is too long for SQS.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let request = match self {
            Self::Transaction(it) => Wire::Transaction {
                id: it.id,
                key: hex::encode(it.sender.id),
                sender: it.sender.name.clone(),
                body: STANDARD.encode(&it.body),
                received_at: it.received_at,
                deadline: it.deadline,
            },
            Self::CallBack(it) => Wire::CallBack {
                id: it.id,
                said: it.said.as_str().to_owned(),
                received_at: it.received_at,
            },
        };
        let message = serde_json::to_string(&Message { transact: 1, request });
        message.ok().filter(|message| message.len() <= SPILL_LIMIT)
    }

    /// Reads a message of the queue that was opened.
    ///
    /// # Errors
    /// [`NotATransaction`] if it is no request of this kind. The error repeats none of the message.
    pub fn from_message(message: Opened<'_>) -> Result<Self, NotATransaction> {
        let not = |what: &str| NotATransaction(what.to_owned());
        if message.purpose != Purpose::Transact {
            return Err(not("another sender has sealed it"));
        }
        let Message { transact, request } =
            serde_json::from_str(message.text).map_err(|e| NotATransaction(place(&e)))?;
        if transact != 1 {
            return Err(NotATransaction(format!("version {transact} is not known here")));
        }
        Ok(match request {
            Wire::Transaction { id, key, sender, body, received_at, deadline } => {
                let mut sha256 = [0; 32];
                hex::decode_to_slice(&key, &mut sha256)
                    .map_err(|_| not("its key is no SHA-256"))?;
                let proof = if sender.is_some() { Proof::LookedUp } else { Proof::Marked };
                let sender = Sender { id: sha256, name: sender, proof };
                let body = STANDARD.decode(body).map_err(|_| not("its body is not base64"))?;
                Self::Transaction(SpilledTransaction { id, sender, body, received_at, deadline })
            }
            Wire::CallBack { id, said, received_at } => {
                let said = standing(&said).ok_or_else(|| not("its word is not known here"))?;
                Self::CallBack(SpilledCallBack { id, said, received_at })
            }
        })
    }
}

fn standing(word: &str) -> Option<Standing> {
    use Standing::{Completed, Declined, Failed, Undecided};
    [Undecided, Completed, Declined, Failed].into_iter().find(|it| it.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::constant(1_780_272_000, 123_456_000);

    fn read(text: &str) -> Result<Spilled, NotATransaction> {
        Spilled::from_message(Opened { purpose: Purpose::Transact, text })
    }

    fn transaction(name: Option<&str>, proof: Proof, body: Vec<u8>) -> Spilled {
        let sender = Sender { id: [7; 32], name: name.map(str::to_owned), proof };
        let (id, deadline) = (Uuid::from_u128(7), AT + std::time::Duration::from_secs(60));
        Spilled::Transaction(SpilledTransaction { id, sender, body, received_at: AT, deadline })
    }

    #[test]
    fn a_request_survives_the_queue_byte_for_byte() {
        let body: Vec<u8> = (0..=255).collect();
        let mut all = vec![
            transaction(Some("shop"), Proof::LookedUp, body.clone()),
            transaction(None, Proof::Marked, body),
        ];
        all.extend(["undecided", "completed", "declined", "failed"].map(|word| {
            let (id, said) = (Uuid::max(), standing(word).unwrap());
            Spilled::CallBack(SpilledCallBack { id, said, received_at: AT })
        }));
        for request in all {
            assert_eq!(read(&request.text().unwrap()).unwrap(), request);
            assert_eq!(request.received_at(), AT);
        }
    }

    #[test]
    fn what_sqs_would_refuse_is_not_made_and_what_is_no_request_says_why() {
        let of = |bytes| transaction(Some("shop"), Proof::LookedUp, vec![0; bytes]).text();
        assert!(of(190_000).is_some());
        assert!(of(197_000).is_none());
        let text = of(1).unwrap();
        for (from, to, why) in [
            ("\"transact\":1", "\"transact\":2", "version 2 is not known here"),
            ("AA==", "?", "its body is not base64"),
            ("0707", "", "its key is no SHA-256"),
        ] {
            let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert_eq!(error, format!("not a spilled request: {why}"));
        }
        assert!(read("{\"spill\":1}").is_err());
        let other = Opened { purpose: Purpose::Ingest, text: &text };
        assert!(Spilled::from_message(other).is_err(), "ingest cannot send a transaction");
    }

    #[test]
    fn a_body_is_never_shown() {
        let shown = format!("{:?}", transaction(None, Proof::Marked, b"secret".to_vec()));
        assert!(shown.contains("6 bytes") && !shown.contains("secret"), "{shown}");
    }
}
