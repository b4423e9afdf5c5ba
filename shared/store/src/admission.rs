//! Admission control: which key is valid, and how many requests it has left. Owns `rate_windows`.
//!
//! A key may make `rate * 10` requests in each window of ten seconds; windows begin at :00, :10,
//! :20 and so on. The statement that reads the key grants the environment a slice of the window,
//! which it spends without asking again (`docs/adr/0015-rate-limits-by-slices.md`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::access::{ApiKey, KeyStatus};
use penstock_domain::clock::elapsed;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Database, Row, StoreError, api_keys};

statements! {
    rate_windows.grant: Grant<'a> {
        sha256: &'a [u8],
        window_start: Timestamp,
        default_rate: i32,
        window_seconds: i32,
        largest_slice: i32,
    }
}

const WINDOW_SECONDS: i32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// A window that begins more than this after ours comes from a broken clock. `grant.sql` has the
/// same limit.
const FURTHEST_AHEAD: Duration = Duration::from_secs(60);

/// A key is used for this long before Postgres is asked again whether it is valid.
pub const REMEMBERED: Duration = Duration::from_secs(30);

/// The most requests that one statement grants.
const LARGEST_SLICE: i32 = 64;

/// The most keys that are remembered. Only valid keys are, so guessing cannot fill the map.
const MOST_KEYS: usize = 1024;

/// Authenticates keys and counts their requests. There is one per environment. It remembers keys
/// and granted requests, so that most requests cost no round trip.
///
/// A remembered key is used within its window, and for [`REMEMBERED`] at most. A revoked key is
/// therefore refused after 30 seconds at the latest, usually after 10.
#[derive(Debug)]
pub struct Admission {
    database: Database,
    default_rate: i32,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

/// A key, and the requests that it may still make in this environment.
#[derive(Debug)]
struct Known {
    key: ApiKey,
    read_at: Timestamp,
    window: Timestamp,
    left: u32,
    /// The window is used up everywhere: Postgres would grant no more.
    is_spent: bool,
}

/// The answer of the statement.
struct Taken {
    key: ApiKey,
    window: Timestamp,
    size: u32,
    is_spent: bool,
}

impl Admission {
    /// Makes an admission. `default_rate_per_second` holds for keys without a rate of their own; it
    /// is at least 1.
    #[must_use]
    pub fn new(database: Database, default_rate_per_second: u32) -> Self {
        let default_rate = i32::try_from(default_rate_per_second).unwrap_or(i32::MAX).max(1);
        Self { database, default_rate, known: Mutex::default() }
    }

    /// Looks the key up and spends one request of its rate. The caller compares the scope.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails. A connection that broke while idle is
    /// replaced once.
    pub async fn authenticate(
        &self,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        if let Some(status) = self.authenticate_cached(sha256, now) {
            return Ok(status);
        }
        match self.ask(sha256, now).await {
            // A slice that the first try may have been granted is lost, never granted twice.
            Err(error) if error.is_broken_connection() => self.ask(sha256, now).await,
            outcome => outcome,
        }
    }

    async fn ask(&self, sha256: &[u8; 32], now: Timestamp) -> Result<KeyStatus, StoreError> {
        let connection = self.database.connection().await?;
        self.authenticate_on(&**connection, sha256, now).await
    }

    /// Answers if the remembered grant is enough for it; `None` if Postgres has to be asked.
    #[must_use]
    pub fn authenticate_cached(&self, sha256: &[u8; 32], now: Timestamp) -> Option<KeyStatus> {
        let mut known = self.known();
        let known = known.get_mut(sha256).filter(|known| known.is_current(now))?;
        match known.left.checked_sub(1) {
            Some(left) => {
                known.left = left;
                Some(KeyStatus::Valid(known.key.clone()))
            }
            None => known.is_spent.then(|| limited(known.window, now)),
        }
    }

    /// Asks Postgres, on a connection that the caller has: the look-up can share a round trip with
    /// the statement that it protects. See [`Admission::authenticate`].
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn authenticate_on(
        &self,
        on: &impl GenericClient,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        let mut taken = self.take(on, sha256, now).await?;
        // The key's very first request, and another environment was first: now its row is visible.
        if taken.as_ref().is_some_and(|taken| taken.size == 0 && !taken.is_spent) {
            taken = self.take(on, sha256, now).await?;
        }
        Ok(self.learn(sha256, taken, now))
    }

    async fn take(
        &self,
        on: &impl GenericClient,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        let grant = Grant {
            sha256: sha256.as_slice(),
            window_start: window_of(now),
            default_rate: self.default_rate,
            window_seconds: WINDOW_SECONDS,
            largest_slice: LARGEST_SLICE,
        };
        match grant.optional(on).await? {
            Some(row) => Taken::of(&row),
            None => Ok(None),
        }
    }

    fn learn(&self, sha256: &[u8; 32], taken: Option<Taken>, now: Timestamp) -> KeyStatus {
        let mut all = self.known();
        let Some(Taken { key, window, size, is_spent }) = taken else {
            all.remove(sha256);
            return KeyStatus::Unknown;
        };
        if all.len() >= MOST_KEYS && !all.contains_key(sha256) {
            forget_oldest(&mut all);
        }
        let status = if size > 0 { KeyStatus::Valid(key.clone()) } else { limited(window, now) };
        let left = size.saturating_sub(1);
        match all.entry(*sha256) {
            // Two requests asked at once: each brought a slice.
            Entry::Occupied(mut known) if known.get().window == window => {
                let known = known.get_mut();
                known.left = known.left.saturating_add(left);
                known.is_spent |= is_spent;
                (known.key, known.read_at) = (key, now);
            }
            entry => {
                entry.insert_entry(Known { key, read_at: now, window, left, is_spent });
            }
        }
        status
    }

    /// Returns the key as it was last read here, however long ago, for when Postgres is
    /// unreachable. A key that was found revoked since is not returned.
    #[must_use]
    pub fn remembered(&self, sha256: &[u8; 32]) -> Option<ApiKey> {
        self.known().get(sha256).map(|known| known.key.clone())
    }

    /// Never held across an await. Each change is complete, so a poisoned lock holds valid data.
    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_current(&self, now: Timestamp) -> bool {
        is_current(self.window, now) && elapsed(self.read_at, now) < REMEMBERED
    }
}

impl Taken {
    /// Returns `None` if this release does not know the key's scope.
    fn of(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(key) = api_keys::of(row)? else { return Ok(None) };
        let size: i32 = row.read("size")?;
        Ok(Some(Self {
            key,
            window: row.read("window_start")?,
            size: u32::try_from(size).unwrap_or(0),
            is_spent: row.read("is_spent")?,
        }))
    }
}

fn forget_oldest(all: &mut HashMap<[u8; 32], Known>) {
    let oldest = all.iter().min_by_key(|(_, known)| known.read_at).map(|(sha256, _)| *sha256);
    oldest.map(|sha256| all.remove(&sha256));
}

/// Returns the beginning of the window that `now` is in.
fn window_of(now: Timestamp) -> Timestamp {
    let length = i64::from(WINDOW_SECONDS);
    Timestamp::from_second(now.as_second().div_euclid(length) * length).unwrap_or(Timestamp::MIN)
}

/// Returns whether a window is the one of `now`, or a later one by a clock ahead of ours.
fn is_current(window: Timestamp, now: Timestamp) -> bool {
    let ours = window_of(now);
    ours <= window && window <= ours + FURTHEST_AHEAD
}

fn limited(window: Timestamp, now: Timestamp) -> KeyStatus {
    let rest = elapsed(now, window + WINDOW);
    let seconds = rest.as_secs() + u64::from(rest.subsec_nanos() > 0);
    KeyStatus::RateLimited { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_begins_on_the_tens_and_the_wait_is_whole_seconds_to_its_end() {
        for (now, window, retry_after_s) in [
            ("2026-03-15T12:00:00Z", "2026-03-15T12:00:00Z", 10),
            ("2026-03-15T12:00:00.000001Z", "2026-03-15T12:00:00Z", 10),
            ("2026-03-15T12:00:19.999999Z", "2026-03-15T12:00:10Z", 1),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:50Z", 1),
        ] {
            assert_eq!(window_of(at(now)), at(window));
            assert_eq!(limited(at(window), at(now)), KeyStatus::RateLimited { retry_after_s });
        }
        // The window is over by the time it is looked at.
        let late = limited(at("2026-03-15T12:00:00Z"), at("2026-03-15T12:00:10Z"));
        assert_eq!(late, KeyStatus::RateLimited { retry_after_s: 1 });
    }

    #[test]
    fn a_window_ahead_is_current_and_one_that_is_over_or_far_ahead_is_not() {
        let now = at("2026-03-15T12:00:09Z");
        for (window, current) in [
            ("2026-03-15T11:59:50Z", false),
            ("2026-03-15T12:00:00Z", true),
            ("2026-03-15T12:01:00Z", true),
            ("2026-03-15T12:01:10Z", false),
        ] {
            assert_eq!(is_current(at(window), now), current, "{window}");
        }
    }
}
