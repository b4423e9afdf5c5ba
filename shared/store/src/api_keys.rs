//! The `api_keys` table. A key itself is never stored, only its SHA-256.

use jiff::Timestamp;
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
    api_keys.find: Find<'a> { sha256: &'a [u8] }
    api_keys.revoke: Revoke { id: Uuid, now: Timestamp }
    api_keys.revoke_named: RevokeNamed<'a> { name: &'a str, now: Timestamp }
    api_keys.list: List {}
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read metrics, runs, transactions.
    Read,
    /// Send events, leads, transactions.
    Ingest,
    /// Everything an operator does; read as well.
    Admin,
}

impl Scope {
    /// As the table spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }

    /// The scope that the table spells so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Ingest, Self::Admin].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A key to be.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// Its id, by which it is revoked.
    pub id: Uuid,
    /// Whom it was given to.
    pub name: &'a str,
    /// What it may do.
    pub scope: Scope,
    /// SHA-256 of the key's bytes.
    pub sha256: [u8; 32],
    /// Requests a second, above zero; none for what is configured.
    pub rate_per_second: Option<i32>,
}

/// A key that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// Whom it was given to.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// SHA-256 of the key's bytes, to be compared in constant time.
    pub sha256: Vec<u8>,
}

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its id, by which it is revoked.
    pub id: Uuid,
    /// Whom it was given to.
    pub name: String,
    /// What it may do, as the table spells it.
    pub scope: String,
    /// Requests a second; none for what is configured.
    pub rate_per_second: Option<i32>,
    /// Since when it is valid.
    pub created_at: Timestamp,
    /// Since when it is not.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// The key of a row; none where its scope is one that this code does not know.
    pub(crate) fn of(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(scope) = Scope::parse(row.read("scope")?) else { return Ok(None) };
        Ok(Some(Self {
            id: row.read("id")?,
            name: row.read("name")?,
            scope,
            sha256: row.read("sha256")?,
        }))
    }
}

/// Stores a key; false where the same key is there already, whatever its scope and whether revoked.
///
/// # Errors
/// Whatever Postgres or the connection answers.
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

/// The key of that hash, unless it is unknown or revoked.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn find(
    on: &impl GenericClient,
    sha256: &[u8; 32],
) -> Result<Option<ApiKey>, StoreError> {
    let row = Find { sha256 }.optional(on).await?;
    row.map_or(Ok(None), |row| ApiKey::of(&row))
}

/// Ends a key from `now` on; false where there is none, or it was ended before.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn revoke(on: &impl GenericClient, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
    Ok(Revoke { id, now }.execute(on).await? == 1)
}

/// Ends all valid keys of a name from `now` on; how many there were.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn revoke_named(
    on: &impl GenericClient,
    name: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    RevokeNamed { name, now }.execute(on).await
}

/// All keys, the oldest first, revoked ones too.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn list(on: &impl GenericClient) -> Result<Vec<ListedKey>, StoreError> {
    let listed = |row: &Row| {
        Ok(ListedKey {
            id: row.read("id")?,
            name: row.read("name")?,
            scope: row.read("scope")?,
            rate_per_second: row.read("rate_per_second")?,
            created_at: row.read("created_at")?,
            revoked_at: row.read("revoked_at")?,
        })
    };
    List {}.rows(on).await?.iter().map(listed).collect()
}
