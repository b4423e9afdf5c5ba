//! Secrets, kept for a few minutes and read again when they are refused.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_domain::config::Env;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::aws::Aws;

/// The time that a secret is used before it is read again.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(300);

/// A secret cannot be read. The message never has its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager does not return it.
    #[error("the secret {name} cannot be read")]
    Unreadable {
        /// The ARN of the secret.
        name: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Secrets Manager does not answer in time.
    #[error("Secrets Manager is silent")]
    Silent,
}

/// Reads a secret, and waits for Secrets Manager no longer than the given time. The caller's reply
/// must not hang on it.
///
/// # Errors
/// [`SecretError::Silent`] if the time is over, and the error of `reading` if it fails.
pub async fn in_time<T>(
    patience: Duration,
    reading: impl Future<Output = Result<T, SecretError>>,
) -> Result<T, SecretError> {
    // Boxed: the SDK's futures are kilobytes each.
    timeout(patience, Box::pin(reading)).await.unwrap_or(Err(SecretError::Silent))
}

/// A secret in Secrets Manager by its ARN, or a given one (local runs only).
#[derive(Debug)]
pub struct Secret {
    origin: Origin,
    cached: Mutex<Option<(SecretString, Timestamp)>>,
    doubted_at: Mutex<Option<Timestamp>>,
}

#[derive(Debug)]
enum Origin {
    Given(SecretString),
    Stored { aws: Arc<Aws>, arn: String },
}

impl Secret {
    /// Creates the secret that is stored under `arn`.
    pub fn stored(aws: Arc<Aws>, arn: String) -> Self {
        Self {
            origin: Origin::Stored { aws, arn },
            cached: Mutex::default(),
            doubted_at: Mutex::default(),
        }
    }

    /// Creates the secret that the variable `given` holds (local runs), or whose ARN the variable
    /// `stored` holds. Returns `None` if neither is set.
    pub fn from_env(env: &Env, aws: &Arc<Aws>, given: &str, stored: &str) -> Option<Self> {
        let stored = || env.optional(stored).map(|arn| Self::stored(Arc::clone(aws), arn));
        env.optional(given).map(Self::given).or_else(stored)
    }

    /// Creates a secret with a fixed value.
    pub fn given(value: String) -> Self {
        Self {
            origin: Origin::Given(value.into()),
            cached: Mutex::default(),
            doubted_at: Mutex::default(),
        }
    }

    /// Returns the secret as of `now`; with `fresh`, it is read again at any age.
    ///
    /// # Errors
    /// [`SecretError`] if Secrets Manager does not return it.
    pub async fn get(&self, now: Timestamp, fresh: bool) -> Result<SecretString, SecretError> {
        self.known_or_read(now, |read_at| !fresh && elapsed(read_at, now) < TIME_TO_LIVE).await
    }

    /// Returns the secret at `now`, after a request that was sent at `sent_at` was refused. It is
    /// read again, unless another refused request has done so since.
    ///
    /// # Errors
    /// [`SecretError`] if Secrets Manager does not return it.
    pub async fn after_refusal(
        &self,
        sent_at: Timestamp,
        now: Timestamp,
    ) -> Result<SecretString, SecretError> {
        self.known_or_read(now, |read_at| read_at > sent_at).await
    }

    /// Returns the secret as it was last read here, however long ago. It never waits for Secrets
    /// Manager: `None` if the secret was not read yet, or is being read.
    #[must_use]
    pub fn at_hand(&self) -> Option<SecretString> {
        match &self.origin {
            Origin::Given(value) => Some(value.clone()),
            Origin::Stored { .. } => {
                let cached = self.cached.try_lock().ok()?;
                cached.as_ref().map(|(value, _)| value.clone())
            }
        }
    }

    async fn known_or_read(
        &self,
        now: Timestamp,
        serves: impl Fn(Timestamp) -> bool,
    ) -> Result<SecretString, SecretError> {
        let (aws, arn) = match &self.origin {
            Origin::Given(value) => return Ok(value.clone()),
            Origin::Stored { aws, arn } => (aws, arn),
        };
        let mut cached = self.cached.lock().await;
        match &*cached {
            Some((value, read_at)) if serves(*read_at) => Ok(value.clone()),
            _ => {
                let value = read(aws, arn).await?;
                *cached = Some((value.clone(), now));
                Ok(value)
            }
        }
    }

    /// Reads the secret again because it did not match. Returns `None` if that was tried less than
    /// `pause` ago, or if the secret is a given one. So unknown callers do not set the pace of our
    /// requests to Secrets Manager.
    ///
    /// # Errors
    /// [`SecretError`] if Secrets Manager does not return it.
    pub async fn doubted(
        &self,
        now: Timestamp,
        pause: Duration,
    ) -> Result<Option<SecretString>, SecretError> {
        if matches!(self.origin, Origin::Given(_)) {
            return Ok(None);
        }
        let mut doubted_at = self.doubted_at.lock().await;
        if doubted_at.is_some_and(|at| elapsed(at, now) < pause) {
            return Ok(None);
        }
        *doubted_at = Some(now);
        drop(doubted_at);
        self.get(now, true).await.map(Some)
    }
}

async fn read(aws: &Aws, arn: &str) -> Result<SecretString, SecretError> {
    let error = |source: Box<dyn std::error::Error + Send + Sync>| {
        let name = arn.to_owned();
        SecretError::Unreadable { name, source }
    };
    let reply = aws.secrets().await.get_secret_value().secret_id(arn).send();
    let reply = Box::pin(reply).await.map_err(|e| error(e.into()))?;
    match reply.secret_string {
        Some(text) => Ok(text.into()),
        None => Err(error("it holds no text".into())),
    }
}
