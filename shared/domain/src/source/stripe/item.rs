//! One object of a list or one event, as an outbox item.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::record::Item;

#[derive(Debug, Default, Deserialize)]
struct RawObject<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created: Option<Created<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<EventData<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    related_object: Option<Related<'a>>,
}

/// Reads a field that is no part of the identity. One of another type is missing: it must not cost
/// the object its id, or a version that cannot be read would be nobody's (trap 77).
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Unix seconds in API v1, RFC 3339 in v2.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Created<'a> {
    Seconds(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Neither(IgnoredAny),
}

impl Created<'_> {
    /// Returns the time; `None` if it cannot be read or is before 1970. Postgres takes no year
    /// before -4712, and Stripe is younger than 1970.
    fn at(&self) -> Option<Timestamp> {
        let at: Option<Timestamp> = match self {
            Self::Seconds(s) => Timestamp::from_second(*s).ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Neither(_) => None,
        };
        at.filter(|at| *at >= Timestamp::UNIX_EPOCH)
    }
}

#[derive(Debug, Deserialize)]
struct EventData<'a> {
    #[serde(borrow)]
    object: Option<Inner<'a>>,
}

#[derive(Debug, Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
}

/// What a thin event is about (docs.stripe.com/event-destinations: it carries no object, only a
/// reference).
#[derive(Debug, Deserialize)]
struct Related<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// What identifies an object: enough to page on, whatever else is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub id: Option<String>,
    pub created: Option<Timestamp>,
}

impl Head {
    pub(super) fn of(raw: &str) -> Self {
        let sent: RawObject<'_> = serde_json::from_str(raw).unwrap_or_default();
        Self { id: sound(sent.id), created: sent.created.and_then(|c| c.at()) }
    }
}

/// An id that a text column takes: not empty, no NUL, at most 255 characters.
fn sound(id: Option<Cow<'_, str>>) -> Option<String> {
    id.filter(|id| !id.is_empty() && !id.contains('\0') && id.chars().count() <= 255)
        .map(Cow::into_owned)
}

/// Reads one element of a list. Never fails: what cannot be identified is kept under its hash, and
/// `process` says in a dead letter what is wrong with it; the page goes on (rule 7).
pub(super) fn read<'a>(raw: &'a [u8], observed_key: &str, as_of: Timestamp) -> Item<'a> {
    let sent = serde_json::from_slice(raw).unwrap_or_default();
    item(sent, raw, observed_key, as_of)
}

/// Reads the body of a webhook, and says which object it only names, as a thin event does. What has
/// no event id of its own stands under its hash: the same bytes again are the same version (trap
/// 28).
pub(super) fn delivery(raw: &[u8], received_at: Timestamp) -> (Item<'_>, Option<(String, String)>) {
    let sent: RawObject<'_> = serde_json::from_slice(raw).unwrap_or_default();
    let carried = sent.data.as_ref().is_some_and(|data| data.object.is_some());
    let item = item(sent, raw, &hash(raw), received_at);
    let named = !carried && item.external_id != item.version_key && is_plain(&item.external_id);
    let named = named.then(|| (item.entity.clone(), item.external_id.clone()));
    (item, named)
}

/// Fit to be a part of a URL's path.
fn is_plain(id: &str) -> bool {
    id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn item<'a>(sent: RawObject<'_>, raw: &'a [u8], observed_key: &str, as_of: Timestamp) -> Item<'a> {
    let observed = |entity: String, external_id: String| Item {
        entity,
        external_id,
        version_key: observed_key.to_owned(),
        version_at: as_of,
        api_version: None,
        payload: raw,
    };
    let RawObject {
        id: Some(id),
        object: Some(object),
        created,
        api_version,
        data,
        related_object,
    } = sent
    else {
        return observed("unknown".to_owned(), hash(raw));
    };
    let (Some(id), Some(kind)) = (sound(Some(id)), sound(Some(object))) else {
        return observed("unknown".to_owned(), hash(raw));
    };
    if kind != "event" && kind != "v2.core.event" {
        return observed(kind, id);
    }
    let (entity, external_id) = match (data.and_then(|data| data.object), related_object) {
        (Some(object), _) => {
            (sound(object.object).unwrap_or_else(|| "unknown".to_owned()), sound(object.id))
        }
        (None, Some(Related { id: about, kind: Some(of) })) if about.is_some() => {
            (sound(Some(of)).unwrap_or_else(|| kind.clone()), sound(about))
        }
        (None, _) => (kind, None),
    };
    Item {
        entity,
        // Some objects have no id of their own (a balance); the event then stands for itself.
        external_id: external_id.unwrap_or_else(|| id.clone()),
        version_key: id,
        version_at: created.and_then(|c| c.at()).unwrap_or(as_of),
        api_version: sound(api_version),
        payload: raw,
    }
}

fn hash(raw: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"id":"evt_1","object":"event","created":1780272000,"api_version":"2020-08-27",
        "data":{"object":{"id":"ch_1","object":"charge"}}}"#;
    const THIN: &str = r#"{"id":"evt_2","object":"v2.core.event","type":"v1.refund.updated",
        "created":"2026-06-01T00:00:00.250Z","related_object":{"id":"re_1","type":"refund","url":"/v1/refunds/re_1"}}"#;

    fn received() -> Timestamp {
        "2026-06-02T00:00:00Z".parse().unwrap()
    }

    fn key(item: &Item<'_>) -> [String; 3] {
        [item.entity.clone(), item.external_id.clone(), item.version_key.clone()]
    }

    #[test]
    fn a_pushed_event_is_the_same_version_as_the_one_in_the_list() {
        let (pushed, named) = delivery(EVENT.as_bytes(), received());
        assert_eq!(pushed, read(EVENT.as_bytes(), "run:1", received()));
        assert_eq!(key(&pushed), ["charge", "ch_1", "evt_1"]);
        assert_eq!(pushed.version_at.to_string(), "2026-06-01T00:00:00Z");
        assert_eq!(pushed.api_version.as_deref(), Some("2020-08-27"));
        assert_eq!(named, None, "it carries what it is about");
    }

    #[test]
    fn a_thin_event_names_its_object_by_either_word_for_an_event() {
        for body in [THIN.to_owned(), THIN.replace("v2.core.event", "event")] {
            let (item, named) = delivery(body.as_bytes(), received());
            assert_eq!(key(&item), ["refund", "re_1", "evt_2"]);
            assert_eq!(item.version_at.to_string(), "2026-06-01T00:00:00.25Z");
            assert_eq!(named, Some(("refund".to_owned(), "re_1".to_owned())));
        }
        let odd = THIN.replace("\"re_1\"", "\"../charges\"");
        assert_eq!(
            delivery(odd.as_bytes(), received()).1,
            None,
            "no id that could be another path"
        );
    }

    #[test]
    fn trap_77_an_odd_field_does_not_cost_an_event_its_object() {
        for odd in [
            EVENT.replace("\"2020-08-27\"", "20200827"),
            EVENT.replace("\"2020-08-27\"", "{}"),
            EVENT.replace("\"api_version\":", "\"related_object\":7,\"api_version\":"),
            EVENT.replace("1780272000", "\"yesterday\""),
        ] {
            assert_eq!(key(&delivery(odd.as_bytes(), received()).0), ["charge", "ch_1", "evt_1"]);
        }
    }

    #[test]
    fn an_event_about_nothing_stands_for_itself() {
        let bare = r#"{"id":"evt_3","object":"v2.core.event","created":"no time","data":{"reason":1},"related_object":null}"#;
        let (item, named) = delivery(bare.as_bytes(), received());
        assert_eq!(key(&item), ["v2.core.event", "evt_3", "evt_3"]);
        assert_eq!((item.version_at, named), (received(), None));
    }

    #[test]
    fn what_has_no_event_id_stands_under_its_hash_and_the_same_bytes_are_the_same_version() {
        for body in
            [&b""[..], b"not json", b"{\"object\":\"event\"}", b"{\"id\":5}", b"[]", b"\xff\xfe"]
        {
            let (item, named) = delivery(body, received());
            assert_eq!((item.entity.as_str(), named), ("unknown", None));
            assert_eq!((&item.external_id, item.payload), (&item.version_key, body));
            assert_eq!(item.external_id, hash(body));
        }
    }
}
