//! One object of a reply as an outbox item.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::object::Object;
use super::{LIST_LAG, REFETCH_LAG};
use crate::clock::earlier;
use crate::ids::RunId;
use crate::record::{Item, full_run_key, refetch_key};

/// How an object came to be seen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    /// In the list of a full run.
    Listed(RunId),
    /// In the list of archived objects of a full run, which comes after the other.
    Archived(RunId),
    /// In a search on the modified time.
    Found(RunId),
    /// By its id.
    Refetched(RunId),
}

/// Reads one object. Never fails: an object without a usable id is kept under its hash, and
/// `process` makes it a dead letter with the reason. The page goes on (rule 7).
///
/// An object from a search is stamped and keyed with its own modified time. A listed or refetched
/// object is stamped later if that is safe, so that it repairs the stored row. A repair is needed
/// after a restore, which may leave HubSpot's modified time as it was, and after a change of the
/// stage map. That stamp is the time of the reply minus the lag, so a newer change, which the reply
/// may not show yet, still wins.
pub(super) fn read<'a>(entity: &str, raw: &'a [u8], seen: Seen, as_of: Timestamp) -> Item<'a> {
    let object: Object<'_> = match serde_json::from_slice(raw) {
        Ok(object) => object,
        // Whose version cannot be read must be known, or an older one would go on counting.
        Err(_) => Object::with_id_only(raw),
    };
    let run_key = match seen {
        Seen::Listed(run) | Seen::Found(run) => full_run_key(run),
        // An object that is archived during the run is in both lists, in two versions.
        Seen::Archived(run) => format!("{}:archived", full_run_key(run)),
        Seen::Refetched(run) => refetch_key(run),
    };
    let Some(id) = object.id() else {
        let hash = format!("sha256:{}", hex::encode(Sha256::digest(raw)));
        return item("unknown", hash, run_key, as_of, raw);
    };
    let changed_at = object.changed_at();
    let (key, at) = match (seen, changed_at) {
        (Seen::Found(_), Some(at)) => (format!("modified:{at}"), at),
        (_, None) => (run_key, as_of),
        (Seen::Listed(_) | Seen::Archived(_), Some(at)) => {
            (run_key, at.max(earlier(as_of, LIST_LAG)))
        }
        (Seen::Refetched(_), Some(at)) => (run_key, at.max(earlier(as_of, REFETCH_LAG))),
    };
    item(entity, id.into_owned(), key, at, raw)
}

fn item<'a>(
    entity: &str,
    external_id: String,
    version_key: String,
    version_at: Timestamp,
    payload: &'a [u8],
) -> Item<'a> {
    Item {
        entity: entity.to_owned(),
        external_id,
        version_key,
        version_at,
        api_version: None,
        payload,
    }
}
