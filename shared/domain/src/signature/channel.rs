//! Push channels: the token that a vendor sends along is a keyed hash of the channel's id, so that whoever knows it was
//! told by us, for this channel, and nothing has to be looked up.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::SigningSecrets;

/// The token of the channel called `id`, by the first of the secrets: 64 characters. Empty where there is no secret,
/// which [`SigningSecrets`] does not allow.
#[must_use]
pub fn token(secrets: &SigningSecrets, id: &str) -> String {
    secrets.0.first().and_then(|secret| sign(secret, id)).unwrap_or_default()
}

/// Whether `token` is the token of the channel called `id`, by any of the secrets, in a time that tells nothing of them.
#[must_use]
pub fn is_ours(secrets: &SigningSecrets, id: &str, token: &str) -> bool {
    let mut matches = Choice::from(0);
    for expected in secrets.0.iter().filter_map(|secret| sign(secret, id)) {
        matches |= expected.as_bytes().ct_eq(token.as_bytes());
    }
    bool::from(matches)
}

fn sign(secret: &[u8], id: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"channel.");
    mac.update(id.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_channel_and_for_each_secret_that_is_valid() {
        let old = SigningSecrets::parse("old").unwrap();
        let both = SigningSecrets::parse(r#"{"signingSecrets":["new","old"]}"#).unwrap();
        let new = SigningSecrets::parse("new").unwrap();
        let token_by_old = token(&old, "c1");
        assert_eq!(token_by_old.len(), 64);
        assert!(is_ours(&old, "c1", &token_by_old) && is_ours(&both, "c1", &token_by_old));
        assert!(is_ours(&new, "c1", &token(&both, "c1")), "the first one signs");
        for (secrets, id, token) in [
            (&new, "c1", &*token_by_old),
            (&old, "c2", &token_by_old),
            (&old, "c1", ""),
            (&old, "", ""),
        ] {
            assert!(!is_ours(secrets, id, token), "{id} {token}");
        }
    }
}
