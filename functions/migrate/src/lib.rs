//! `migrate`: brings the schema up to date, and does what else an operator's command asks of the database.
//!
//! Run by the deployment, once; not by cold starts, which would race (trap 47).

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock;
use penstock_domain::ids::KeyId;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_store::{Database, StoreError, migrations, revenue};
use serde::{Deserialize, Serialize};

/// What `migrate` uses.
pub struct Ports<C = SystemClock> {
    /// The database, with two connections.
    pub database: Database,
    /// The IANA zone whose days the business counts in.
    pub business_zone: String,
    /// The time.
    pub clock: C,
}

/// What to do: nothing named is the migration alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// A key to register. The key itself stays with the one who made it.
    pub api_key: Option<KeyRequest>,
}

/// A key to register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    name: String,
    scope: ScopeWord,
    sha256: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    Read,
    Ingest,
    Admin,
}

/// What was done.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The migrations applied now.
    pub applied: Vec<String>,
    /// Whether the business zone changed, and its days were computed anew.
    pub business_zone_changed: bool,
    /// Whether the key was registered now; `null` where none was asked for.
    pub key_registered: Option<bool>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hash is not one.
    #[error("sha256 is not 64 hexadecimal digits")]
    Hash,
}

impl<C: Clock> Ports<C> {
    /// Migrates, then does what is asked.
    ///
    /// # Errors
    /// [`MigrateError`]; what was applied before it stays applied.
    pub async fn handle(&self, request: Request) -> Result<Report, MigrateError> {
        let applied = migrations::migrate(&self.database).await?.names;
        let connection = self.database.connection().await?;
        let business_zone_changed = revenue::set_business_zone(&**connection, &self.business_zone).await?;
        drop(connection);
        let key_registered = match request.api_key {
            Some(key) => Some(self.register(key).await?),
            None => None,
        };
        tracing::info!(event = "migrated", ?applied, business_zone_changed, key_registered);
        Ok(Report { applied, business_zone_changed, key_registered })
    }

    async fn register(&self, key: KeyRequest) -> Result<bool, MigrateError> {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&key.sha256, &mut sha256).map_err(|_| MigrateError::Hash)?;
        let scope = match key.scope {
            ScopeWord::Read => Scope::Read,
            ScopeWord::Ingest => Scope::Ingest,
            ScopeWord::Admin => Scope::Admin,
        };
        let now = self.clock.now();
        let new = NewKey { id: KeyId::new(now).0, name: &key.name, scope, sha256, rate_per_second: None };
        let connection = self.database.connection().await?;
        Ok(api_keys::insert(&**connection, new, now).await?)
    }
}
