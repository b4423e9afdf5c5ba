//! The seal on a message of our own queues: an HMAC-SHA256 over its purpose and its text.
//!
//! A queue is written by whoever has one permission too many. So a message proves who has made it:
//! `spill.2.<purpose>.<64 hexadecimal digits>.<text>`. Each sender has a secret of its own, and
//! only it and the reader know that secret. The purpose is part of what is signed, so a message of
//! one sender is none of another's.

use std::fmt;

use super::mac::{Encoding, matches, sign};
use super::secrets::SigningSecrets;

/// The form of a sealed message. Messages before it had no seal.
const FORM: &str = "spill.2.";

/// Keeps these signatures apart from anything else that is signed by the same secret.
const PREFIX: &[u8] = b"spill.2.";

/// Hexadecimal digits of a signature.
const DIGITS: usize = 64;

/// The most bytes that a seal adds to a text.
pub const SEAL_BYTES: usize = FORM.len() + "transact.".len() + DIGITS + ".".len();

/// The sender of a message, and with it what the message may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A vendor's request, whose signature `webhook` has verified.
    Webhook,
    /// A request of one of our own senders, whose key `ingest` has read.
    Ingest,
    /// A client's transaction, or a call-back of the third party, which `transact` has verified.
    Transact,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Webhook, Self::Ingest, Self::Transact];

    /// Returns the word in the message.
    const fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ingest => "ingest",
            Self::Transact => "transact",
        }
    }
}

/// The reason why a message is not believed. The text repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// It has no seal, such as a message that a release before this one has sent.
    #[error("the message has no seal")]
    Missing,
    /// The seal is of none of the secrets.
    #[error("the seal does not match the message")]
    NoMatch,
    /// It is older than a queue keeps a message, or from the future.
    #[error("the message was received at a time at which it cannot have been sent")]
    Stale,
}

/// The text of a message whose sender is known. Only [`open`] makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) text: &'a str,
}

/// Bodies are not logged (rule 12).
impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?}, {} bytes)", self.purpose, self.text.len())
    }
}

/// Returns the message for a text, sealed by the first of the secrets. It has no valid seal without
/// a secret, which [`SigningSecrets`] does not allow.
#[must_use]
pub fn seal(secrets: &SigningSecrets, purpose: Purpose, text: &str) -> String {
    let sign = |secret: &Vec<u8>| sign(secret, &signed(purpose, text), Encoding::Hex);
    let seal = secrets.0.first().and_then(sign).unwrap_or_default();
    format!("{FORM}{}.{seal}.{text}", purpose.word())
}

/// Returns the purpose that a message claims, by which its secret is chosen. Nothing is proven yet.
///
/// # Errors
/// [`Unsealed::Missing`] if the message has no seal.
pub fn claimed(message: &str) -> Result<Purpose, Unsealed> {
    Ok(taken_apart(message).ok_or(Unsealed::Missing)?.0)
}

/// Opens a message that one of the secrets has sealed. The time taken reveals nothing about them.
///
/// # Errors
/// [`Unsealed`] if the message has no seal, or another one.
pub fn open<'m>(message: &'m str, secrets: &SigningSecrets) -> Result<Opened<'m>, Unsealed> {
    let (purpose, seal, text) = taken_apart(message).ok_or(Unsealed::Missing)?;
    if !matches(secrets, &signed(purpose, text), Encoding::Hex, &[seal]) {
        return Err(Unsealed::NoMatch);
    }
    Ok(Opened { purpose, text })
}

/// Returns the text of a message without its seal, which is not verified: for a person to read.
#[must_use]
pub fn text(message: &str) -> &str {
    taken_apart(message).map_or(message, |(_, _, text)| text)
}

fn signed(purpose: Purpose, text: &str) -> [&[u8]; 4] {
    [PREFIX, purpose.word().as_bytes(), b".", text.as_bytes()]
}

/// Returns purpose, seal and text of a message.
fn taken_apart(message: &str) -> Option<(Purpose, &str, &str)> {
    let (word, rest) = message.strip_prefix(FORM)?.split_once('.')?;
    let purpose = Purpose::ALL.into_iter().find(|it| it.word() == word)?;
    let (seal, text) = rest.split_once('.')?;
    (seal.len() == DIGITS).then_some((purpose, seal, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> SigningSecrets {
        SigningSecrets::parse(text).unwrap()
    }

    #[test]
    fn a_message_is_opened_by_each_secret_that_is_valid_and_by_no_other() {
        let (old, both) = (secrets("old"), secrets(r#"{"signingSecrets":["new","old"]}"#));
        let text = "{\"a\":\"\u{fc}.b\"}";
        for purpose in Purpose::ALL {
            let message = seal(&old, purpose, text);
            assert!(message.len() - text.len() <= SEAL_BYTES);
            assert_eq!(claimed(&message), Ok(purpose));
            assert_eq!(open(&message, &both), Ok(Opened { purpose, text }));
            assert_eq!(open(&message, &secrets("new")), Err(Unsealed::NoMatch));
        }
    }

    #[test]
    fn a_seal_holds_for_its_text_and_its_purpose_only() {
        let secrets = secrets("s");
        let message = seal(&secrets, Purpose::Ingest, "{\"amount\":1}");
        for changed in [
            message.replace(":1", ":2"),
            message.replace("ingest", "webhook"),
            message.replace("ingest", "transact"),
            format!("{message} "),
            message.replacen(&message[20..22], "zz", 1),
        ] {
            assert_eq!(open(&changed, &secrets), Err(Unsealed::NoMatch), "{changed}");
        }
        for none in ["", "{}", "spill.2.ingest.ab.{}", "spill.2.admin.", "spill.1."] {
            assert_eq!(open(none, &secrets), Err(Unsealed::Missing), "{none}");
        }
    }
}
