//! Requests that are signed by a secret of both sides, checked by what Secrets Manager holds.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::signature::{SecretsError, SignatureError, SigningSecrets};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::{Secret, SecretError, in_time};

/// A signature that does not match has the secret read again, at most this often in each
/// environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// How long Secrets Manager may take to answer.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// A reason for which a request is not verified.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    /// The signature does not prove who sent it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The stored text is no signing secret.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Secrets Manager does not give the secret, or not in time.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Checks a request by the secrets as they are known here. If no signature matches, checks it once
/// more by those that Secrets Manager holds now: they may have been rotated a moment ago. `parse`
/// reads the secret's text.
///
/// # Errors
/// [`Unverified::Signature`] if `check` fails both times, another one if the secret cannot be read.
pub async fn checked<T>(
    secret: &Secret,
    parse: impl Fn(&str) -> Result<SigningSecrets, SecretsError>,
    now: Timestamp,
    check: impl Fn(&SigningSecrets) -> Result<T, SignatureError>,
) -> Result<T, Unverified> {
    let check = |secret: &SecretString| Ok(check(&parse(secret.expose_secret())?)?);
    let known = in_time(SECRET_PATIENCE, secret.get(now, false)).await?;
    match check(&known) {
        Err(Unverified::Signature(SignatureError::NoMatch) | Unverified::Secrets(_)) => {}
        outcome => return outcome,
    }
    let fresh = in_time(SECRET_PATIENCE, secret.doubted(now, DOUBT_PAUSE)).await?;
    check(fresh.as_ref().unwrap_or(&known))
}
