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
            /// A new id (UUID version 7) that sorts by `now`, to the millisecond.
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
    /// A dead letter.
    DeadLetterId
}

id! {
    /// An API key's row; not the key.
    KeyId
}

id! {
    /// What the ids that are made for one request derive from.
    RequestSeed
}

impl OutboxId {
    /// As many new ids that sort one after the other: random bits are asked for once, and counted up.
    #[must_use]
    pub fn series(now: Timestamp, count: usize) -> Vec<Self> {
        /// What a UUID has of random bits after its variant.
        const COUNTED: u128 = (1 << 62) - 1;
        let first = v7(now).as_u128();
        let nth = |n: u128| (first & !COUNTED) | (((first & COUNTED) + n) & COUNTED);
        (0_u128..).take(count).map(|n| Self(Uuid::from_u128(nth(n)))).collect()
    }
}

fn v7(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(ContextV7::new(), seconds, nanoseconds))
}

/// The smallest id that could have been made at `at`: rows with a smaller one are older.
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
