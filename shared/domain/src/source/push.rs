//! Channels over which a vendor pushes that something has changed. They end by themselves, so they
//! are renewed.

use std::time::Duration;

use jiff::Timestamp;

use super::webhook_request::WebhookRequest;
use crate::paging::{PageError, Paging, Reply, Request};

/// A channel that still has to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewChannel<'a> {
    /// A new id, chosen by us.
    pub id: &'a str,
    /// The vendor sends this token with each notification, which proves that the channel is ours.
    pub token: &'a str,
    /// The https URL that the vendor pushes to.
    pub address: &'a str,
    /// The lifetime that is requested; the vendor may grant less.
    pub lasting: Duration,
}

/// A channel that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The id that we chose.
    pub id: String,
    /// The vendor's word for what it watches; needed to close it.
    pub resource_id: String,
    /// The vendor sends no notification after this time.
    pub expires_at: Timestamp,
}

/// A notification, read from its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'r> {
    /// The channel's id.
    pub channel: &'r str,
    /// The token that was sent when the channel was opened.
    pub token: &'r str,
    /// The change; `Err` names the header that is not understood.
    pub change: Result<Change, &'static str>,
}

/// The change that a notification reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The entity whose incremental run will find out what has changed.
    pub entity: &'static str,
    /// Why that run is requested, in words for its report.
    pub reason: &'static str,
}

/// Opens and closes a source's channels, and reads its notifications.
pub trait Push: Sync + Send {
    /// The request that opens a channel. If it is sent again after a fault, the vendor may refuse
    /// it, because it knows the id already.
    fn open(&self, entity: &str, channel: NewChannel<'_>, paging: &Paging) -> Request;

    /// Reads the reply to it.
    ///
    /// # Errors
    /// [`PageError`] if it is no channel.
    fn opened(&self, reply: Reply<'_>) -> Result<Channel, PageError>;

    /// The request that closes a channel.
    fn close(&self, channel: &Channel) -> Request;

    /// Reads a notification. It does not check that the channel is one of ours:
    /// [`crate::signature::channel::is_ours`] does.
    ///
    /// # Errors
    /// Names the headers that are missing.
    fn notice<'r>(&self, request: &WebhookRequest<'r>) -> Result<Notice<'r>, &'static str>;
}
