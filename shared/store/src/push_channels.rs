//! The `push_channels` table: the channels over which vendors push that something has changed.

use jiff::Timestamp;
use penstock_domain::source::Channel;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    push_channels.list: List<'a> { source: &'a str }
    push_channels.insert: Insert<'a> {
        source: &'a str,
        channel_id: &'a str,
        resource_id: &'a str,
        expires_at: Timestamp,
        scope: &'a str,
        address: &'a str,
        opened_at: Timestamp,
    }
    push_channels.delete: Delete<'a> { source: &'a str, channel_id: &'a str }
}

/// A channel that is not closed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The vendor's ids of the channel, and its end.
    pub channel: Channel,
    /// The part of the vendor's data that it watches, such as a calendar. The column is `scope`.
    pub part: String,
    /// The address that it pushes to.
    pub address: String,
}

/// Returns the channels of a source that were not closed, the one that lasts longest first. Some
/// may have expired.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn all(on: &impl GenericClient, source: &str) -> Result<Vec<Open>, StoreError> {
    let rows = List { source }.rows(on).await?;
    let open = |row: &Row| {
        let channel = Channel {
            id: row.read("channel_id")?,
            resource_id: row.read("resource_id")?,
            expires_at: row.read("expires_at")?,
        };
        Ok(Open { channel, part: row.read("scope")?, address: row.read("address")? })
    };
    rows.iter().map(open).collect()
}

/// Writes a channel that was opened at `now`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(
    on: &impl GenericClient,
    source: &str,
    open: &Open,
    now: Timestamp,
) -> Result<(), StoreError> {
    let channel = &open.channel;
    let insert = Insert {
        source,
        channel_id: &channel.id,
        resource_id: &channel.resource_id,
        expires_at: channel.expires_at,
        scope: &open.part,
        address: &open.address,
        opened_at: now,
    };
    insert.execute(on).await.map(drop)
}

/// Deletes a channel that is closed or has expired.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn remove(
    on: &impl GenericClient,
    source: &str,
    channel_id: &str,
) -> Result<(), StoreError> {
    Delete { source, channel_id }.execute(on).await.map(drop)
}
