//! Leads and product events, which our own senders push.
//!
//! A request becomes rows of the outbox under ids that are fixed before anything is stored. So it
//! may be stored twice, by a retry or by a message of the queue `spill`, and is there once.

use std::borrow::Cow;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::access::PresentedKey;
use crate::ids::RequestSeed;
use crate::record::Media;

mod body;
mod event;
mod fields;
mod lead;
pub mod normalize;
mod spilled;

pub use body::{Body, LONGEST_BODY, NotInflated, NotText};
pub use event::{
    Batch, ConflictingEvent, Event, FAR_FUTURE, FAR_PAST, MOST_EVENTS, NewEvent, NotEvents,
};
pub use fields::Fault;
pub use lead::{Contact, Details, Lead, LeadColumns, LeadState};
pub use spilled::NotAnIntake;

/// The value of `outbox.source` for leads.
pub const LEADS: &str = "leads";

/// The value of `outbox.source` for product events.
pub const EVENTS: &str = "events";

/// The value of `outbox.entity` for product events.
pub const EVENT: &str = "event";

/// The value of `outbox.entity` for an event whose sender had used its id before, for another one.
pub const CONFLICTING_EVENT: &str = "conflicting_event";

/// A request, read as far as its reply needs.
#[derive(Debug)]
pub enum Reading<'a> {
    /// A lead, whose body may be anything.
    Lead(LeadState),
    /// Events, good and bad.
    Events(Batch<'a>),
}

/// The route by which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /leads`
    Leads,
    /// `POST /api/lead`, for older senders. It refuses a body that it cannot read, and keeps it all
    /// the same.
    ApiLead,
    /// `POST /events`
    Events {
        /// Whether one bad event refuses the others.
        atomic: bool,
    },
}

impl Route {
    /// Returns the word in `idempotency_keys.route`. The same key on another route is another key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leads => "leads",
            Self::ApiLead => "api_lead",
            Self::Events { .. } => "events",
        }
    }

    /// Returns the value of `outbox.source` for the rows that it brings.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Leads | Self::ApiLead => LEADS,
            Self::Events { .. } => EVENTS,
        }
    }
}

/// The owner of Idempotency-Keys: the SHA-256 of the API key, or zeros if the route asks for none.
/// The column is `idempotency_keys.scope`.
pub type SenderId = [u8; 32];

/// The sender of a request, by its API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The owner of the Idempotency-Keys that the request may name.
    pub id: SenderId,
    /// The name of the API key. Keys of one name are one sender. `None` until the key is looked up.
    pub name: Option<String>,
    pub proof: Proof,
}

/// The name of all senders without a key.
pub const KEYLESS: &str = "senders without a key";

impl Sender {
    /// Returns the sender of a request on a route that asks for no key.
    #[must_use]
    pub fn keyless() -> Self {
        let name = Some(KEYLESS.to_owned());
        Self { id: PresentedKey::NONE.sha256, name, proof: Proof::LookedUp }
    }

    /// Returns the name that the sender's event ids belong to. A key that nobody can look up any
    /// more has its hash for a name.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.name.clone().unwrap_or_else(|| hex::encode(self.id))
    }
}

/// The reason to believe that a sender may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The API key was found valid, or the route asks for none.
    LookedUp,
    /// Postgres was away. The API key carries our mark, so nobody else can have made it. It is
    /// looked up when the request is stored.
    Marked,
    /// Postgres was away, and the API key proves nothing. It is looked up when the request is
    /// stored.
    None,
}

/// A request, as it is stored and as the queue `spill` carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub route: Route,
    pub sender: Sender,
    /// The key under which the request is done once; `None` if each request is another.
    pub idempotency_key: Option<String>,
    /// The seed of the ids that are made for the request.
    pub seed: RequestSeed,
    pub received_at: Timestamp,
    /// All of the request that is kept.
    sent: Sent,
    sha256: [u8; 32],
}

/// The parts of a request that are kept as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The query string, if there is one.
    pub query: Option<String>,
    pub content_type: String,
    /// `Content-Encoding`, if the body is encoded.
    pub content_encoding: Option<String>,
    /// Byte for byte as it was sent.
    pub body: Vec<u8>,
}

impl Sent {
    /// Returns the form of the body.
    #[must_use]
    pub fn media(&self) -> Media<'_> {
        Media {
            content_type: &self.content_type,
            content_encoding: self.content_encoding.as_deref(),
        }
    }
}

impl Intake {
    /// Creates a request that arrives now. Under an Idempotency-Key its ids derive from the key, so
    /// that a retry makes the same ones. Older senders know no such header: there the body itself
    /// is the key.
    #[must_use]
    pub fn new(
        route: Route,
        sender: Sender,
        idempotency_key: Option<String>,
        sent: Sent,
        now: Timestamp,
    ) -> Self {
        let sha256 = digest(route, &sent);
        let idempotency_key = idempotency_key.or_else(|| match route {
            Route::ApiLead => Some(format!("sha256:{}", hex::encode(sha256))),
            Route::Leads | Route::Events { .. } => None,
        });
        let seed = match &idempotency_key {
            Some(key) => {
                RequestSeed(derive(&[&sender.id, route.as_str().as_bytes(), key.as_bytes()]))
            }
            None => RequestSeed::new(now),
        };
        Self { route, sender, idempotency_key, seed, received_at: now, sent, sha256 }
    }

    /// Returns the request with the name of its sender, which was looked up.
    #[must_use]
    pub fn sent_by(mut self, name: String) -> Self {
        self.sender.name = Some(name);
        self
    }

    /// Returns what is kept of the request as it came.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Returns the body, byte for byte as it was sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.sent.body
    }

    /// The body as text, if the route takes events: inflated and decoded. For a lead it is empty.
    ///
    /// # Errors
    /// [`NotEvents`] if the body is no text.
    pub fn event_text(&self) -> Result<Cow<'_, str>, NotEvents> {
        match self.route {
            Route::Leads | Route::ApiLead => Ok(Cow::Borrowed("")),
            Route::Events { .. } => Ok(self.readable().text()?),
        }
    }

    /// Reads the body as far as the reply needs; `events` is its [`event_text`](Self::event_text).
    ///
    /// # Errors
    /// [`NotEvents`] if the route takes events and the body holds none.
    pub fn read<'a>(&self, events: &'a str) -> Result<Reading<'a>, NotEvents> {
        Ok(match self.route {
            Route::Leads => Reading::Lead(LeadState::Accepted),
            Route::ApiLead if LeadColumns::read(self.readable()).is_some() => {
                Reading::Lead(LeadState::Accepted)
            }
            Route::ApiLead => Reading::Lead(LeadState::Rejected),
            Route::Events { .. } => Reading::Events(Batch::read(events)?),
        })
    }

    /// The body with the headers that say how to read it.
    fn readable(&self) -> Body<'_> {
        Body { bytes: self.body(), media: self.sent.media() }
    }

    /// Returns the SHA-256 of the body, which tells another body under the same Idempotency-Key. Of
    /// a lead that came with a query it is that of both: a form may send all that it has in either.
    #[must_use]
    pub fn body_sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Returns the id of the lead that a body makes under this request's key. Each body has its
    /// own, so two bodies that race under one key are never taken for each other.
    #[must_use]
    pub fn lead_id(&self, body_sha256: &[u8; 32]) -> Uuid {
        match self.idempotency_key {
            Some(_) => derive(&[b"lead", self.seed.0.as_bytes(), body_sha256]),
            None => self.seed.0,
        }
    }

    /// Returns the id of the event at `index` if its sender gave none. It also derives from the
    /// body: a key that is used again after its time, with other events, must not make the ids of
    /// the old ones.
    #[must_use]
    pub fn event_id(&self, index: usize) -> String {
        derive(&[b"event", self.seed.0.as_bytes(), &self.sha256, index.to_string().as_bytes()])
            .to_string()
    }
}

/// Returns what tells a request from another one under its key.
fn digest(route: Route, sent: &Sent) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(&sent.body);
    match (route, &sent.query) {
        (Route::Leads | Route::ApiLead, Some(query)) => {
            hash.update(b"\0");
            hash.update(query);
        }
        (Route::Events { .. }, _) | (_, None) => {}
    }
    hash.finalize().into()
}

/// Returns a UUID (version 8) from a hash of the parts. Their lengths are hashed too, so that one
/// part cannot run into the next.
fn derive(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(route: Route, sender: u8, key: Option<&str>, body: &[u8]) -> Intake {
        let sender = Sender { id: [sender; 32], name: None, proof: Proof::LookedUp };
        let sent = Sent { body: body.to_vec(), ..Sent::default() };
        Intake::new(route, sender, key.map(str::to_owned), sent, Timestamp::UNIX_EPOCH)
    }

    fn lead_id(intake: &Intake) -> Uuid {
        intake.lead_id(&intake.body_sha256())
    }

    #[test]
    fn trap_31_a_retry_under_a_key_makes_the_ids_of_the_first_try_and_whatever_differs_makes_others()
     {
        let first = intake(Route::Leads, 1, Some("k"), b"a");
        assert_eq!(lead_id(&first), lead_id(&intake(Route::Leads, 1, Some("k"), b"a")));
        assert_eq!(first.event_id(3), intake(Route::Leads, 1, Some("k"), b"a").event_id(3));
        assert_ne!(first.event_id(3), first.event_id(4));
        assert_ne!(first.event_id(3), intake(Route::Leads, 1, Some("k"), b"b").event_id(3));
        for other in [
            intake(Route::Leads, 1, Some("k"), b"b"),
            intake(Route::Leads, 1, Some("l"), b"a"),
            intake(Route::Leads, 2, Some("k"), b"a"),
            intake(Route::ApiLead, 1, Some("k"), b"a"),
        ] {
            assert_ne!(lead_id(&first), lead_id(&other));
        }
    }

    #[test]
    fn without_a_key_each_request_is_another_but_for_older_senders_the_body_is_the_key() {
        let of = |route| lead_id(&intake(route, 1, None, b"a"));
        assert_ne!(of(Route::Leads), of(Route::Leads));
        assert_eq!(of(Route::ApiLead), of(Route::ApiLead));
        assert_ne!(of(Route::ApiLead), lead_id(&intake(Route::ApiLead, 1, None, b"b")));
    }
}
