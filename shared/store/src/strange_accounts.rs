//! The `strange_accounts` table: connected accounts that are no connections, and whose events came
//! all the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    strange_accounts.note: Note<'a> {
        sources: &'a [&'a str],
        accounts: &'a [&'a str],
        events: &'a [i64],
        now: Timestamp,
    }
    strange_accounts.list: List { limit: i64 }
}

/// A connected account that is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeAccount {
    /// The connection that its events came to.
    pub connection: String,
    /// The vendor's id of the account.
    pub account: String,
    /// The number of events that came.
    pub events: i64,
    /// When the first of them was read.
    pub first_at: Timestamp,
    /// When the last of them was read.
    pub last_at: Timestamp,
}

/// Counts events by the connection that they came to and their account.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note(
    on: &impl GenericClient,
    events: &BTreeMap<(&str, &str), i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let (sources, accounts): (Vec<&str>, Vec<&str>) = events.keys().copied().unzip();
    let events: Vec<i64> = events.values().copied().collect();
    Note { sources: &sources, accounts: &accounts, events: &events, now }
        .execute(on)
        .await
        .map(drop)
}

/// Returns the accounts that are no connections, the one that was heard of last first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn all(on: &impl GenericClient, limit: i64) -> Result<Vec<StrangeAccount>, StoreError> {
    let read = |row: &Row| {
        Ok(StrangeAccount {
            connection: row.read("source")?,
            account: row.read("account")?,
            events: row.read("events")?,
            first_at: row.read("first_at")?,
            last_at: row.read("last_at")?,
        })
    };
    List { limit }.rows(on).await?.iter().map(read).collect()
}
