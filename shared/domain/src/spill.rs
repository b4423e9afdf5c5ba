//! Messages of the queue `spill`, which carries requests while Postgres is away: a vendor's
//! webhook, or a request of one of our own senders.

use crate::intake::Intake;
use crate::signature::{SpillError, Spilled};

/// A message of the queue `spill`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spill {
    /// `webhook` has verified and sent it.
    Delivery(Spilled),
    /// `ingest` has sent it.
    Intake(Intake),
}

impl Spill {
    /// Reads a message of either kind.
    ///
    /// # Errors
    /// [`SpillError`] if it is neither. It says why the message is no delivery.
    pub fn parse(message: &str) -> Result<Self, SpillError> {
        match Spilled::parse(message) {
            Ok(spilled) => Ok(Self::Delivery(spilled)),
            Err(error) => Intake::parse(message).map(Self::Intake).map_err(|_| error),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::intake::{Route, Sender};

    #[test]
    fn a_message_is_read_as_what_it_is() {
        let at: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let sender = Sender { id: [7; 32], verified: true };
        let intake = Intake::new(
            Route::Leads,
            sender,
            None,
            "text/plain".to_owned(),
            b"a lead".to_vec(),
            at,
        );
        assert_eq!(Spill::parse(&intake.message().unwrap()).unwrap(), Spill::Intake(intake));
        let delivery = r#"{"spill":1,"source":"stripe","receivedAt":"2026-06-01T00:00:00Z","contentType":"a/b","body":"e30="}"#;
        let Ok(Spill::Delivery(read)) = Spill::parse(delivery) else { panic!("it is a delivery") };
        assert_eq!((read.source.as_str(), read.body().bytes()), ("stripe", b"{}".as_slice()));
        for (message, why) in [
            (delivery.replace(":1", ":2"), "not a spilled request: version 2 is not known here"),
            (delivery.replace("e30=", "?"), "not a spilled request: its body is not base64"),
        ] {
            assert_eq!(Spill::parse(&message).unwrap_err().to_string(), why);
        }
        assert!(Spill::parse(r#"{"v":1,"ids":[]}"#).is_err());
    }
}
