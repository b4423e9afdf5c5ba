//! Verification that a pushed body comes from the sender that it names.
//!
//! Only [`verify`] makes a [`Verified`] body, and the code that reads bodies takes nothing else. A
//! vendor's folder says what its requests claim ([`Claim`]); secrets are compared here, in one
//! place. The one other way is [`Spilled::body`]: a message of our own queue whose seal proves that
//! `webhook` made it of a verified body ([`seal`]).

use std::fmt;

use jiff::Timestamp;

pub mod channel;
mod claim;
pub mod key;
mod mac;
pub mod seal;
mod secrets;
mod spill;
pub mod standard;

pub use claim::{Claim, SignedAt, TOLERANCE_SECONDS};
pub use mac::Encoding;
pub use secrets::{SecretsError, SigningSecrets};
pub use spill::{SPILL_LIMIT, SpillError, Spilled};

/// A body whose sender is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a>(&'a [u8]);

impl<'a> Verified<'a> {
    /// Returns the body, byte for byte as it was signed.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Bodies are not logged (rule 12).
impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.0.len())
    }
}

/// The reason why a body is refused. The sender may read these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request lacks the header of this name.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The header holds no time in the vendor's unit.
    #[error("the signature header names no time")]
    NoTime,
    /// The header holds no signature of the scheme of this name. Others prove nothing.
    #[error("the signature header has no signature of scheme {0}")]
    NoSignature(&'static str),
    /// No signature was made with one of the secrets over this body and time.
    #[error("no signature matches the body")]
    NoMatch,
    /// A good signature, sent or repeated too late.
    #[error("the signature is more than {TOLERANCE_SECONDS} seconds old")]
    TooOld,
}

/// Verifies `body` by what its request claims. The time taken reveals nothing about the secrets.
///
/// # Errors
/// [`SignatureError::NoMatch`] if none of the secrets made a signature of the claim over this body.
/// [`SignatureError::TooOld`] if one did, but not within [`TOLERANCE_SECONDS`] of `now`.
pub fn verify<'a>(
    body: &'a [u8],
    claim: &Claim<'_>,
    secrets: &SigningSecrets,
    now: Timestamp,
) -> Result<Verified<'a>, SignatureError> {
    let parts = [claim.before.as_bytes(), body, claim.after.as_bytes()];
    if !mac::matches(secrets, &parts, claim.encoding, &claim.signatures) {
        return Err(SignatureError::NoMatch);
    }
    if claim.signed_at.is_some_and(|time| !time.is_good(now)) {
        return Err(SignatureError::TooOld);
    }
    Ok(Verified(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"a body";

    fn verdict(claim: &Claim<'_>) -> Result<(), SignatureError> {
        let secrets = SigningSecrets::parse(r#"{"signingSecrets":["new","old"]}"#).unwrap();
        let now = Timestamp::from_second(1_780_272_000).unwrap();
        verify(BODY, claim, &secrets, now).map(|verified| assert_eq!(verified.bytes(), BODY))
    }

    #[test]
    fn the_body_is_signed_whatever_a_vendor_says_was_signed_beside_it() {
        let of = |secret: &str, parts: &[&[u8]]| {
            mac::sign(secret.as_bytes(), parts, Encoding::Base64).unwrap()
        };
        let whole = of("old", &[b"before", BODY, b"after"]);
        let claim = Claim {
            before: "before".to_owned(),
            after: "after",
            signatures: vec!["", &whole],
            encoding: Encoding::Base64,
            signed_at: None,
        };
        assert_eq!(verdict(&claim), Ok(()));
        let without_body = of("old", &[b"before", b"after"]);
        for signatures in [vec![without_body.as_str()], vec![""], Vec::new()] {
            let claim = Claim { signatures, ..claim.clone() };
            assert_eq!(verdict(&claim), Err(SignatureError::NoMatch));
        }
        let hex = Claim { encoding: Encoding::Hex, ..claim.clone() };
        assert_eq!(verdict(&hex), Err(SignatureError::NoMatch), "written otherwise");
        let late = Claim { signed_at: Some(SignedAt::Seconds(1_780_271_699)), ..claim };
        assert_eq!(verdict(&late), Err(SignatureError::TooOld));
    }

    #[test]
    fn a_body_is_never_shown() {
        assert_eq!(format!("{:?}", Verified(b"secret")), "Verified(6 bytes)");
    }
}
