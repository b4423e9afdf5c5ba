//! The sender of a request, checked by the secrets of its endpoint.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::secret::{Secret, SecretError, in_time};
use penstock_domain::signature::{SecretsError, SignatureError, SigningSecrets};
use penstock_edge::http::{Failure, Problem};
use secrecy::{ExposeSecret, SecretString};

use crate::RETRY_AFTER;

/// A signature that does not match has the secret read again, at most this often in each
/// environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// How long Secrets Manager may take to answer.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// A reason for which a request is not verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unverified {
    /// The signature does not prove that the vendor sent it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The stored text is no signing secret.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Secrets Manager does not give the secret, or not in time.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<Unverified> for Failure {
    /// A request without the header does not claim to be the vendor's, so it has no cause to log. A
    /// secret that cannot be had is never a 400: the vendor would take it for a forgery and give
    /// up.
    fn from(unverified: Unverified) -> Self {
        let bad = |detail| Problem::bad_request("bad-signature", detail);
        match unverified {
            Unverified::Signature(error @ SignatureError::Missing(_)) => {
                bad(format!("{error}.")).into()
            }
            Unverified::Signature(error) => {
                Failure::from(bad(format!("Not verified: {error}."))).because(error)
            }
            other => Failure::from(Problem::unavailable(RETRY_AFTER)).because(other),
        }
    }
}

/// Checks a request by the secrets as they are known here. If no signature matches, checks it once
/// more by those that Secrets Manager holds now: they may have been rotated a moment ago.
///
/// # Errors
/// [`Unverified::Signature`] if `check` fails both times, another one if the secret cannot be read.
pub(crate) async fn checked<T>(
    secret: &Secret,
    now: Timestamp,
    check: impl Fn(&SigningSecrets) -> Result<T, SignatureError>,
) -> Result<T, Unverified> {
    let check = |secret: &SecretString| {
        let secrets = SigningSecrets::parse(secret.expose_secret())?;
        Ok(check(&secrets)?)
    };
    let known = in_time(SECRET_PATIENCE, secret.get(now, false)).await?;
    match check(&known) {
        Err(Unverified::Signature(SignatureError::NoMatch) | Unverified::Secrets(_)) => {}
        outcome => return outcome,
    }
    let fresh = in_time(SECRET_PATIENCE, secret.doubted(now, DOUBT_PAUSE)).await?;
    check(fresh.as_ref().unwrap_or(&known))
}
