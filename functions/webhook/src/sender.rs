//! Who sent it: the signature, and the secrets it is checked against.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::secret::{Secret, SecretError};
use penstock_domain::clock::Clock;
use penstock_domain::signature::{
    SignatureError, Signed, SigningSecrets, Verified, verify, verify_v3,
};
use penstock_edge::http::Problem;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::Ports;
use crate::refusal::Refusal;

const HEADER: &str = "stripe-signature";

/// A signature that does not match has the secret read again, at most this often in each environment.
pub(crate) const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// For Secrets Manager to answer.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Verifies a body by the secrets as they are known here; where no signature matches, once more by those that
    /// Secrets Manager holds now: they may have been rotated a moment ago.
    pub(crate) async fn verify<'a>(
        &self,
        body: &'a [u8],
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Verified<'a>, Refusal> {
        let header = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let header = header
            .ok_or_else(|| Problem::bad_request("bad-signature", "Stripe-Signature is missing."))?;
        by_secrets(&self.secret, body, Claim::Stripe(header), now).await
    }
}

/// What a request says of who signed it.
#[derive(Clone, Copy)]
pub(crate) enum Claim<'a> {
    /// `Stripe-Signature`.
    Stripe(&'a str),
    /// HubSpot's headers, and what they are made over.
    HubSpot(Signed<'a>),
}

/// Verifies a body by the secrets as they are known here; where no signature matches, once more by those that Secrets
/// Manager holds now.
pub(crate) async fn by_secrets<'a>(
    secret: &Secret,
    body: &'a [u8],
    claim: Claim<'_>,
    now: Timestamp,
) -> Result<Verified<'a>, Refusal> {
    let known = read(async { secret.get(now, false).await.map(Some) }).await?;
    match check(body, claim, known.as_ref(), now) {
        Err(Refusal::Signature(SignatureError::NoMatch) | Refusal::Secrets(_)) => {}
        verdict => return verdict,
    }
    match read(secret.doubted(now, DOUBT_PAUSE)).await? {
        Some(fresh) => check(body, claim, Some(&fresh), now),
        None => check(body, claim, known.as_ref(), now),
    }
}

fn check<'a>(
    body: &'a [u8],
    claim: Claim<'_>,
    secret: Option<&SecretString>,
    now: Timestamp,
) -> Result<Verified<'a>, Refusal> {
    let secrets = SigningSecrets::parse(secret.map_or("", |secret| secret.expose_secret()))?;
    Ok(match claim {
        Claim::Stripe(header) => verify(body, header, &secrets, now)?,
        Claim::HubSpot(signed) => verify_v3(body, signed, &secrets, now)?,
    })
}

pub(crate) async fn read(
    reading: impl Future<Output = Result<Option<SecretString>, SecretError>>,
) -> Result<Option<SecretString>, Refusal> {
    // Boxed: the SDK's futures are kilobytes each.
    Ok(timeout(SECRET_PATIENCE, Box::pin(reading)).await.map_err(|_| Refusal::SecretSilent)??)
}
