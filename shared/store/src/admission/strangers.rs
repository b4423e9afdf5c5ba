//! Keys that Postgres did not know a moment ago.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::elapsed;

/// A key that was unknown is looked up again after this time. So a new key works after it at the
/// latest, also where somebody tried it too early.
pub const FORGOTTEN: Duration = Duration::from_secs(5);

/// The most keys that are remembered as unknown: a flood of guesses fills no memory.
const MOST: usize = 1024;

/// The keys that were unknown, by their SHA-256, with the time of the look-up.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Strangers {
    /// Returns whether the key was unknown a moment before `now`.
    pub(super) fn has(&self, sha256: &[u8; 32], now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(sha256).is_some_and(|at| elapsed(*at, now) < FORGOTTEN)
    }

    /// Remembers that the key is unknown. If there is no room, those whose time is over are
    /// forgotten, or else all.
    pub(super) fn add(&self, sha256: [u8; 32], now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, at| elapsed(*at, now) < FORGOTTEN);
        }
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(sha256, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_guesses_is_remembered_for_seconds_and_within_a_bound() {
        let (strangers, now) = (Strangers::default(), Timestamp::UNIX_EPOCH);
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            key
        };
        for n in 0..10_000 {
            strangers.add(key(n), now);
            assert!(strangers.has(&key(n), now));
        }
        assert!(strangers.0.lock().unwrap().len() <= MOST);
        assert!(strangers.has(&key(9_999), now + FORGOTTEN - Duration::from_nanos(1)));
        assert!(!strangers.has(&key(9_999), now + FORGOTTEN));
        assert!(!strangers.has(&key(10_000), now));
    }
}
