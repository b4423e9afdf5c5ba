//! Tickets: queue messages that name rows of the outbox that may be pending. They carry no data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::OutboxId;
use crate::json::place;

/// A ticket for `process`; `{"v":1,"ids":[…]}` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    v: u8,
    pub ids: Vec<OutboxId>,
}

/// A message that is not a ticket.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The message is not JSON, or not of a ticket's shape.
    #[error("not a ticket: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The ticket has a version that this release does not know.
    #[error("not a ticket: version {0} is not known here")]
    Version(u8),
}

impl TicketError {
    /// Returns the reason for the log, without any text of the message.
    pub fn without_values(&self) -> String {
        match self {
            Self::Malformed(e) => place(e),
            Self::Version(v) => format!("version {v}"),
        }
    }
}

/// The number of ids in one ticket. At 39 bytes each, a message stays far below SQS' 256 KiB, and
/// several environments can share a backlog.
pub const IDS_PER_TICKET: usize = 100;

/// The time that a row's first ticket may take before `relay` sends another.
pub const GRACE: Duration = Duration::from_secs(300);

impl Ticket {
    /// Creates a ticket for `ids`.
    pub fn new(ids: Vec<OutboxId>) -> Self {
        Self { v: 1, ids }
    }

    /// Returns as many tickets as `ids` need.
    pub fn split(ids: &[OutboxId]) -> impl Iterator<Item = Self> + '_ {
        ids.chunks(IDS_PER_TICKET).map(|chunk| Self::new(chunk.to_vec()))
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// [`TicketError`] if the body is no ticket, or of an unknown version.
    pub fn parse(body: &str) -> Result<Self, TicketError> {
        let ticket: Self = serde_json::from_str(body)?;
        if ticket.v == 1 { Ok(ticket) } else { Err(TicketError::Version(ticket.v)) }
    }

    /// Returns the message's body.
    pub fn to_body(&self) -> String {
        let ids = self.ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(",");
        format!("{{\"v\":{},\"ids\":[{ids}]}}", self.v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_survives_the_queue() {
        let ids = (0..250)
            .map(|s| OutboxId::new(jiff::Timestamp::from_second(s).unwrap()))
            .collect::<Vec<_>>();
        let read = Ticket::split(&ids)
            .flat_map(|t| Ticket::parse(&t.to_body()).unwrap().ids)
            .collect::<Vec<_>>();
        assert_eq!(read, ids);
    }

    #[test]
    fn what_is_not_a_ticket_says_why() {
        for body in ["", "null", "[]", "{\"ids\":[]}", "{\"v\":1,\"ids\":[\"x\"]}", "\u{0}"] {
            assert!(
                Ticket::parse(body).unwrap_err().to_string().starts_with("not a ticket: "),
                "{body}"
            );
        }
        assert_eq!(
            Ticket::parse("{\"v\":2,\"ids\":[]}").unwrap_err().to_string(),
            "not a ticket: version 2 is not known here"
        );
    }
}
