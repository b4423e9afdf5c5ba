//! The `api_keys` table. A key itself is never stored, only its SHA-256.

use jiff::Timestamp;
pub use penstock_domain::access::{ApiKey, Scope};
use penstock_domain::access::{KeyHeader, Need};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    api_keys.insert: Insert<'a> {
        id: Uuid,
        name: &'a str,
        scope: &'a str,
        sha256: &'a [u8],
        rate_per_second: Option<i32>,
        created_at: Timestamp,
    }
    api_keys.make: Make<'a> {
        id: Uuid,
        name: &'a str,
        scope: &'a str,
        sha256: &'a [u8],
        rate_per_second: Option<i32>,
        made_by: &'a str,
        created_at: Timestamp,
    }
    api_keys.standing: ReadStanding<'a> { sha256: &'a [u8] }
    api_keys.revoke: Revoke { id: Uuid, now: Timestamp }
    api_keys.revoke_named: RevokeNamed<'a> { name: &'a str, now: Timestamp }
    api_keys.list: List {}
    api_keys.newest: Newest { limit: i64 }
    api_keys.find: Find { id: Uuid }
}

/// A key that is to be registered.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// The id by which an operator revokes it.
    pub id: Uuid,
    /// The person or system that has the key.
    pub name: &'a str,
    /// The permission that the key gives.
    pub scope: Scope,
    /// The SHA-256 of the key's bytes.
    pub sha256: [u8; 32],
    /// Requests a second, above zero; `None` is the configured default.
    pub rate_per_second: Option<i32>,
}

/// A key as the operator's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The id by which an operator revokes it.
    pub id: Uuid,
    /// The person or system that has the key.
    pub name: String,
    /// The scope, as the table spells it.
    pub scope: String,
    /// Requests a second; `None` is the configured default.
    pub rate_per_second: Option<i32>,
    /// The time at which it was registered.
    pub created_at: Timestamp,
    /// The time at which it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Reads a valid key from its row; `None` if this release knows no such scope or hash.
pub(crate) fn of(row: &Row) -> Result<Option<ApiKey>, StoreError> {
    let scope = Scope::parse(row.read("scope")?);
    let sha256 = row.read::<&[u8]>("sha256")?.try_into().ok();
    let Some((scope, sha256)) = scope.zip(sha256) else { return Ok(None) };
    Ok(Some(ApiKey { id: row.read("id")?, name: row.read("name")?, scope, sha256 }))
}

/// Registers a key. Returns false if the same key exists already, whatever its scope and even if it
/// is revoked.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(
    on: &impl GenericClient,
    key: NewKey<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let insert = Insert {
        id: key.id,
        name: key.name,
        scope: key.scope.as_str(),
        sha256: &key.sha256,
        rate_per_second: key.rate_per_second,
        created_at: now,
    };
    Ok(insert.execute(on).await? == 1)
}

/// Registers a key that a person makes, whose e-mail address is `made_by`. It is made of fresh
/// random bytes, so there is none like it.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn make(
    on: &impl GenericClient,
    key: NewKey<'_>,
    made_by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let make = Make {
        id: key.id,
        name: key.name,
        scope: key.scope.as_str(),
        sha256: &key.sha256,
        rate_per_second: key.rate_per_second,
        made_by,
        created_at: now,
    };
    make.execute(on).await.map(drop)
}

/// The permission of a key whose request was accepted before the key could be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The key of this name is valid, and may send leads and events.
    MaySend(String),
    /// The key of this name is one of ours, and was revoked or has another scope.
    MayNot(String),
    /// No key of ours has this hash.
    Unknown,
}

/// Returns whether the key of that hash may send leads and events.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn standing(on: &impl GenericClient, sha256: &[u8; 32]) -> Result<Standing, StoreError> {
    let Some(row) = (ReadStanding { sha256 }).optional(on).await? else {
        return Ok(Standing::Unknown);
    };
    let scope = Scope::parse(row.read("scope")?);
    let may_send = scope.is_some_and(|it| Need::Ingest.is_met_by(KeyHeader::ApiKey, it));
    let (name, is_revoked): (String, bool) = (row.read("name")?, row.read("is_revoked")?);
    Ok(if may_send && !is_revoked { Standing::MaySend(name) } else { Standing::MayNot(name) })
}

/// Revokes a key from `now` on. Returns false if it does not exist or was revoked before.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn revoke(on: &impl GenericClient, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
    Ok(Revoke { id, now }.execute(on).await? == 1)
}

/// Revokes all valid keys of a name from `now` on, and returns how many there were.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn revoke_named(
    on: &impl GenericClient,
    name: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    RevokeNamed { name, now }.execute(on).await
}

/// Returns all keys, the oldest first, revoked ones too.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn list(on: &impl GenericClient) -> Result<Vec<ListedKey>, StoreError> {
    List {}.rows(on).await?.iter().map(listed).collect()
}

/// A key as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// The key as every list has it.
    pub key: ListedKey,
    /// The e-mail address of the person who made it; `None` if it was made elsewhere.
    pub made_by: Option<String>,
    /// The beginning of the last window in which it was used; `None` if it never was.
    pub last_used_at: Option<Timestamp>,
}

fn listed(row: &Row) -> Result<ListedKey, StoreError> {
    Ok(ListedKey {
        id: row.read("id")?,
        name: row.read("name")?,
        scope: row.read("scope")?,
        rate_per_second: row.read("rate_per_second")?,
        created_at: row.read("created_at")?,
        revoked_at: row.read("revoked_at")?,
    })
}

fn shown(row: &Row) -> Result<ShownKey, StoreError> {
    Ok(ShownKey {
        key: listed(row)?,
        made_by: row.read("made_by")?,
        last_used_at: row.read("last_used_at")?,
    })
}

/// Returns up to `limit` keys: valid ones before revoked ones, and the newest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn newest(on: &impl GenericClient, limit: i64) -> Result<Vec<ShownKey>, StoreError> {
    Newest { limit }.rows(on).await?.iter().map(shown).collect()
}

/// Returns the key with this id; `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<ShownKey>, StoreError> {
    Find { id }.optional(on).await?.as_ref().map(shown).transpose()
}
