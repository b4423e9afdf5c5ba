//! Items of a vendor's reply, and rows of the outbox as normalizers see them.

use jiff::Timestamp;
use serde::Deserialize;

use crate::ids::{OutboxId, RunId};
use crate::own_account::OwnAccount;

/// One version of one object, as it goes into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// The kind of object, in the vendor's word.
    pub entity: String,
    /// The vendor's id of the object.
    pub external_id: String,
    /// Tells this version from the one before: an event's id, or the run that saw it.
    pub version_key: String,
    /// The time at which this version was current.
    pub version_at: Timestamp,
    /// The vendor's API version that the payload is rendered in, if it says so.
    pub api_version: Option<String>,
    /// Byte for byte as received.
    pub payload: &'a [u8],
}

/// One request that a vendor pushed, as its source has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The item for the outbox; `None` if the request only names objects.
    pub item: Option<Item<'a>>,
    /// Kinds and ids of the objects that the request only names: they must be read again.
    pub refetches: Vec<(String, String)>,
    /// The mode of those objects, if the vendor says one. They are not requested if it is known to
    /// be another than the key's, which could not read them.
    pub livemode: Option<bool>,
    /// The vendor's id of the connected account that it is of; `None` if it is of the account whose
    /// secret has signed it.
    pub account: Option<String>,
}

/// The form of a payload, in the words of its sender's headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Media<'a> {
    /// `Content-Type`.
    pub content_type: &'a str,
    /// `Content-Encoding`, if the payload is encoded.
    pub content_encoding: Option<&'a str>,
}

/// The form of what `fetch` reads.
pub const JSON: Media<'static> = Media { content_type: "application/json", content_encoding: None };

/// A row of the outbox as the normalizers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowView<'a> {
    pub id: OutboxId,
    /// The vendor; for what our own clients push, [`crate::intake::LEADS`] or
    /// [`crate::intake::EVENTS`].
    pub source: &'a str,
    pub entity: &'a str,
    /// The sender's id of the object.
    pub external_id: &'a str,
    /// The time at which this version was current.
    pub version_at: Timestamp,
    /// Byte for byte as received.
    pub payload: &'a [u8],
    /// The form of the payload.
    pub media: Media<'a>,
    /// The vendor's account, as far as it is known by now.
    pub own: OwnAccount,
}

/// Returns the version key of the objects that a full run saw. `process` takes such a version for
/// one that was merely seen again, and a sweep takes it as proof that the object exists.
pub fn full_run_key(run: RunId) -> String {
    format!("run:{run}")
}

/// Returns the version key of an object that was read again by its id. The stored word is `look`,
/// because rows of older releases carry it.
pub fn refetch_key(run: RunId) -> String {
    format!("look:{run}")
}

#[derive(Deserialize)]
struct Marked<'a> {
    #[serde(borrow)]
    penstock: Option<std::borrow::Cow<'a, str>>,
    into: Option<String>,
}

/// Returns the payload of a tombstone for the object `id`. `fetch` writes one if a full list no
/// longer shows the object, or the vendor says that it is gone.
pub fn vanished(id: &str) -> Vec<u8> {
    serde_json::json!({ "id": id, "penstock": "vanished" }).to_string().into_bytes()
}

/// Returns the payload of a tombstone for an object that answers with another one, `into`, because
/// it was merged.
pub fn became(id: &str, into: &str) -> Vec<u8> {
    serde_json::json!({ "id": id, "penstock": "vanished", "into": into }).to_string().into_bytes()
}

/// Returns the payload of a tombstone for a payment that the vendor's lists do not show. It keeps
/// what was known of it, in ISO 4217 minor units.
pub fn vanished_movement(
    kind: &str,
    id: &str,
    amount: i64,
    currency: &str,
    occurred_at: Timestamp,
) -> Vec<u8> {
    let (penstock, created) = ("vanished", occurred_at.as_second());
    let tombstone = serde_json::json!({
        "id": id, "object": kind, "penstock": penstock, "amount": amount, "currency": currency, "created": created,
    });
    tombstone.to_string().into_bytes()
}

/// Returns whether a payload is a tombstone.
pub fn is_vanished(payload: &[u8]) -> bool {
    tombstone(payload).is_some()
}

/// Returns the id of the object that a tombstone's object was merged into, if the vendor said so.
pub fn became_what(payload: &[u8]) -> Option<String> {
    tombstone(payload)?.into
}

fn tombstone(payload: &[u8]) -> Option<Marked<'_>> {
    // Tombstones are short; a long body is not searched for the mark.
    let marked = if payload.len() < 8_192 {
        serde_json::from_slice::<Marked<'_>>(payload).ok()
    } else {
        None
    };
    marked.filter(|marked| marked.penstock.as_deref() == Some("vanished"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_known_again_whatever_its_id() {
        for id in ["17", "a \"quoted\" id", "\u{1f600}\\"] {
            assert!(is_vanished(&vanished(id)) && is_vanished(&became(id, "18")), "{id}");
            assert_eq!(
                (became_what(&vanished(id)), became_what(&became("18", id)).as_deref()),
                (None, Some(id))
            );
        }
        assert!(!is_vanished(br#"{"id":"17","penstock":"here"}"#));
        assert!(!is_vanished(br#"{"id":"17"}"#));
        assert!(!is_vanished(b"vanished"));
    }
}
