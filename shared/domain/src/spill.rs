//! Messages of the queues `spill`, `ingest-spill` and `transact-spill`, which carry requests while
//! Postgres is away: a vendor's webhook, a request of one of our own senders, or one about a
//! transaction.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::clock::elapsed;
use crate::intake::{Intake, NotAnIntake};
use crate::signature::seal::{self, Opened, Purpose, Unsealed};
use crate::signature::{SpillError, Spilled};
use crate::transaction::{self, NotATransaction};

/// The longest time between the receipt of a request and the reading of its message. SQS keeps a
/// message for 14 days at most, so an older one was sent again by somebody.
pub const OLDEST: Duration = Duration::from_secs(15 * 86_400);

/// The clocks of two environments may differ by this.
const AHEAD: Duration = Duration::from_secs(300);

/// A message whose sender is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spill {
    /// `webhook` has verified and sent it.
    Delivery(Spilled),
    /// `ingest` has sent it.
    Intake(Intake),
    /// `transact` has sent it.
    Transact(transaction::Spilled),
}

/// The reason why an opened message is not stored.
#[derive(Debug, thiserror::Error)]
pub enum NotSpilled {
    /// The message was sent again after its time: it is not believed.
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
    /// Our own sender made a message that this release cannot read.
    #[error(transparent)]
    Delivery(#[from] SpillError),
    /// The same, of a request of our own senders.
    #[error(transparent)]
    Intake(#[from] NotAnIntake),
    /// The same, of a request about a transaction.
    #[error(transparent)]
    Transact(#[from] NotATransaction),
}

impl Spill {
    /// Reads a message as what its seal says that it is.
    ///
    /// # Errors
    /// [`NotSpilled`] if it is none, or was received at a time at which it cannot have been sent.
    pub fn read(message: Opened<'_>, now: Timestamp) -> Result<Self, NotSpilled> {
        let read = match message.purpose {
            Purpose::Webhook => Self::Delivery(Spilled::read(message)?),
            Purpose::Ingest => Self::Intake(Intake::from_message(message)?),
            Purpose::Transact => Self::Transact(transaction::Spilled::from_message(message)?),
        };
        let received_at = match &read {
            Self::Delivery(spilled) => spilled.received_at,
            Self::Intake(intake) => intake.received_at,
            Self::Transact(spilled) => spilled.received_at(),
        };
        if elapsed(received_at, now) > OLDEST || elapsed(now, received_at) > AHEAD {
            return Err(Unsealed::Stale.into());
        }
        Ok(read)
    }
}

/// Returns whether a message claims to be a spilled request, sealed or in the form without a seal
/// that earlier releases sent. Nothing is proven by it.
#[must_use]
pub fn is_claimed(message: &str) -> bool {
    #[derive(Deserialize)]
    struct Unsealed {
        spill: Option<u8>,
        intake: Option<u8>,
    }
    let unsealed = || serde_json::from_str::<Unsealed>(message).ok();
    seal::claimed(message).is_ok()
        || unsealed().is_some_and(|it| it.spill.is_some() || it.intake.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{Proof, Route, Sender, Sent};
    use crate::signature::SigningSecrets;

    const DELIVERY: &str = r#"{"spill":1,"source":"stripe","receivedAt":"2026-06-01T00:00:00Z","contentType":"a/b","body":"e30="}"#;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(purpose: Purpose, text: &str, now: &str) -> Result<Spill, NotSpilled> {
        let secrets = SigningSecrets::parse("s").unwrap();
        let message = seal::seal(&secrets, purpose, text);
        assert!(is_claimed(&message));
        Spill::read(seal::open(&message, &secrets).unwrap(), at(now))
    }

    #[test]
    fn a_message_is_read_as_what_its_seal_says() {
        let now = "2026-06-01T00:00:00Z";
        let intake = Intake::new(
            Route::Leads,
            Sender { id: [7; 32], name: None, proof: Proof::LookedUp },
            None,
            Sent { body: b"a lead".to_vec(), ..Sent::default() },
            at(now),
        );
        let text = intake.text().unwrap();
        assert_eq!(read(Purpose::Ingest, &text, now).unwrap(), Spill::Intake(intake));
        let Ok(Spill::Delivery(delivery)) = read(Purpose::Webhook, DELIVERY, now) else {
            panic!("it is a delivery")
        };
        let (source, body) = (delivery.source.as_str(), delivery.body().bytes());
        assert_eq!((source, body), ("stripe", b"{}".as_slice()));
        // `ingest` cannot say that a vendor has sent something.
        assert!(matches!(read(Purpose::Ingest, DELIVERY, now), Err(NotSpilled::Intake(_))));
        assert!(matches!(read(Purpose::Webhook, &text, now), Err(NotSpilled::Delivery(_))));
    }

    #[test]
    fn a_message_that_is_older_than_a_queue_keeps_one_is_not_believed() {
        for (now, believed) in [
            ("2026-06-15T12:00:00Z", true),
            ("2026-06-16T00:00:01Z", false),
            ("2026-05-31T23:56:00Z", true),
            ("2026-05-31T23:54:00Z", false),
        ] {
            assert_eq!(read(Purpose::Webhook, DELIVERY, now).is_ok(), believed, "{now}");
        }
    }

    #[test]
    fn the_form_without_a_seal_is_known_as_a_claim_and_a_ticket_is_none() {
        assert!(is_claimed(DELIVERY) && is_claimed(r#"{"intake":1,"route":"leads"}"#));
        for other in [r#"{"v":1,"ids":[]}"#, r#"{"source":"stripe"}"#, "no json", ""] {
            assert!(!is_claimed(other), "{other}");
        }
    }
}
