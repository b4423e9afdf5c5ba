//! The logins of the other functions. The template makes a secret for each with a name and a
//! password, and this makes the role (docs/adr/0037-one-role-a-function.md).

use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_clients::database::{self, DatabaseConfigError};
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_edge::telemetry::chain;
use penstock_store::roles::{self, FunctionRole, limits::Idle};
use penstock_store::{Database, Login, LoginSource, StoreError};
use serde::Serialize;

use crate::{MigrateError, Ports};

/// The login of another function.
pub struct FunctionLogin {
    /// The function that logs in.
    pub function: &'static str,
    /// The secret with its name and password.
    pub source: Arc<dyn LoginSource>,
    /// A pool of that login, with which it is tried.
    pub database: Database,
}

/// The login of a function after a deployment.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedLogin {
    /// The function that logs in.
    pub function: &'static str,
    /// The role that its secret names.
    pub role: String,
    /// Whether Postgres, or RDS Proxy before it, lets it in.
    pub works: bool,
}

/// Returns whether the functions use their own logins.
///
/// # Errors
/// [`ConfigError::Invalid`] if `DATABASE_LOGINS` is neither `own` nor `shared`.
pub fn are_used(env: &Env) -> Result<bool, ConfigError> {
    match env.or("DATABASE_LOGINS", "shared").as_str() {
        "own" => Ok(true),
        "shared" => Ok(false),
        _ => Err(ConfigError::Invalid {
            name: "DATABASE_LOGINS".to_owned(),
            reason: "neither own nor shared".to_owned(),
        }),
    }
}

/// Returns the time that Postgres waits for a function in the middle of a transaction.
///
/// # Errors
/// [`ConfigError::Invalid`] if `DATABASE_IDLE_SECONDS` is no number from 2 to 15.
pub fn idle(env: &Env) -> Result<Idle, ConfigError> {
    let Some(_) = env.optional("DATABASE_IDLE_SECONDS") else { return Ok(Idle::default()) };
    Idle::from_seconds(env.parsed_or("DATABASE_IDLE_SECONDS", 0)?).ok_or_else(|| {
        ConfigError::Invalid {
            name: "DATABASE_IDLE_SECONDS".to_owned(),
            reason: "not from 2 to 15".to_owned(),
        }
    })
}

/// Returns the logins of all functions whose secrets the environment names.
///
/// # Errors
/// [`DatabaseConfigError`] if a variable is wrong.
pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Result<Vec<FunctionLogin>, DatabaseConfigError> {
    let mut logins = Vec::new();
    let roots = database::roots(env, aws)?;
    for function in roles::functions() {
        if let Some(arn) = env.optional(&database::secret_variable(function)) {
            let source = database::stored_login(arn, env, aws)?;
            let database = database::pool(Arc::clone(&source), env, roots.clone())?;
            logins.push(FunctionLogin { function, source, database });
        }
    }
    Ok(logins)
}

impl FunctionLogin {
    /// Tries the login, and whether it leads to the database that was migrated. The connection is
    /// closed at once, because the budget has no room for it.
    async fn works(&self) -> bool {
        let function = self.function;
        match self.leads_here().await {
            Ok(true) => return true,
            Ok(false) => tracing::warn!(event = "login_of_another_database", function),
            Err(error) => {
                tracing::info!(event = "login_refused", function, error = chain(&error));
            }
        }
        false
    }

    /// The secret of a login names neither host nor database: without `DATABASE_NAME` it leads to
    /// the default one, where roles are the same and tables are not.
    async fn leads_here(&self) -> Result<bool, StoreError> {
        let connection = self.database.connection().await?;
        let is_migrated = roles::is_migrated(&**connection).await;
        drop(connection);
        self.database.close_idle();
        is_migrated
    }
}

impl<C: Clock> Ports<C> {
    /// Makes the roles, and tries each login.
    ///
    /// # Errors
    /// [`MigrateError`] if the functions use their own logins and one of them does not work. While
    /// they share one login, the reason is only logged.
    pub(crate) async fn make_logins(&self) -> Result<Vec<TriedLogin>, MigrateError> {
        let mut connection = self.database.connection().await?;
        roles::shared::limit(&mut connection, !self.own_logins, self.idle).await?;
        drop(connection);
        self.database.close_idle();
        let tried = match self.make_and_try().await {
            Err(error) if !self.own_logins => {
                tracing::warn!(event = "roles_not_made", error = chain(&error));
                return Ok(Vec::new());
            }
            tried => tried?,
        };
        match tried.iter().find(|login| !login.works) {
            Some(TriedLogin { function, role, .. }) if self.own_logins => {
                Err(MigrateError::CannotLogIn { function, role: role.clone() })
            }
            _ => Ok(tried),
        }
    }

    /// A login that works keeps its password, because a rotation may have set it.
    async fn make_and_try(&self) -> Result<Vec<TriedLogin>, MigrateError> {
        let mut known = Vec::new();
        for login in &self.logins {
            let wanted = login.source.login(true).await.map_err(MigrateError::Login)?;
            known.push((login, wanted, login.works().await));
        }
        self.make_roles(&known).await?;
        let mut tried = Vec::new();
        for (login, wanted, worked) in known {
            let works = worked || login.works().await;
            tried.push(TriedLogin { function: login.function, role: wanted.user, works });
        }
        Ok(tried)
    }

    async fn make_roles(
        &self,
        known: &[(&FunctionLogin, Login, bool)],
    ) -> Result<(), MigrateError> {
        let mut wanted = Vec::new();
        for (login, Login { user, password, .. }, works) in known {
            let password = match (works, password) {
                (true, _) => None,
                (false, Some(password)) => Some(password),
                (false, None) => return Err(MigrateError::NoPassword(login.function)),
            };
            wanted.push(FunctionRole { function: login.function, name: user, password });
        }
        let mut connection = self.database.connection().await?;
        Ok(roles::apply(&mut connection, &wanted, self.idle).await?)
    }
}
