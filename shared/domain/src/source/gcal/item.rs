//! One event of a list, as an outbox item.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::ENTITY;
use crate::record::Item;

/// Characters of an event's id at most, by Google's reference; they are ASCII.
pub(super) const LONGEST_ID: usize = 1024;

#[derive(Debug, Default, Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    updated: Option<&'a RawValue>,
    /// Raw, because a status that is no text must not cost the event its id.
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// Returns Google's stamp; `None` if it cannot be read, or is the year 0 of some cancelled events.
pub(super) fn stamp(updated: Option<&RawValue>) -> Option<Timestamp> {
    let text: Cow<'_, str> = serde_json::from_str(updated?.get()).ok()?;
    text.parse().ok().filter(|at: &Timestamp| *at >= Timestamp::UNIX_EPOCH)
}

/// An id that a text column and its index take.
pub(super) fn sound(id: &str) -> bool {
    !id.is_empty() && !id.contains('\0') && id.len() <= LONGEST_ID
}

/// The prefix of a row's id if its payload names no event. No id of Google's has a colon.
const HASHED: &str = "sha256:";

/// Returns whether a row's id is an event's, and not the hash of a payload that names none.
pub(super) fn is_id(external_id: &str) -> bool {
    !external_id.starts_with(HASHED)
}

/// How versions are told apart within a run.
#[derive(Debug, Clone)]
pub(super) struct Keys<'a> {
    /// Of what was only seen: in a full run everything, else what carries no stamp of its own.
    /// The same tombstone may come again after the event was restored, as another version.
    pub seen: &'a str,
    /// Whether a version's own content is its key.
    pub native: bool,
    /// When what carries no stamp was seen.
    pub as_of: Timestamp,
}

/// One element of a list.
pub(super) enum Listed<'a> {
    Item(Item<'a>),
    /// The id of a deleted event of which Google says no more: not when it was deleted.
    BareTombstone(String),
}

/// Reads one element of a list. Never fails: what cannot be identified is kept under its hash, and
/// `process` says in a dead letter what is wrong with it.
pub(super) fn listed<'a>(raw: &'a [u8], keys: &Keys<'_>) -> Listed<'a> {
    let sent: RawEvent<'_> = serde_json::from_slice(raw).unwrap_or_default();
    let is_cancelled = sent.status.is_some_and(|status| status.get() == r#""cancelled""#);
    match sent.id {
        Some(id) if is_cancelled && stamp(sent.updated).is_none() && sound(&id) => {
            Listed::BareTombstone(id.into_owned())
        }
        id => Listed::Item(item(raw, RawEvent { id, ..sent }, keys)),
    }
}

/// Reads one event that was asked for by its id, and never fails either.
pub(super) fn read<'a>(raw: &'a [u8], keys: &Keys<'_>) -> Item<'a> {
    item(raw, serde_json::from_slice(raw).unwrap_or_default(), keys)
}

fn item<'a>(raw: &'a [u8], sent: RawEvent<'_>, keys: &Keys<'_>) -> Item<'a> {
    let updated = stamp(sent.updated);
    let hash = || format!("{HASHED}{}", hex::encode(Sha256::digest(raw)));
    let version_key = if keys.native && updated.is_some() { hash() } else { keys.seen.to_owned() };
    Item {
        entity: ENTITY.to_owned(),
        external_id: sent.id.filter(|id| sound(id)).map_or_else(hash, Cow::into_owned),
        version_key,
        version_at: updated.unwrap_or(keys.as_of),
        api_version: None,
        payload: raw,
    }
}
