//! The `reset_requests` table: people who have forgotten their password. A request is one statement
//! whether or not there is such an account, and a mail is sent by a later invocation. So a reply
//! tells by nothing who has an account (trap 58).

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::account::Email;
use penstock_domain::clock::{earlier, later};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    reset_requests.request: Request<'a> { email: &'a str, now: Timestamp, again_before: Timestamp }
    reset_requests.claim: Claim { now: Timestamp, later: Timestamp, limit: i64 }
    reset_requests.settle: Settle<'a> { email: &'a str }
}

/// One mail in this time goes to an address at most, however many ask for one.
const AGAIN_AFTER: Duration = Duration::from_secs(5 * 60);

/// A request that was claimed is tried again after this long, unless it was settled.
const RETRY_AFTER: Duration = Duration::from_secs(3 * 60);

/// A request that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub email: Email,
    /// Counted from 1, this one included.
    pub attempts: i32,
}

/// Notes that somebody asks for a new password of an address.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn request(
    on: &impl GenericClient,
    email: &Email,
    now: Timestamp,
) -> Result<(), StoreError> {
    let again_before = earlier(now, AGAIN_AFTER);
    Request { email: email.as_str(), now, again_before }.execute(on).await?;
    Ok(())
}

/// Claims requests that are due, at most `limit`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or an address cannot be read.
pub async fn claim(
    on: &impl GenericClient,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let due = |row: &Row| {
        let email = Email::parse(row.read("email")?);
        let email = email.ok_or(StoreError::Unreadable { column: "reset_requests.email" })?;
        Ok(Due { email, attempts: row.read("attempts")? })
    };
    let claim = Claim { now, later: later(now, RETRY_AFTER), limit };
    claim.rows(on).await?.iter().map(due).collect()
}

/// Says that nothing more is to be done about a request.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(on: &impl GenericClient, email: &Email) -> Result<(), StoreError> {
    Settle { email: email.as_str() }.execute(on).await?;
    Ok(())
}
