//! `migrate`: applies the migrations, and runs an operator's other commands on the database.
//!
//! The deployment invokes it once. Cold starts do not migrate, because they would race (trap 47).

mod bootstrap;
mod keys;
pub mod logins;

use penstock_clients::clock::SystemClock;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::secret::{Secret, SecretError};
use penstock_domain::clock::Clock;
use penstock_store::outbox::leaves;
use penstock_store::roles::{self, RolesError, limits::Idle};
use penstock_store::{Database, StoreError, migrations, revenue};
use serde::{Deserialize, Serialize};

pub use bootstrap::Unusable;
pub use keys::{KeyRequest, Listed, Revocation};
pub use logins::{FunctionLogin, TriedLogin};

/// The name of the function, for its log.
pub const NAME: &str = "migrate";

/// Everything that `migrate` uses.
pub struct Ports<C = SystemClock> {
    /// The database, with a pool of two connections.
    pub database: Database,
    /// The IANA zone whose days the business counts in.
    pub business_zone: String,
    /// The secret with keys that a deployment registers.
    pub bootstrap_keys: Option<Secret>,
    /// The logins of the other functions.
    pub logins: Vec<FunctionLogin>,
    /// Whether the other functions use them. Else they share the login of this function.
    pub own_logins: bool,
    /// How long Postgres waits for one of them in the middle of a transaction.
    pub idle: Idle,
    /// Makes the marks of new keys.
    pub issuer: KeyIssuer,
    pub clock: C,
}

/// A command. Without any field it is a deployment's: the migrations and the bootstrap keys.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Registers a key by its hash, and makes its mark. The key itself stays with its maker.
    pub api_key: Option<KeyRequest>,
    /// Revokes keys.
    pub revoke_api_key: Option<Revocation>,
    /// Lists the keys once the rest is done.
    #[serde(default)]
    pub list_api_keys: bool,
}

/// The report of a command.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The migrations that were applied now.
    pub applied: Vec<String>,
    /// Whether the business zone changed, and its days were computed anew.
    pub business_zone_changed: bool,
    /// The logins of the other functions; empty if the command was not a deployment's.
    pub logins: Vec<TriedLogin>,
    /// The number of bootstrap keys that were registered now; `null` if there is no such secret, or
    /// the command was not a deployment's.
    pub bootstrap_keys_registered: Option<usize>,
    /// Whether the key was registered now; `null` if the command names none.
    pub key_registered: Option<bool>,
    /// The mark of that key, to be put behind it with a dot; `null` if the deployment has no secret
    /// for marks.
    pub key_mark: Option<String>,
    /// The number of keys that were revoked now; `null` if the command names none.
    pub keys_revoked: Option<u64>,
    /// All keys; `null` if the command does not ask for them.
    pub api_keys: Option<Vec<Listed>>,
}

/// The reason why a command failed. No message repeats a key or a secret.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Postgres fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Secrets Manager does not return the bootstrap secret, or the one that makes marks.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The roles of the other functions cannot be made, or the tables belong to another role.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// The secret with a function's login cannot be read.
    #[error("the login of a function cannot be read")]
    Login(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret with a function's login has no password, so its role cannot be made.
    #[error("the secret with the login of {0} has no password")]
    NoPassword(&'static str),
    /// A function cannot log in, although its role is there.
    #[error(
        "{function} cannot log in as {role}: if an RDS Proxy is before the database, register its secret there"
    )]
    CannotLogIn {
        /// The function that cannot log in.
        function: &'static str,
        /// The role that its secret names.
        role: String,
    },
    /// The bootstrap secret cannot be used.
    #[error("the bootstrap keys cannot be used, and none was registered")]
    Bootstrap(#[from] Unusable),
    /// The hash has another form.
    #[error("sha256 is not 64 hexadecimal digits")]
    Hash,
    /// The scope is unknown.
    #[error("the scope is none of read, ingest and admin")]
    Scope,
    /// A rate of zero would shut the key out.
    #[error("ratePerSecond is not above zero")]
    Rate,
    /// The key's name is empty, too long, or that of all senders without a key.
    #[error("the key has no name of 1 to 255 bytes that is its own")]
    Name,
    /// No valid key has this name or id. An operator who revokes a key must learn that.
    #[error("nothing was revoked: there is no valid key {0}")]
    NothingRevoked(Revocation),
}

impl<C: Clock> Ports<C> {
    /// Applies the migrations, then carries out the command.
    ///
    /// # Errors
    /// [`MigrateError`] if a step fails. Earlier steps stay applied.
    pub async fn handle(&self, request: Request) -> Result<Report, MigrateError> {
        let Request { api_key, revoke_api_key, list_api_keys } = request;
        roles::check_owner(&self.database.connection().await?).await?;
        let applied = migrations::migrate(&self.database).await?.names;
        let mut connection = self.database.connection().await?;
        leaves::make(&**connection, self.clock.now()).await?;
        roles::hand_over(&mut connection).await?;
        let business_zone_changed =
            revenue::set_business_zone(&**connection, &self.business_zone).await?;
        drop(connection);
        // A command to revoke must not fail because of a bootstrap secret that cannot be used.
        let is_deployment = api_key.is_none() && revoke_api_key.is_none() && !list_api_keys;
        let logins = if is_deployment { self.make_logins().await? } else { Vec::new() };
        let bootstrap_keys_registered = match &self.bootstrap_keys {
            Some(secret) if is_deployment => Some(self.bootstrap(secret).await?),
            _ => None,
        };
        let (key_registered, key_mark) = match api_key {
            Some(key) => {
                let (registered, mark) = self.register(key).await?;
                (Some(registered), mark)
            }
            None => (None, None),
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
            logins = logins.len(),
            bootstrap_keys_registered,
            key_registered,
            keys_revoked
        );
        Ok(Report {
            applied,
            business_zone_changed,
            logins,
            bootstrap_keys_registered,
            key_registered,
            key_mark,
            keys_revoked,
            api_keys,
        })
    }
}
