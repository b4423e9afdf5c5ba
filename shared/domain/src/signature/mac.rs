//! The one comparison of a signature with what the secrets would have signed: HMAC-SHA256.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::secrets::SigningSecrets;

/// The text form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal in lower case.
    Hex,
    /// The standard alphabet with padding.
    Base64,
}

/// Returns whether one of the secrets made one of `signatures` over the concatenated `parts`.
///
/// It compares every pair, whichever matches, so that the time taken reveals nothing about the
/// secrets.
pub(super) fn matches(
    secrets: &SigningSecrets,
    parts: &[&[u8]],
    encoding: Encoding,
    signatures: &[&str],
) -> bool {
    let expected: Vec<String> =
        secrets.0.iter().filter_map(|secret| sign(secret, parts, encoding)).collect();
    let mut matches = Choice::from(0);
    for signature in signatures {
        for expected in &expected {
            matches |= signature.as_bytes().ct_eq(expected.as_bytes());
        }
    }
    bool::from(matches)
}

/// Returns the signature of `parts`. HMAC takes a key of any length, so `None` does not occur.
pub(super) fn sign(secret: &[u8], parts: &[&[u8]], encoding: Encoding) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in parts {
        mac.update(part);
    }
    let bytes = mac.finalize().into_bytes();
    Some(match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
    })
}
