//! The secrets that seal the messages of the queues `spill`, `ingest-spill` and `transact-spill`.
//!
//! They are read when a request has to go round Postgres, or comes back: a cold start in the usual
//! case reads none of them (trap 48).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::config::Env;
use penstock_domain::signature::seal::{self, Opened, Purpose, Unsealed};
use penstock_domain::signature::{SecretsError, SigningSecrets};
use secrecy::{ExposeSecret, SecretString};

use crate::aws::Aws;
use crate::secret::{Secret, SecretError, in_time};

/// A seal that does not match has the secret read again, at most this often in each environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// How long Secrets Manager may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A reason for which a message cannot be sealed or opened now.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The deployment names no secret for this sender.
    #[error("no secret seals these messages")]
    NotConfigured,
    /// The stored text is no secret.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Secrets Manager does not give the secret, or not in time.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The message is not believed.
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
}

impl SealError {
    /// Returns whether the message itself is at fault. If not, it is tried again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Unsealed(_) | Self::NotConfigured)
    }
}

/// The secrets of the senders that this function is, or reads.
#[derive(Debug, Default)]
pub struct Seals {
    webhook: Option<Secret>,
    ingest: Option<Secret>,
    transact: Option<Secret>,
}

impl Seals {
    /// Names the secrets from the environment: `WEBHOOK_SPILL_SECRET_ARN`,
    /// `INGEST_SPILL_SECRET_ARN` and `TRANSACT_SPILL_SECRET_ARN`. Without `_ARN` the variable is
    /// the secret itself, for local runs.
    #[must_use]
    pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Self {
        let secret = |given: &str| Secret::from_env(env, aws, given, &format!("{given}_ARN"));
        Self {
            webhook: secret("WEBHOOK_SPILL_SECRET"),
            ingest: secret("INGEST_SPILL_SECRET"),
            transact: secret("TRANSACT_SPILL_SECRET"),
        }
    }

    fn secret(&self, purpose: Purpose) -> Result<&Secret, SealError> {
        let secret = match purpose {
            Purpose::Webhook => &self.webhook,
            Purpose::Ingest => &self.ingest,
            Purpose::Transact => &self.transact,
        };
        secret.as_ref().ok_or(SealError::NotConfigured)
    }

    /// Returns the message for a text.
    ///
    /// # Errors
    /// [`SealError`] if the secret cannot be had.
    pub async fn seal(
        &self,
        purpose: Purpose,
        text: &str,
        now: Timestamp,
    ) -> Result<String, SealError> {
        let secret = self.secret(purpose)?;
        let known = in_time(PATIENCE, secret.get(now, false)).await?;
        Ok(seal::seal(&parsed(&known)?, purpose, text))
    }

    /// Opens a message that this function or the one before it has sealed. If the seal does not
    /// match, the secret is read again: it may have been replaced a moment ago.
    ///
    /// # Errors
    /// [`SealError::is_refusal`] if the message is not believed. Another one if the secret cannot
    /// be had.
    pub async fn open<'m>(
        &self,
        message: &'m str,
        now: Timestamp,
    ) -> Result<Opened<'m>, SealError> {
        let secret = self.secret(seal::claimed(message)?)?;
        let known = in_time(PATIENCE, secret.get(now, false)).await?;
        match seal::open(message, &parsed(&known)?) {
            Err(Unsealed::NoMatch) => {}
            outcome => return Ok(outcome?),
        }
        let fresh = in_time(PATIENCE, secret.doubted(now, DOUBT_PAUSE)).await?;
        let Some(fresh) = fresh else { return Err(Unsealed::NoMatch.into()) };
        Ok(seal::open(message, &parsed(&fresh)?)?)
    }
}

fn parsed(secret: &SecretString) -> Result<SigningSecrets, SecretsError> {
    SigningSecrets::parse(secret.expose_secret())
}
