//! The mark on an API key: a keyed hash of its scope and its SHA-256. It proves without a look-up
//! that this deployment has made the key.
//!
//! `penstock_<scope>_<43 characters>.<32 hexadecimal digits>`: the mark is behind the dot. What is
//! stored is the SHA-256 of the part before it. Keys that were made elsewhere, or by a release
//! before this one, have no mark; only a look-up tells whether they are valid.

use subtle::{Choice, ConstantTimeEq};

use super::mac::{Encoding, sign};
use super::secrets::SigningSecrets;
use crate::scope::Scope;

/// Keeps these signatures apart from anything else that is signed by the same secret.
const PREFIX: &[u8] = b"api-key.";

/// Hexadecimal digits of a mark: 128 bits.
const DIGITS: usize = 32;

/// Characters of the random part, which has 256 bits.
const RANDOM: usize = 43;

/// A mark, and the scope that the key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMark {
    /// The scope in the key's own text.
    pub scope: Scope,
    digits: String,
}

/// Returns the mark of the key of that hash, by the first of the secrets. It is empty without a
/// secret, which [`SigningSecrets`] does not allow.
#[must_use]
pub fn mark(secrets: &SigningSecrets, scope: Scope, sha256: &[u8; 32]) -> String {
    secrets.0.first().map(|secret| made_by(secret, scope, sha256)).unwrap_or_default()
}

/// Returns whether one of the secrets made the mark of the key of that hash. The time taken reveals
/// nothing about them.
#[must_use]
pub fn is_ours(secrets: &SigningSecrets, mark: &KeyMark, sha256: &[u8; 32]) -> bool {
    let mut ours = Choice::from(0);
    for secret in &secrets.0 {
        let expected = made_by(secret, mark.scope, sha256);
        ours |= mark.digits.as_bytes().ct_eq(expected.as_bytes());
    }
    bool::from(ours)
}

fn made_by(secret: &[u8], scope: Scope, sha256: &[u8; 32]) -> String {
    let parts = [PREFIX, scope.as_str().as_bytes(), b".", sha256];
    let mut digits = sign(secret, &parts, Encoding::Hex).unwrap_or_default();
    digits.truncate(DIGITS);
    digits
}

/// Splits a key into the part that is hashed and its mark. A key of another form is hashed whole.
#[must_use]
pub fn split(key: &[u8]) -> (&[u8], Option<KeyMark>) {
    let found = std::str::from_utf8(key).ok().and_then(marked);
    found.map_or((key, None), |(hashed, mark)| (hashed.as_bytes(), Some(mark)))
}

fn marked(key: &str) -> Option<(&str, KeyMark)> {
    let (hashed, digits) = key.rsplit_once('.')?;
    let (scope, random) = hashed.strip_prefix("penstock_")?.split_once('_')?;
    let scope = Scope::parse(scope)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_random = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let has_form = digits.len() == DIGITS
        && digits.bytes().all(is_digit)
        && random.len() == RANDOM
        && random.bytes().all(is_random);
    has_form.then(|| (hashed, KeyMark { scope, digits: digits.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHED: &str = "penstock_ingest_abcdefghijklmnopqrstuvwxyz0123456789_-ABCDE";

    #[test]
    fn a_mark_is_good_for_its_key_and_scope_and_for_each_secret_that_is_valid() {
        let old = SigningSecrets::parse("old").unwrap();
        let both = SigningSecrets::parse(r#"{"signingSecrets":["new","old"]}"#).unwrap();
        let made = mark(&old, Scope::Ingest, &[7; 32]);
        let key = format!("{HASHED}.{made}");
        let (hashed, found) = split(key.as_bytes());
        let found = found.unwrap();
        assert_eq!((hashed, found.scope), (HASHED.as_bytes(), Scope::Ingest));
        assert!(is_ours(&old, &found, &[7; 32]) && is_ours(&both, &found, &[7; 32]));
        let other_scope = KeyMark { scope: Scope::Admin, ..found.clone() };
        assert!(!is_ours(&old, &other_scope, &[7; 32]));
        assert!(!is_ours(&old, &found, &[8; 32]));
        assert!(!is_ours(&SigningSecrets::parse("new").unwrap(), &found, &[7; 32]));
    }

    #[test]
    fn a_key_of_another_form_is_hashed_whole() {
        let digits = "0".repeat(32);
        for key in [
            HASHED.to_owned(),
            format!("{HASHED}."),
            format!("{HASHED}.{}", "g".repeat(32)),
            format!("{HASHED}x.{digits}"),
            format!("{}.{digits}", HASHED.replace("ingest", "root")),
            format!("crm.{digits}"),
            String::new(),
        ] {
            assert_eq!(split(key.as_bytes()), (key.as_bytes(), None), "{key}");
        }
        assert_eq!(split(b"\xff."), (&b"\xff."[..], None));
    }
}
