//! The database's login from Secrets Manager, in the shape in which RDS keeps it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_store::{Database, Login, LoginSource, RootsSource, StaticLogin, StoreError, Tls};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::aws::Aws;
use crate::clock::SystemClock;
use crate::secret::Secret;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Roots<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, BoxError>> + Send + 'a>>;

/// The reason why the pool cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseConfigError {
    /// A variable is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The pool refuses its configuration.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates the pool of `function` from the environment. It reads no secret and opens no connection
/// before its first use.
///
/// For `metrics`, `METRICS_DATABASE_SECRET_ARN` names the secret with its login, else
/// `DATABASE_SECRET_ARN` does. `DATABASE_HOST`, `_PORT` and `_NAME` override the secret's values,
/// for example with RDS Proxy's host. `DATABASE_TLS` is `require` or `disable`, and [`roots`] are
/// believed. `DATABASE_POOL_SIZE` is 1 by default. For local runs `DATABASE_URL` replaces the
/// secret.
///
/// # Errors
/// [`DatabaseConfigError`] if a variable is missing or wrong.
pub fn from_env(
    function: &str,
    env: &Env,
    aws: &Arc<Aws>,
) -> Result<Database, DatabaseConfigError> {
    let source: Arc<dyn LoginSource> = match env.optional("DATABASE_URL") {
        Some(url) => Arc::new(StaticLogin(login_of(&url)?)),
        None => {
            let own = env.optional(&secret_variable(function));
            let arn = own.map_or_else(|| env.required("DATABASE_SECRET_ARN"), Ok)?;
            stored_login(arn, env, aws)?
        }
    };
    pool(source, env, roots(env, aws)?)
}

/// Returns the variable that names the secret with the login of a function.
pub fn secret_variable(function: &str) -> String {
    format!("{}_DATABASE_SECRET_ARN", function.to_uppercase())
}

/// Returns the login in a secret, at the address that the environment names.
///
/// # Errors
/// [`ConfigError`] if the port is no number.
pub fn stored_login(
    arn: String,
    env: &Env,
    aws: &Arc<Aws>,
) -> Result<Arc<dyn LoginSource>, ConfigError> {
    Ok(Arc::new(SecretLogin {
        secret: Secret::stored(Arc::clone(aws), arn),
        host: env.optional("DATABASE_HOST"),
        port: env
            .optional("DATABASE_PORT")
            .map(|_| env.parsed_or("DATABASE_PORT", 5432))
            .transpose()?,
        name: env.optional("DATABASE_NAME"),
    }))
}

/// Creates a pool of a login, with the settings of the environment.
///
/// # Errors
/// [`DatabaseConfigError`] if a variable is wrong.
pub fn pool(
    source: Arc<dyn LoginSource>,
    env: &Env,
    roots: Option<Arc<dyn RootsSource>>,
) -> Result<Database, DatabaseConfigError> {
    let tls = match env.or("DATABASE_TLS", "require").as_str() {
        "require" => Tls::Require,
        "disable" => Tls::Disable,
        _ => return Err(invalid("DATABASE_TLS", "neither require nor disable").into()),
    };
    let size = env.parsed_or("DATABASE_POOL_SIZE", 1)?;
    Ok(Database::new(source, tls, roots, size)?)
}

/// Returns the roots that are believed in place of the system's: RDS and Aurora have authorities of
/// their own. They are PEM in the secret that `DATABASE_ROOTS_SECRET_ARN` names, or for local runs
/// in the file `DATABASE_CA_FILE`. `None` if neither is set.
///
/// # Errors
/// [`ConfigError`] if both are set.
pub fn roots(env: &Env, aws: &Arc<Aws>) -> Result<Option<Arc<dyn RootsSource>>, ConfigError> {
    let (file, arn) = (env.optional("DATABASE_CA_FILE"), env.optional("DATABASE_ROOTS_SECRET_ARN"));
    Ok(match (file, arn) {
        (Some(_), Some(_)) => {
            return Err(invalid("DATABASE_CA_FILE", "DATABASE_ROOTS_SECRET_ARN is set too"));
        }
        (Some(path), None) => Some(Arc::new(RootsFile(path))),
        (None, Some(arn)) => Some(Arc::new(StoredRoots(Secret::stored(Arc::clone(aws), arn)))),
        (None, None) => None,
    })
}

/// Roots in a file.
struct RootsFile(String);

impl RootsSource for RootsFile {
    fn roots(&self, _fresh: bool) -> Roots<'_> {
        let read = std::fs::read(&self.0);
        Box::pin(async { read.map_err(|e| format!("{}: {e}", self.0).into()) })
    }
}

/// Roots in Secrets Manager. They are no secret, but every function can read from there already.
struct StoredRoots(Secret);

impl RootsSource for StoredRoots {
    fn roots(&self, fresh: bool) -> Roots<'_> {
        Box::pin(async move {
            let text = self.0.get(SystemClock.now(), fresh).await?;
            Ok(text.expose_secret().as_bytes().to_vec())
        })
    }
}

fn invalid(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() }
}

/// Reads `postgres://user:password@host:port/name`, for local runs.
fn login_of(url: &str) -> Result<Login, ConfigError> {
    let parsed = reqwest::Url::parse(url).map_err(|e| invalid("DATABASE_URL", &e.to_string()))?;
    let host = parsed.host_str().ok_or_else(|| invalid("DATABASE_URL", "it names no host"))?;
    Ok(Login {
        host: host.to_owned(),
        port: parsed.port().unwrap_or(5432),
        database: parsed.path().trim_start_matches('/').to_owned(),
        user: parsed.username().to_owned(),
        password: parsed.password().map(|p| p.to_owned().into()),
    })
}

/// The login as RDS writes it into its secrets.
struct SecretLogin {
    secret: Secret,
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Stored {
    username: String,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    dbname: Option<String>,
}

impl LoginSource for SecretLogin {
    fn login(
        &self,
        fresh: bool,
    ) -> Pin<Box<dyn Future<Output = Result<Login, BoxError>> + Send + '_>> {
        Box::pin(async move {
            let text: SecretString = self.secret.get(SystemClock.now(), fresh).await?;
            // Not `?`: serde's message may repeat what it read.
            let stored: Stored = serde_json::from_str(text.expose_secret())
                .map_err(|_| "the database secret is not RDS' JSON")?;
            Ok(Login {
                host: self
                    .host
                    .clone()
                    .or(stored.host)
                    .ok_or("neither DATABASE_HOST nor the secret names a host")?,
                port: self.port.or(stored.port).unwrap_or(5432),
                database: self
                    .name
                    .clone()
                    .or(stored.dbname)
                    .unwrap_or_else(|| "postgres".to_owned()),
                user: stored.username,
                password: stored.password.map(Into::into),
            })
        })
    }
}
