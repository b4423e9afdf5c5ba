//! The secrets that sign what is pushed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The secrets that are valid now; several while one replaces another.
#[derive(Clone)]
pub struct SigningSecrets(pub(super) Vec<Vec<u8>>);

/// The text is neither one secret nor JSON with `signingSecrets`. The message does not repeat it.
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
    /// Reads the secret's text: one secret, or JSON that lists several. White space around a secret
    /// is dropped, because it comes with a paste.
    ///
    /// # Errors
    /// [`SecretsError`] if the text holds no secret, or an empty one.
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

    /// Reads the same text, whose secrets are written as Standard Webhooks has them: `whsec_` and
    /// the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// [`SecretsError`] if one of them is not.
    pub fn parse_standard(text: &str) -> Result<Self, SecretsError> {
        let decoded = |secret: &Vec<u8>| {
            let key = STANDARD.decode(secret.strip_prefix(b"whsec_")?).ok()?;
            (24..=64).contains(&key.len()).then_some(key)
        };
        let keys: Option<Vec<_>> = Self::parse(text)?.0.iter().map(decoded).collect();
        keys.map(Self).ok_or(SecretsError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_secret_is_the_base64_of_24_to_64_bytes() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for good in [24, 64] {
            let read = SigningSecrets::parse_standard(&secret(good)).unwrap();
            assert_eq!(read.0, [vec![7; good]]);
        }
        for bad in [secret(23), secret(65), "whsec_*".to_owned(), secret(24)[6..].to_owned()] {
            assert_eq!(SigningSecrets::parse_standard(&bad).unwrap_err(), SecretsError, "{bad}");
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
