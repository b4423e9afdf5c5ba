//! Who may come in, and how often. Owns the `rate_windows` table.
//!
//! A key may do `rate * 10` requests in each window of ten seconds, windows begin on the clock's tens. An
//! environment takes a slice of a window's grants in the statement that reads the key, and spends it
//! without asking again (`docs/adr/0015-rate-limits-by-slices.md`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use tokio_postgres::GenericClient;

use crate::api_keys::ApiKey;
use crate::sql::{Statement, statements};
use crate::{Database, Row, StoreError};

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

/// A window that begins later than this after ours is not believed in; the statement says the same.
const FURTHEST_AHEAD: Duration = Duration::from_secs(60);

/// How long Postgres is not asked whether a key is still good.
pub const REMEMBERED: Duration = Duration::from_secs(30);

/// Requests, at most.
const LARGEST_SLICE: i32 = 64;

/// Keys that are remembered, at most. Only valid ones are, so nobody fills this by guessing.
const MOST_KEYS: usize = 1024;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may come in, if the key's scope allows what it asks.
    Admitted(ApiKey),
    /// No such key, or it was revoked.
    Unknown,
    /// The key has done all it may for now.
    Limited {
        /// Whole seconds to the next window; at least 1.
        retry_after_s: u32,
    },
}

/// Who may come in, and how often. One per environment; remembers keys and granted requests, so that most
/// requests cost no round trip.
///
/// What is remembered of a key is used within its window, and for [`REMEMBERED`] at most: a revoked key ends within
/// 30 seconds, as a rule within 10.
#[derive(Debug)]
pub struct Admission {
    database: Database,
    default_rate: i32,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

/// A key, and what may still be done with it here.
#[derive(Debug)]
struct Known {
    key: ApiKey,
    read_at: Timestamp,
    window: Timestamp,
    left: u32,
    /// The whole window is spent: there is no use in asking for more.
    is_spent: bool,
}

/// What the statement gave.
struct Taken {
    key: ApiKey,
    window: Timestamp,
    size: u32,
    is_spent: bool,
}

impl Admission {
    /// `default_rate_per_second` is for keys without a rate of their own; it is at least 1.
    #[must_use]
    pub fn new(database: Database, default_rate_per_second: u32) -> Self {
        let default_rate = i32::try_from(default_rate_per_second).unwrap_or(i32::MAX).max(1);
        Self { database, default_rate, known: Mutex::default() }
    }

    /// Asks for one request. Which scope it needs is for the caller to compare.
    ///
    /// # Errors
    /// Whatever Postgres or the connection answers; one that broke while idle is replaced once (trap 44).
    pub async fn admit(&self, sha256: &[u8; 32], now: Timestamp) -> Result<Verdict, StoreError> {
        if let Some(verdict) = self.at_once(sha256, now) {
            return Ok(verdict);
        }
        match self.ask(sha256, now).await {
            // What the first try may have taken is lost, never granted twice.
            Err(error) if error.is_broken_connection() => self.ask(sha256, now).await,
            outcome => outcome,
        }
    }

    async fn ask(&self, sha256: &[u8; 32], now: Timestamp) -> Result<Verdict, StoreError> {
        let connection = self.database.connection().await?;
        self.admit_on(&**connection, sha256, now).await
    }

    /// The verdict where what is remembered here suffices for it; none where Postgres has to be asked.
    #[must_use]
    pub fn at_once(&self, sha256: &[u8; 32], now: Timestamp) -> Option<Verdict> {
        let mut known = self.known();
        let known = known.get_mut(sha256).filter(|known| known.is_current(now))?;
        match known.left.checked_sub(1) {
            Some(left) => {
                known.left = left;
                Some(Verdict::Admitted(known.key.clone()))
            }
            None => known.is_spent.then(|| limited(known.window, now)),
        }
    }

    /// As [`Admission::admit`], by asking Postgres on a connection that the caller has.
    ///
    /// # Errors
    /// Whatever Postgres or the connection answers.
    pub async fn admit_on(
        &self,
        on: &impl GenericClient,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Verdict, StoreError> {
        let mut taken = self.take(on, sha256, now).await?;
        // The key's very first request, and another environment was first: now its row is there to see.
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

    fn learn(&self, sha256: &[u8; 32], taken: Option<Taken>, now: Timestamp) -> Verdict {
        let mut all = self.known();
        let Some(Taken { key, window, size, is_spent }) = taken else {
            all.remove(sha256);
            return Verdict::Unknown;
        };
        if all.len() >= MOST_KEYS && !all.contains_key(sha256) {
            forget_oldest(&mut all);
        }
        let verdict = if size > 0 { Verdict::Admitted(key.clone()) } else { limited(window, now) };
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
        verdict
    }

    /// The key as it was last known here, however long ago: for when Postgres is away. Not one that was
    /// found revoked since.
    #[must_use]
    pub fn remembered(&self, sha256: &[u8; 32]) -> Option<ApiKey> {
        self.known().get(sha256).map(|known| known.key.clone())
    }

    /// Held for a look or a change, never across an await. Each change is whole, so a panic elsewhere spoils nothing.
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
    /// None where the key's scope is one that this code does not know.
    fn of(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(key) = ApiKey::of(row)? else { return Ok(None) };
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

/// The beginning of the window that `now` is in.
fn window_of(now: Timestamp) -> Timestamp {
    let length = i64::from(WINDOW_SECONDS);
    Timestamp::from_second(now.as_second().div_euclid(length) * length).unwrap_or(Timestamp::MIN)
}

/// Whether a window is the one of `now` or, by a clock ahead of ours, a later one.
fn is_current(window: Timestamp, now: Timestamp) -> bool {
    let ours = window_of(now);
    ours <= window && window <= ours + FURTHEST_AHEAD
}

fn limited(window: Timestamp, now: Timestamp) -> Verdict {
    let rest = elapsed(now, window + WINDOW);
    let seconds = rest.as_secs() + u64::from(rest.subsec_nanos() > 0);
    Verdict::Limited { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX).max(1) }
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
            assert_eq!(limited(at(window), at(now)), Verdict::Limited { retry_after_s });
        }
        // The window is over by the time it is looked at.
        let late = limited(at("2026-03-15T12:00:00Z"), at("2026-03-15T12:00:10Z"));
        assert_eq!(late, Verdict::Limited { retry_after_s: 1 });
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
