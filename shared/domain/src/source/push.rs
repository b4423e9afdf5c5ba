//! Channels over which a vendor pushes that something has changed. They end by themselves, so they
//! are renewed.

use std::time::Duration;

use jiff::Timestamp;

use super::webhook_request::WebhookRequest;
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

/// A notification, read from its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'r> {
    /// The channel's id.
    pub channel: &'r str,
    /// What was agreed on when the channel was opened.
    pub token: &'r str,
    /// What has changed; `Err` says which header is not understood.
    pub change: Result<Change, &'static str>,
}

/// What a notification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The entity whose incremental run will find out what has changed.
    pub entity: &'static str,
    /// Why that run is requested, in words for its report.
    pub reason: &'static str,
}

/// How a source is told to push, and what its notifications say.
pub trait Push: Sync + Send {
    /// The request that opens a channel. Sent again after a fault it may be refused: the id is
    /// known then.
    fn open(&self, entity: &str, channel: NewChannel<'_>, paging: &Paging) -> Request;

    /// Reads the reply to it.
    ///
    /// # Errors
    /// [`PageError`] where it is no channel.
    fn opened(&self, reply: Reply<'_>) -> Result<Channel, PageError>;

    /// The request that closes a channel.
    fn close(&self, channel: &Channel) -> Request;

    /// Reads a notification. Whether the channel is one of ours is for
    /// [`crate::signature::channel::is_ours`] to say.
    ///
    /// # Errors
    /// Names the headers that are missing.
    fn notice<'r>(&self, request: &WebhookRequest<'r>) -> Result<Notice<'r>, &'static str>;
}
