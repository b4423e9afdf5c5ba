//! The issuer of API keys: whether a key's mark is ours, by a secret in Secrets Manager.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::access::{PresentedKey, Scope};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::signature::{SigningSecrets, key};
use penstock_store::admission::{Issuer, Judging, Verdict};
use secrecy::{ExposeSecret, SecretString};

use crate::aws::Aws;
use crate::secret::{Secret, SecretError, in_time};

/// A mark that does not match has the secret read again, at most this often in each environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// How long Secrets Manager may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes marks, and judges them. The usual request reads no secret: its key is looked up.
#[derive(Debug)]
pub struct KeyIssuer {
    secret: Option<Secret>,
    takes_unmarked: bool,
}

impl KeyIssuer {
    /// Names the secret from the environment: `API_KEY_SECRET_ARN`, or `API_KEY_SECRET` in local
    /// runs. Without either no key has a mark. `OLDER_KEYS` is `accepted` (unless set otherwise) or
    /// `refused`, which turns keys without a mark away unasked.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if `OLDER_KEYS` holds another word.
    pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Result<Self, ConfigError> {
        let secret = Secret::from_env(env, aws, "API_KEY_SECRET", "API_KEY_SECRET_ARN");
        let takes_unmarked = match env.or("OLDER_KEYS", "accepted").as_str() {
            "accepted" => true,
            "refused" => false,
            _ => {
                let reason = "it is neither accepted nor refused".to_owned();
                return Err(ConfigError::Invalid { name: "OLDER_KEYS".to_owned(), reason });
            }
        };
        Ok(Self { secret, takes_unmarked })
    }

    /// Returns the mark of a new key; `None` if there is no secret.
    ///
    /// # Errors
    /// [`SecretError`] if Secrets Manager does not return the secret.
    pub async fn mark(
        &self,
        scope: Scope,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<String>, SecretError> {
        let Some(secret) = &self.secret else { return Ok(None) };
        let secret = secret.get(now, true).await?;
        Ok(parsed(&secret).map(|secrets| key::mark(&secrets, scope, sha256)))
    }

    async fn judge(&self, presented: &PresentedKey, now: Timestamp, waits: bool) -> Verdict {
        let Some(mark) = &presented.mark else {
            return if self.takes_unmarked { Verdict::Unproven } else { Verdict::Forged };
        };
        let Some(secret) = &self.secret else { return Verdict::Unproven };
        let known = match secret.at_hand() {
            None if waits => told(in_time(PATIENCE, secret.get(now, false)).await.map(Some)),
            known => known,
        };
        let is_ours =
            |secret: &SecretString| Some(key::is_ours(&parsed(secret)?, mark, &presented.sha256));
        match known.as_ref().and_then(is_ours) {
            None => return Verdict::Unproven,
            Some(true) => return Verdict::Ours,
            Some(false) => {}
        }
        // The secret may have been replaced a moment ago.
        let fresh = told(in_time(PATIENCE, secret.doubted(now, DOUBT_PAUSE)).await);
        match fresh.as_ref().and_then(is_ours) {
            Some(true) => Verdict::Ours,
            Some(false) | None => Verdict::Forged,
        }
    }
}

impl Issuer for KeyIssuer {
    fn judge<'a>(&'a self, key: &'a PresentedKey, now: Timestamp, waits: bool) -> Judging<'a> {
        Box::pin(self.judge(key, now, waits))
    }
}

fn parsed(secret: &SecretString) -> Option<SigningSecrets> {
    SigningSecrets::parse(secret.expose_secret()).ok()
}

/// Returns the secret; `None`, and a line in the log, if it cannot be had in time.
fn told(reading: Result<Option<SecretString>, SecretError>) -> Option<SecretString> {
    reading.unwrap_or_else(|error| {
        tracing::error!(event = "key_secret_not_read", %error);
        None
    })
}
