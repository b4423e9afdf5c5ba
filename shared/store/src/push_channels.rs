//! The `push_channels` table: over what vendors push, and until when.

use jiff::Timestamp;
use penstock_domain::source::Channel;
use postgres_types::Type;
use tokio_postgres::GenericClient;

use crate::{Row, Sql, StoreError};

static ALL: Sql = Sql {
    name: "push_channels.all",
    text: "select channel_id, resource_id, expires_at, scope, address from push_channels where source = $1 \
           order by expires_at desc, channel_id desc",
    types: &[Type::TEXT],
};

static INSERT: Sql = Sql {
    name: "push_channels.insert",
    text: "insert into push_channels (source, channel_id, resource_id, expires_at, scope, address, opened_at) \
           values ($1, $2, $3, $4, $5, $6, $7)",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
    ],
};

static REMOVE: Sql = Sql {
    name: "push_channels.remove",
    text: "delete from push_channels where source = $1 and channel_id = $2",
    types: &[Type::TEXT, Type::TEXT],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&ALL, &INSERT, &REMOVE];

/// A channel, and what it was opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The channel.
    pub channel: Channel,
    /// What it watches.
    pub scope: String,
    /// Where it pushes to.
    pub address: String,
}

/// The channels of a source that were not closed, the one that lasts longest first; some may have ended.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn all(on: &impl GenericClient, source: &str) -> Result<Vec<Open>, StoreError> {
    let rows = ALL.rows(on, &[&source]).await?;
    let open = |row: &Row| {
        let channel = Channel {
            id: row.read("channel_id")?,
            resource_id: row.read("resource_id")?,
            expires_at: row.read("expires_at")?,
        };
        Ok(Open { channel, scope: row.read("scope")?, address: row.read("address")? })
    };
    rows.iter().map(open).collect()
}

/// Notes a channel that was opened at `now`.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn insert(
    on: &impl GenericClient,
    source: &str,
    open: &Open,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Open { channel: Channel { id, resource_id, expires_at }, scope, address } = open;
    INSERT
        .execute(on, &[&source, id, resource_id, expires_at, scope, address, &now])
        .await
        .map(drop)
}

/// Forgets a channel that is closed, or has ended.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn remove(
    on: &impl GenericClient,
    source: &str,
    channel_id: &str,
) -> Result<(), StoreError> {
    REMOVE.execute(on, &[&source, &channel_id]).await.map(drop)
}
