//! One object of a list or one event, as an outbox item.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::record::Item;

#[derive(Debug, Default, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    created: Option<i64>,
    #[serde(borrow)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<EventData<'a>>,
}

#[derive(Debug, Deserialize)]
struct EventData<'a> {
    #[serde(borrow)]
    object: Inner<'a>,
}

#[derive(Debug, Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
}

/// What identifies an object: enough to page on, whatever else is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub id: Option<String>,
    pub created: Option<Timestamp>,
}

impl Head {
    pub(super) fn of(raw: &str) -> Self {
        let wire: Wire<'_> = serde_json::from_str(raw).unwrap_or_default();
        Self { id: sound(wire.id), created: wire.created.and_then(|s| Timestamp::from_second(s).ok()) }
    }
}

/// An id that a text column takes: not empty, no NUL, at most 255 characters.
fn sound(id: Option<Cow<'_, str>>) -> Option<String> {
    id.filter(|id| !id.is_empty() && !id.contains('\0') && id.chars().count() <= 255).map(Cow::into_owned)
}

/// Reads one element of a list. Never fails: what cannot be identified is kept under its hash, and
/// `process` says in a dead letter what is wrong with it; the page goes on (rule 7).
pub(super) fn read<'a>(raw: &'a str, observed_key: &str, as_of: Timestamp) -> Item<'a> {
    let wire: Wire<'_> = serde_json::from_str(raw).unwrap_or_default();
    let observed = |entity: String, external_id: String| Item {
        entity,
        external_id,
        version_key: observed_key.to_owned(),
        version_at: as_of,
        api_version: None,
        payload: raw.as_bytes(),
    };
    let Wire { id: Some(id), object: Some(object), created, api_version, data } = wire else {
        return observed("unknown".to_owned(), hash(raw));
    };
    match (sound(Some(id)), sound(Some(object)), data) {
        (Some(event_id), Some(kind), Some(data)) if kind == "event" => {
            let entity = sound(data.object.object).unwrap_or_else(|| "unknown".to_owned());
            // Some objects have no id of their own (a balance); the event then stands for itself.
            let external_id = sound(data.object.id).unwrap_or_else(|| event_id.clone());
            let version_at = created.and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(as_of);
            let api_version = sound(api_version);
            Item { entity, external_id, version_key: event_id, version_at, api_version, payload: raw.as_bytes() }
        }
        (Some(id), Some(kind), _) => observed(kind, id),
        _ => observed("unknown".to_owned(), hash(raw)),
    }
}

fn hash(raw: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(raw)))
}
