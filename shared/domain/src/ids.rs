//! Identifiers: newtypes, so that a run is never taken for a row.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Creates an id (UUID version 7) that sorts by `now`, to the millisecond.
            pub fn new(now: Timestamp) -> Self {
                Self(v7(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A row of the outbox.
    OutboxId
}
id! {
    /// A run of `fetch`, over as many invocations as it takes.
    RunId
}
id! {
    /// Work on many rows that somebody asked for.
    JobId
}
id! {
    /// A dead letter.
    DeadLetterId
}

id! {
    /// A message to the operators.
    DigestId
}

id! {
    /// A file of the analytics copy.
    BatchId
}

id! {
    /// An API key's row; not the key.
    KeyId
}

id! {
    /// A message to the client of a transaction.
    NotificationId
}

id! {
    /// The seed from which all ids of one request derive.
    RequestSeed
}

impl OutboxId {
    /// Creates `count` ids that sort one after the other. Random bits are drawn once and counted
    /// up, which is many times faster than drawing them for each id.
    #[must_use]
    pub fn series(now: Timestamp, count: usize) -> Vec<Self> {
        /// The random bits of a UUID after its variant.
        const COUNTED: u128 = (1 << 62) - 1;
        let first = v7(now).as_u128();
        let nth = |n: u128| (first & !COUNTED) | (((first & COUNTED) + n) & COUNTED);
        (0_u128..).take(count).map(|n| Self(Uuid::from_u128(nth(n)))).collect()
    }
}

/// Creates an id (UUID version 7) that sorts by `now`, for a row whose id has no type of its own.
pub fn id_at(now: Timestamp) -> Uuid {
    v7(now)
}

fn v7(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(ContextV7::new(), seconds, nanoseconds))
}

/// Returns the smallest id that could have been made at `at`. Rows with a smaller id are older.
pub fn oldest_id_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_ids_of_version_7_of_its_time_and_each_once() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let (one, other) = (OutboxId::series(now, 1_000), OutboxId::series(now, 1_000));
        let mut all: Vec<Uuid> = one.iter().chain(&other).map(|id| id.0).collect();
        assert!(all.iter().all(|id| id.get_version_num() == 7 && *id >= oldest_id_at(now)));
        assert!(all.iter().all(|id| id.get_variant() == uuid::Variant::RFC4122));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2_000);
        assert!(OutboxId::series(now, 0).is_empty());
    }
}
