//! The `sign_in_limits` table: how often a password may be tried, counted over all environments.
//! Each question is one statement.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::account::limits::{Bucket, FIRST_PAUSE, Key, LONGEST_PAUSE};
use penstock_domain::clock::{earlier, elapsed};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    sign_in_limits.take: Take<'a> {
        account: &'a [u8],
        known: &'a [u8],
        first_pause_s: i64,
        longest_pause_s: i64,
        forget_before: Timestamp,
        now: Timestamp,
    }
    sign_in_limits.settle: Settle<'a> {
        account: &'a [u8],
        known: &'a [u8],
        now: Timestamp,
    }
    sign_in_limits.draw: Draw<'a> {
        key: &'a [u8],
        spacing_ms: i64,
        whole_ms: i64,
        now: Timestamp,
    }
}

/// An account whose password nobody has tried for this long starts anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The counters of an account, as one caller meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The key of the account.
    pub account: Key,
    /// The key of the account at the caller's network address.
    pub known: Key,
}

/// Lets an attempt at a password through, and counts it as wrong until [`settle`] is called. If it
/// is too early, returns how long it is until the next.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn take(
    on: &impl GenericClient,
    of: &Counters,
    now: Timestamp,
) -> Result<Result<(), Duration>, StoreError> {
    let take = Take {
        account: &of.account,
        known: &of.known,
        first_pause_s: whole(FIRST_PAUSE.as_secs()),
        longest_pause_s: whole(LONGEST_PAUSE.as_secs()),
        forget_before: earlier(now, FORGOTTEN_AFTER),
        now,
    };
    answer(&take.one(on).await?, now)
}

/// Forgets what was counted: the owner has signed in.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(
    on: &impl GenericClient,
    of: &Counters,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Counters { account, known } = of;
    Settle { account, known, now }.execute(on).await?;
    Ok(())
}

/// Takes a call out of the bucket of `key`. If it is empty, returns how long it is until the next.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn draw(
    on: &impl GenericClient,
    bucket: Bucket,
    key: &Key,
    now: Timestamp,
) -> Result<Result<(), Duration>, StoreError> {
    let draw = Draw {
        key,
        spacing_ms: whole(bucket.spacing().as_millis()),
        whole_ms: whole(bucket.per.as_millis()),
        now,
    };
    answer(&draw.one(on).await?, now)
}

fn answer(row: &Row, now: Timestamp) -> Result<Result<(), Duration>, StoreError> {
    if row.read("is_granted")? {
        return Ok(Ok(()));
    }
    // Null if another attempt has made the row at the same time.
    let free_at: Option<Timestamp> = row.read("free_at")?;
    Ok(Err(free_at.map_or(Duration::ZERO, |free_at| elapsed(now, free_at))))
}

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
