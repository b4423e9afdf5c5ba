//! Push channels: the token that a vendor sends along is a keyed hash of the channel's id. A sender
//! that knows it has it from us, for this channel, so no look-up is needed.

use super::mac::{Encoding, matches, sign};
use super::secrets::SigningSecrets;

/// Keeps these tokens apart from anything else that is signed by the same secret.
const PREFIX: &[u8] = b"channel.";

/// Returns the token of the channel called `id`, by the first of the secrets: 64 characters. It is
/// empty without a secret, which [`SigningSecrets`] does not allow.
#[must_use]
pub fn token(secrets: &SigningSecrets, id: &str) -> String {
    let sign = |secret: &Vec<u8>| sign(secret, &[PREFIX, id.as_bytes()], Encoding::Hex);
    secrets.0.first().and_then(sign).unwrap_or_default()
}

/// Returns whether `token` is the token of the channel called `id`, by any of the secrets. The time
/// taken reveals nothing about them.
#[must_use]
pub fn is_ours(secrets: &SigningSecrets, id: &str, token: &str) -> bool {
    matches(secrets, &[PREFIX, id.as_bytes()], Encoding::Hex, &[token])
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
