//! Channels over which a vendor pushes that something has changed. They end by themselves, so they are renewed.

use std::time::Duration;

use jiff::Timestamp;

use crate::paging::{PageError, Paging, Reply, Request};

/// A channel that still has to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewChannel<'a> {
    /// Ours to choose, and new.
    pub id: &'a str,
    /// What the vendor sends along, to show that it is the one who was told.
    pub token: &'a str,
    /// Where it pushes to: https.
    pub address: &'a str,
    /// How long it is to last; the vendor may give less.
    pub lasting: Duration,
}

/// A channel that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Ours.
    pub id: String,
    /// The vendor's word for what it watches; needed to close it.
    pub resource_id: String,
    /// It says nothing any more from then on.
    pub expires_at: Timestamp,
}

/// How a source is told to push.
pub trait Push: Sync + Send {
    /// The request that opens a channel. Sent again after a fault it may be refused: the id is known then.
    fn open(&self, entity: &str, channel: NewChannel<'_>, paging: &Paging) -> Request;

    /// Reads the reply to it.
    ///
    /// # Errors
    /// [`PageError`] where it is no channel.
    fn opened(&self, reply: Reply<'_>) -> Result<Channel, PageError>;

    /// The request that closes a channel.
    fn close(&self, channel: &Channel) -> Request;
}
