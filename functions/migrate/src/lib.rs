//! `migrate`: brings the schema up to date, and does what else an operator's command asks of the database.
//!
//! Run by the deployment, once; not by cold starts, which would race (trap 47).

mod bootstrap;
mod keys;

use penstock_clients::clock::SystemClock;
use penstock_clients::secret::{Secret, SecretError};
use penstock_domain::clock::Clock;
use penstock_store::{Database, StoreError, migrations, revenue};
use serde::{Deserialize, Serialize};

pub use bootstrap::Unusable;
pub use keys::{KeyRequest, Listed, Revocation};

/// What `migrate` uses.
pub struct Ports<C = SystemClock> {
    /// The database, with two connections.
    pub database: Database,
    /// The IANA zone whose days the business counts in.
    pub business_zone: String,
    /// Keys that somebody else made, to be registered by a deployment.
    pub bootstrap_keys: Option<Secret>,
    /// The time.
    pub clock: C,
}

/// What to do: nothing named is a deployment, the migration and the bootstrap keys.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// A key to register. The key itself stays with the one who made it.
    pub api_key: Option<KeyRequest>,
    /// Which keys to end.
    pub revoke_api_key: Option<Revocation>,
    /// Whether to list the keys, once the rest is done.
    #[serde(default)]
    pub list_api_keys: bool,
}

/// What was done.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The migrations applied now.
    pub applied: Vec<String>,
    /// Whether the business zone changed, and its days were computed anew.
    pub business_zone_changed: bool,
    /// How many bootstrap keys were registered now; `null` where there is no such secret, or this was no deployment.
    pub bootstrap_keys_registered: Option<usize>,
    /// Whether the key was registered now; `null` where none was asked for.
    pub key_registered: Option<bool>,
    /// How many keys were ended now; `null` where none was to be.
    pub keys_revoked: Option<u64>,
    /// All keys; `null` where nobody asked for them.
    pub api_keys: Option<Vec<Listed>>,
}

/// Why it was not done. No message repeats a key or a secret.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Secrets Manager.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The bootstrap secret.
    #[error("the bootstrap keys cannot be used, and none was registered")]
    Bootstrap(#[from] Unusable),
    /// The hash is not one.
    #[error("sha256 is not 64 hexadecimal digits")]
    Hash,
    /// The scope is not one.
    #[error("the scope is none of read, ingest and admin")]
    Scope,
    /// A rate of nothing would shut its key out.
    #[error("ratePerSecond is not above zero")]
    Rate,
    /// Nobody is meant by it.
    #[error("the key has no name")]
    Name,
    /// An operator who ends a key must learn that it was none.
    #[error("nothing was revoked: there is no valid key {0}")]
    NothingRevoked(Revocation),
}

impl<C: Clock> Ports<C> {
    /// Migrates, then does what is asked.
    ///
    /// # Errors
    /// [`MigrateError`]; what was applied before it stays applied.
    pub async fn handle(&self, request: Request) -> Result<Report, MigrateError> {
        let Request { api_key, revoke_api_key, list_api_keys } = request;
        let applied = migrations::migrate(&self.database).await?.names;
        let connection = self.database.connection().await?;
        let business_zone_changed =
            revenue::set_business_zone(&**connection, &self.business_zone).await?;
        drop(connection);
        // A command to revoke must not fail for the sake of a secret that somebody spoilt.
        let is_deployment = api_key.is_none() && revoke_api_key.is_none() && !list_api_keys;
        let bootstrap_keys_registered = match &self.bootstrap_keys {
            Some(secret) if is_deployment => Some(self.bootstrap(secret).await?),
            _ => None,
        };
        let key_registered = match api_key {
            Some(key) => Some(self.register(key).await?),
            None => None,
        };
        let keys_revoked = match revoke_api_key {
            Some(which) => Some(self.revoke(which).await?),
            None => None,
        };
        let api_keys = if list_api_keys { Some(self.list().await?) } else { None };
        tracing::info!(
            event = "migrated",
            ?applied,
            business_zone_changed,
            bootstrap_keys_registered,
            key_registered,
            keys_revoked
        );
        Ok(Report {
            applied,
            business_zone_changed,
            bootstrap_keys_registered,
            key_registered,
            keys_revoked,
            api_keys,
        })
    }
}
