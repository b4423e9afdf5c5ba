//! Whether a body that was pushed comes from whom it says: Stripe's scheme `v1`
//! (docs.stripe.com/webhooks#verify-manually), with the verdicts of Stripe's own SDKs.
//!
//! Only [`verify`] makes a [`Verified`] body, and what reads bodies takes nothing else. The one other way is
//! [`Spilled::body`]: a message of our own queue, which can only be written of a body that was verified.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

pub mod channel;
mod hubspot;
mod spill;

pub use hubspot::{Signed, verify_v3};
pub use spill::{SPILL_LIMIT, SpillError, Spilled};

/// How old a signature may be, in seconds. One from the future passes, as in Stripe's SDKs.
pub const TOLERANCE_SECONDS: i64 = 300;

/// The secrets that are valid now; several while one replaces another.
#[derive(Clone)]
pub struct SigningSecrets(Vec<Vec<u8>>);

/// The text is neither one secret nor JSON with `signingSecrets`. What it says is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signing secret is neither one secret as plain text nor {{\"signingSecrets\":[\"whsec_…\"]}}"
)]
pub struct SecretsError;

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({}, [redacted])", self.0.len())
    }
}

impl SigningSecrets {
    /// Reads the secret's text: one secret, or JSON that lists several. White space around one counts for
    /// nothing: it comes with a paste.
    ///
    /// # Errors
    /// [`SecretsError`] where there is no secret in it.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Listed {
            signing_secrets: Vec<String>,
        }
        let text = text.trim();
        let secrets = if text.starts_with(['{', '[', '"']) {
            serde_json::from_str::<Listed>(text).map_err(|_| SecretsError)?.signing_secrets
        } else {
            vec![text.to_owned()]
        };
        // An empty key would sign for everybody.
        let sound = |secret: &String| !secret.trim().is_empty();
        if secrets.is_empty() || !secrets.iter().all(sound) {
            return Err(SecretsError);
        }
        Ok(Self(secrets.iter().map(|secret| secret.trim().as_bytes().to_vec()).collect()))
    }
}

/// A body whose sender is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a>(&'a [u8]);

impl<'a> Verified<'a> {
    /// The body, byte for byte as it was signed.
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

/// Why a body is not taken. The words may be read by whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header has no `t=` with a number of seconds.
    #[error("the signature header names no time")]
    NoTime,
    /// The header has no `v1=`; `v0` and others prove nothing.
    #[error("the signature header has no signature of scheme v1")]
    NoSignature,
    /// None of the signatures is made with one of the secrets over this body and time.
    #[error("no signature matches the body")]
    NoMatch,
    /// A good signature, sent or repeated too late.
    #[error("the signature is more than {TOLERANCE_SECONDS} seconds old")]
    TooOld,
}

/// Verifies a body against its `Stripe-Signature` header, in a time that tells nothing of the secrets.
///
/// # Errors
/// [`SignatureError`] says what is wrong. [`SignatureError::TooOld`] comes only for a signature that matches.
pub fn verify<'a>(
    body: &'a [u8],
    header: &str,
    secrets: &SigningSecrets,
    now: Timestamp,
) -> Result<Verified<'a>, SignatureError> {
    let parts = || header.split(',').filter_map(|part| part.split_once('='));
    let time =
        parts().find(|(key, _)| *key == "t").and_then(|(_, value)| value.parse::<i64>().ok());
    let time = time.ok_or(SignatureError::NoTime)?;
    let mut signatures = parts().filter(|(key, _)| *key == "v1").map(|(_, value)| value).peekable();
    if signatures.peek().is_none() {
        return Err(SignatureError::NoSignature);
    }
    let expected: Vec<String> =
        secrets.0.iter().filter_map(|secret| sign(secret, time, body)).collect();
    // Every pair is compared, whichever matches.
    let mut matches = Choice::from(0);
    for signature in signatures {
        for expected in &expected {
            matches |= signature.as_bytes().ct_eq(expected.as_bytes());
        }
    }
    if !bool::from(matches) {
        return Err(SignatureError::NoMatch);
    }
    if now.as_second().saturating_sub(time) > TOLERANCE_SECONDS {
        return Err(SignatureError::TooOld);
    }
    Ok(Verified(body))
}

/// HMAC-SHA256 over `t.body`, in lower-case hexadecimal; a key of any length will do, so there always is one.
fn sign(secret: &[u8], time: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(time.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    /// Of [`BODY`] at 1700000000, by Stripe's own SDK.
    const SIGNATURE: &str = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";

    fn verdict(header: &str, now: i64) -> Result<(), SignatureError> {
        let secrets = SigningSecrets::parse("whsec_test_secret").unwrap();
        verify(BODY, header, &secrets, Timestamp::from_second(now).unwrap()).map(|verified| {
            assert_eq!(verified.bytes(), BODY);
        })
    }

    #[test]
    fn a_signature_of_stripes_own_sdk_is_good_for_300_seconds_and_from_the_future() {
        let header = format!("t=1700000000,v1={SIGNATURE}");
        for (age, expected) in
            [(0, Ok(())), (-86_400, Ok(())), (300, Ok(())), (301, Err(SignatureError::TooOld))]
        {
            assert_eq!(verdict(&header, 1_700_000_000 + age), expected, "{age} s old");
        }
    }

    #[test]
    fn one_good_signature_among_others_is_enough_and_other_schemes_count_for_nothing() {
        for header in [
            format!("t=1700000000,v1=bad,v1={SIGNATURE},v0=x"),
            format!("v1={SIGNATURE},v1=,t=1700000000"),
            format!("t=1700000000,v2=a=b,v1={SIGNATURE},,=,x"),
        ] {
            assert_eq!(verdict(&header, 1_700_000_000), Ok(()), "{header}");
        }
    }

    #[test]
    fn each_reason_has_its_own_word() {
        use SignatureError::{NoMatch, NoSignature, NoTime};
        for (header, expected) in [
            (String::new(), NoTime),
            (format!("v1={SIGNATURE}"), NoTime),
            (format!("t=,v1={SIGNATURE}"), NoTime),
            (format!("t=1e9,v1={SIGNATURE}"), NoTime),
            (format!("t=99999999999999999999,v1={SIGNATURE}"), NoTime),
            ("t=1700000000".to_owned(), NoSignature),
            (format!("t=1700000000,v0={SIGNATURE}"), NoSignature),
            (format!("t=1700000000, v1={SIGNATURE}"), NoSignature),
            ("t=1700000000,v1=".to_owned(), NoMatch),
            (format!("t=1700000000,v1={}", SIGNATURE.to_uppercase()), NoMatch),
            (format!("t=1700000001,v1={SIGNATURE}"), NoMatch),
            (format!("t={},v1={SIGNATURE}", i64::MIN), NoMatch),
        ] {
            assert_eq!(verdict(&header, 1_700_000_000), Err(expected), "{header}");
        }
    }

    #[test]
    fn secrets_are_one_plain_text_or_a_list_and_never_shown() {
        let one = SigningSecrets::parse(" whsec_a\n").unwrap();
        assert_eq!(one.0, [b"whsec_a"]);
        let two =
            SigningSecrets::parse(r#"{"signingSecrets": ["whsec_new", "whsec_old"]}"#).unwrap();
        assert_eq!(two.0, [b"whsec_new", b"whsec_old"]);
        assert_eq!(format!("{two:?}"), "SigningSecrets(2, [redacted])");
        assert_eq!(format!("{:?}", Verified(b"secret")), "Verified(6 bytes)");
        for bad in [
            "",
            " ",
            "{}",
            r#"{"signingSecrets":[]}"#,
            r#"{"signingSecrets":["a",""]}"#,
            "{whsec",
            "[\"a\"]",
        ] {
            assert_eq!(SigningSecrets::parse(bad).unwrap_err(), SecretsError, "{bad}");
        }
    }
}
