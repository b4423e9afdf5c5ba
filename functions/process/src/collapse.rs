//! Many versions of one object in a batch become the one that stands: a statement must not touch a key
//! twice (trap 17).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use penstock_store::payments::{Tie, Version};

/// A batch with one version a key.
pub(crate) struct Collapsed<'a> {
    pub newest: Vec<Version<'a>>,
    /// Keys whose newest versions carry the same second and do not say the same.
    pub ties: Vec<Tie>,
}

pub(crate) fn collapse<'a>(movements: impl ExactSizeIterator<Item = Version<'a>>) -> Collapsed<'a> {
    let mut newest: HashMap<_, (Version<'a>, bool)> = HashMap::with_capacity(movements.len());
    for version in movements {
        let payment = version.payment;
        match newest.entry((version.source, payment.kind, payment.external_id.as_str())) {
            Entry::Vacant(free) => {
                free.insert((version, false));
            }
            Entry::Occupied(mut held) => {
                let (Version { payment: other, .. }, tied) = *held.get();
                let same_second = payment.version_at == other.version_at;
                let tied = (tied && payment.version_at <= other.version_at)
                    || (same_second && !payment.agrees_with(other));
                if payment.precedence() > other.precedence() {
                    held.insert((version, tied));
                } else {
                    held.get_mut().1 = tied;
                }
            }
        }
    }
    let tie = |v: &Version<'_>| Tie {
        source: v.source.to_owned(),
        kind: v.payment.kind.as_str().to_owned(),
        external_id: v.payment.external_id.clone(),
    };
    let ties = newest.values().filter(|(_, tied)| *tied).map(|(v, _)| tie(v)).collect();
    Collapsed { newest: newest.into_values().map(|(v, _)| v).collect(), ties }
}

/// The version of each key that stands, where nothing is to be done about ties.
pub(crate) fn newest<T: Copy, K: Eq + Hash, P: Ord>(
    versions: impl ExactSizeIterator<Item = T>,
    key: impl Fn(T) -> K,
    precedence: impl Fn(T) -> P,
) -> Vec<T> {
    let mut newest = HashMap::with_capacity(versions.len());
    for version in versions {
        let held = newest.entry(key(version)).or_insert(version);
        if precedence(version) > precedence(*held) {
            *held = version;
        }
    }
    newest.into_values().collect()
}
