//! Admission control: which key is valid, and how many requests it has left. Owns `rate_windows`.
//!
//! A key may make `rate * 10` requests in each window of ten seconds; windows begin at :00, :10,
//! :20 and so on. The statement that reads the key grants the environment a slice of the window,
//! which it spends without asking again (`docs/adr/0015-rate-limits-by-slices.md`).
//!
//! Guesses are kept away from Postgres: a key whose mark is not ours is refused unasked, and a key
//! that Postgres did not know is not asked for again for some seconds
//! (`docs/adr/0036-keys-that-prove-themselves.md`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::access::{ApiKey, KeyStatus, PresentedKey};
use penstock_domain::clock::elapsed;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Database, Row, StoreError, api_keys};

mod issuer;
mod strangers;

pub use issuer::{Issuer, Judging, Verdict};
pub use strangers::FORGOTTEN;
use strangers::Strangers;

statements! {
    rate_windows.grant: Grant<'a> {
        sha256: &'a [u8],
        window_start: Timestamp,
        default_rate: i32,
        window_seconds: i32,
        largest_slice: i32,
        keyless_rate: i32,
        owed: i32,
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

/// The most keys that are remembered. Only valid keys are, so guessing cannot fill the map:
/// [`Strangers`] has a bound of its own.
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
    keyless_rate: i32,
    issuer: Option<Arc<dyn Issuer>>,
    known: Mutex<HashMap<[u8; 32], Known>>,
    strangers: Strangers,
}

/// The requests a second of all senders without a key together, unless set otherwise.
pub const KEYLESS_RATE: u32 = 5;

/// A key, and the requests that it may still make in this environment.
#[derive(Debug)]
struct Known {
    key: ApiKey,
    read_at: Timestamp,
    window: Timestamp,
    /// Below zero: what a long request owes.
    left: i64,
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
        let default_rate = whole(default_rate_per_second).max(1);
        let (known, strangers) = (Mutex::default(), Strangers::default());
        let keyless_rate = whole(KEYLESS_RATE);
        Self { database, default_rate, keyless_rate, issuer: None, known, strangers }
    }

    /// Has keys with a mark judged before they are looked up.
    #[must_use]
    pub fn with_issuer(self, issuer: Arc<dyn Issuer>) -> Self {
        Self { issuer: Some(issuer), ..self }
    }

    /// Sets the rate of all senders without a key ([`PresentedKey::NONE`]) together.
    #[must_use]
    pub fn with_keyless_rate(self, rate_per_second: u32) -> Self {
        Self { keyless_rate: whole(rate_per_second), ..self }
    }

    /// Looks the key up and spends one request of its rate. The caller compares the scope.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails. A connection that broke while idle is
    /// replaced once.
    pub async fn authenticate(
        &self,
        key: &PresentedKey,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        self.authenticate_weighing(key, 1, now).await
    }

    /// Looks the key up and spends `weight` requests of its rate. One that is left is enough: what
    /// is missing is paid out of the next slice.
    ///
    /// # Errors
    /// See [`Admission::authenticate`].
    pub async fn authenticate_weighing(
        &self,
        key: &PresentedKey,
        weight: u32,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        if let Some(status) = self.recall(key, weight, now).await {
            return Ok(status);
        }
        match self.ask(key, weight, now).await {
            // A slice that the first try may have been granted is lost, never granted twice.
            Err(error) if error.is_broken_connection() => self.ask(key, weight, now).await,
            outcome => outcome,
        }
    }

    async fn ask(
        &self,
        key: &PresentedKey,
        weight: u32,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        let connection = self.database.connection().await?;
        self.grant(&**connection, key, weight, now).await
    }

    /// Answers without Postgres: if the remembered grant is enough, if the key's mark is not ours,
    /// or if Postgres did not know the key a moment ago. `None` if Postgres has to be asked.
    pub async fn recall(
        &self,
        key: &PresentedKey,
        weight: u32,
        now: Timestamp,
    ) -> Option<KeyStatus> {
        if let Some(status) = self.spend(&key.sha256, weight, now) {
            return Some(status);
        }
        if self.strangers.has(&key.sha256, now) {
            return Some(KeyStatus::Unknown);
        }
        let forged = self.judge(key, now, false).await == Verdict::Forged;
        forged.then_some(KeyStatus::Unknown)
    }

    /// Says whether a key proves by its mark that it is ours, while Postgres cannot be asked.
    pub async fn proof(&self, key: &PresentedKey, now: Timestamp) -> Verdict {
        self.judge(key, now, true).await
    }

    async fn judge(&self, key: &PresentedKey, now: Timestamp, waits: bool) -> Verdict {
        match &self.issuer {
            Some(issuer) if *key != PresentedKey::NONE => issuer.judge(key, now, waits).await,
            _ => Verdict::Unproven,
        }
    }

    /// Spends of what is remembered; `None` if that is not enough for an answer.
    fn spend(&self, sha256: &[u8; 32], weight: u32, now: Timestamp) -> Option<KeyStatus> {
        let mut known = self.known();
        let known = known.get_mut(sha256).filter(|known| known.is_current(now))?;
        if known.left > 0 {
            known.left -= i64::from(weight);
            return Some(KeyStatus::Valid(known.key.clone()));
        }
        known.is_spent.then(|| limited(known.window, now))
    }

    /// Asks Postgres, on a connection that the caller has: the look-up can share a round trip with
    /// the statement that it protects. See [`Admission::authenticate`].
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn authenticate_on(
        &self,
        on: &impl GenericClient,
        key: &PresentedKey,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        self.grant(on, key, 1, now).await
    }

    async fn grant(
        &self,
        on: &impl GenericClient,
        key: &PresentedKey,
        weight: u32,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        let (sha256, owed) = (&key.sha256, self.owed(&key.sha256, now));
        let mut taken = self.take(on, sha256, owed, now).await?;
        // The key's very first request, and another environment was first: now its row is visible.
        if taken.as_ref().is_some_and(|taken| taken.size == 0 && !taken.is_spent) {
            taken = self.take(on, sha256, owed, now).await?;
        }
        let status = self.learn(sha256, taken, i64::from(weight), i64::from(owed), now);
        if status == KeyStatus::Unknown {
            self.strangers.add(*sha256, now);
            // So that the next guess with a mark is refused unasked.
            self.judge(key, now, true).await;
        }
        Ok(status)
    }

    /// Returns what the requests of this window have spent beyond their slices.
    fn owed(&self, sha256: &[u8; 32], now: Timestamp) -> i32 {
        let known = self.known();
        let left = known.get(sha256).filter(|known| known.is_current(now)).map_or(0, |it| it.left);
        i32::try_from(left.min(0).unsigned_abs()).unwrap_or(i32::MAX)
    }

    async fn take(
        &self,
        on: &impl GenericClient,
        sha256: &[u8; 32],
        owed: i32,
        now: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        let grant = Grant {
            sha256: sha256.as_slice(),
            window_start: window_of(now),
            default_rate: self.default_rate,
            window_seconds: WINDOW_SECONDS,
            largest_slice: LARGEST_SLICE,
            keyless_rate: self.keyless_rate,
            owed,
        };
        match grant.optional(on).await? {
            Some(row) => Taken::of(&row),
            None => Ok(None),
        }
    }

    fn learn(
        &self,
        sha256: &[u8; 32],
        taken: Option<Taken>,
        weight: i64,
        owed: i64,
        now: Timestamp,
    ) -> KeyStatus {
        let mut all = self.known();
        let Some(Taken { key, window, size, is_spent }) = taken else {
            all.remove(sha256);
            return KeyStatus::Unknown;
        };
        if all.len() >= MOST_KEYS && !all.contains_key(sha256) {
            forget_oldest(&mut all);
        }
        let status = if size > 0 { KeyStatus::Valid(key.clone()) } else { limited(window, now) };
        let left = if size > 0 { i64::from(size) - weight } else { 0 };
        match all.entry(*sha256) {
            // Two requests asked at once: each brought a slice.
            Entry::Occupied(mut known) if known.get().window == window => {
                let known = known.get_mut();
                known.left += owed + left;
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

fn whole(rate_per_second: u32) -> i32 {
    i32::try_from(rate_per_second).unwrap_or(i32::MAX)
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
