//! What is taken from a vendor's reply, one item a row.

use jiff::Timestamp;

use crate::ids::OutboxId;

/// One version of one object, as it goes into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// The kind of object, in the vendor's word.
    pub entity: String,
    /// The vendor's id of the object.
    pub external_id: String,
    /// What makes this version another than the one before: an event's id, or the run that saw it.
    pub version_key: String,
    /// When this version was current.
    pub version_at: Timestamp,
    /// The vendor's API version the payload is rendered in, where it says so.
    pub api_version: Option<String>,
    /// Byte for byte as received.
    pub payload: &'a [u8],
}

/// One request that a vendor pushed, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// What goes into the outbox.
    pub item: Item<'a>,
    /// Kind and id of an object that the request only names: it must be read, as it is now.
    pub look: Option<(String, String)>,
}

/// A row of the outbox as the normalizers see it.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'a> {
    /// Its id.
    pub id: OutboxId,
    /// The kind of object.
    pub entity: &'a str,
    /// The sender's id of the object.
    pub external_id: &'a str,
    /// When this version was current.
    pub version_at: Timestamp,
    /// Byte for byte as received.
    pub payload: &'a [u8],
}
