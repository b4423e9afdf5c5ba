//! The `call_windows` table: how many calls to a service all environments together may make in a
//! second.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use penstock_domain::clock::elapsed;
use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    call_windows.grant: Grant<'a> { service: &'a str, window_start: Timestamp, allowed: i32 }
}

/// Takes one of the calls of this second. Returns how long it is until the next, if all are taken.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn take(
    on: &impl GenericClient,
    service: &str,
    per_second: u32,
    now: Timestamp,
) -> Result<Result<(), Duration>, StoreError> {
    let window_start = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let allowed = i32::try_from(per_second).unwrap_or(i32::MAX);
    let granted = Grant { service, window_start, allowed }.optional(on).await?;
    Ok(match granted {
        Some(_) => Ok(()),
        None => Err(elapsed(now, window_start + 1.second())),
    })
}
