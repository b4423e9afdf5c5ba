//! API keys: registered, revoked and listed by an operator.

use std::fmt;

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::ids::KeyId;
use penstock_domain::intake::KEYLESS;
use penstock_store::api_keys::{self, ListedKey, NewKey, Scope};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{MigrateError, Ports};

/// The longest name of a key, in bytes. It is part of indexes, which have a limit.
const LONGEST_NAME: usize = 255;

/// A request to register a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRequest {
    name: String,
    scope: String,
    sha256: String,
    rate_per_second: Option<i32>,
}

/// The keys to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Revocation {
    /// All valid keys of a name.
    Name(String),
    /// The key with this id.
    Id(Uuid),
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "of the name {name:?}"),
            Self::Id(id) => write!(f, "with the id {id}"),
        }
    }
}

/// A key as the list shows it, without its hash.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    id: Uuid,
    name: String,
    scope: String,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
    rate_per_second: Option<i32>,
}

impl From<ListedKey> for Listed {
    fn from(key: ListedKey) -> Self {
        let ListedKey { id, name, scope, rate_per_second, created_at, revoked_at } = key;
        Self { id, name, scope, created_at, revoked_at, rate_per_second }
    }
}

impl<C: Clock> Ports<C> {
    /// Registers a key and returns its mark. Returns false if the same key is there already; then
    /// it stays as it was.
    pub(crate) async fn register(
        &self,
        key: KeyRequest,
    ) -> Result<(bool, Option<String>), MigrateError> {
        let KeyRequest { name, scope, sha256: digits, rate_per_second } = key;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&digits, &mut sha256).map_err(|_| MigrateError::Hash)?;
        let scope = Scope::parse(&scope).ok_or(MigrateError::Scope)?;
        if name.trim().is_empty() || name.len() > LONGEST_NAME || name == KEYLESS {
            return Err(MigrateError::Name);
        }
        if rate_per_second.is_some_and(|rate| rate < 1) {
            return Err(MigrateError::Rate);
        }
        let now = self.clock.now();
        let new = NewKey { id: KeyId::new(now).0, name: &name, scope, sha256, rate_per_second };
        // Made first: a key that is registered and has no mark would be one of the older form.
        let mark = self.issuer.mark(scope, &sha256, now).await?;
        let connection = self.database.connection().await?;
        Ok((api_keys::insert(&**connection, new, now).await?, mark))
    }

    pub(crate) async fn revoke(&self, which: Revocation) -> Result<u64, MigrateError> {
        let (connection, now) = (self.database.connection().await?, self.clock.now());
        let revoked = match &which {
            Revocation::Name(name) => api_keys::revoke_named(&**connection, name, now).await?,
            Revocation::Id(id) => u64::from(api_keys::revoke(&**connection, *id, now).await?),
        };
        if revoked == 0 { Err(MigrateError::NothingRevoked(which)) } else { Ok(revoked) }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Listed>, MigrateError> {
        let connection = self.database.connection().await?;
        Ok(api_keys::list(&**connection).await?.into_iter().map(Listed::from).collect())
    }
}
