//! Who has sent a request: checked by the secrets of its endpoint.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::secret::{Secret, SecretError};
use penstock_domain::signature::{SignatureError, SigningSecrets};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::refusal::Refusal;

/// A signature that does not match has the secret read again, at most this often in each environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// For Secrets Manager to answer.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// Checks a request by the secrets as they are known here. If no signature matches, checks it once
/// more by those that Secrets Manager holds now: they may have been rotated a moment ago.
///
/// # Errors
/// [`Refusal::Signature`] if `check` fails both times; a refusal that asks for another try if the
/// secret cannot be read.
pub(crate) async fn checked<T>(
    secret: &Secret,
    now: Timestamp,
    check: impl Fn(&SigningSecrets) -> Result<T, SignatureError>,
) -> Result<T, Refusal> {
    let check = |secret: Option<&SecretString>| {
        let secrets = SigningSecrets::parse(secret.map_or("", |secret| secret.expose_secret()))?;
        Ok(check(&secrets)?)
    };
    let known = read(async { secret.get(now, false).await.map(Some) }).await?;
    match check(known.as_ref()) {
        Err(Refusal::Signature(SignatureError::NoMatch) | Refusal::Secrets(_)) => {}
        verdict => return verdict,
    }
    let fresh = read(secret.doubted(now, DOUBT_PAUSE)).await?;
    check(fresh.as_ref().or(known.as_ref()))
}

async fn read(
    reading: impl Future<Output = Result<Option<SecretString>, SecretError>>,
) -> Result<Option<SecretString>, Refusal> {
    // Boxed: the SDK's futures are kilobytes each.
    Ok(timeout(SECRET_PATIENCE, Box::pin(reading)).await.map_err(|_| Refusal::SecretSilent)??)
}
