//! The third party that decides transactions. Each is one file here and one line in
//! [`THIRD_PARTIES`]: what it is sent, and what it has said.

mod http;

use uuid::Uuid;

use crate::config::{ConfigError, Env};
use crate::signature::{Claim, SignatureError};
use crate::source::WebhookRequest;
use crate::transaction::Standing;

pub use http::Http;

/// All third parties, by their names in `THIRD_PARTY`.
pub const THIRD_PARTIES: &[&dyn ThirdParty] = &[&Http];

/// Returns the third party of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn ThirdParty> {
    THIRD_PARTIES.iter().copied().find(|party| party.name() == name)
}

/// Returns the third party that `THIRD_PARTY` names: `http` unless set otherwise.
///
/// # Errors
/// [`ConfigError::Invalid`] if there is no such one.
pub fn named(env: &Env) -> Result<&'static dyn ThirdParty, ConfigError> {
    find(&env.or("THIRD_PARTY", Http.name())).ok_or_else(|| ConfigError::Invalid {
        name: "THIRD_PARTY".to_owned(),
        reason: "there is no such third party".to_owned(),
    })
}

/// Returns the third party; `None` if `THIRD_PARTY_BASE_URL` is not set.
///
/// # Errors
/// As [`named`].
pub fn configured(env: &Env) -> Result<Option<&'static dyn ThirdParty>, ConfigError> {
    let party = named(env)?;
    Ok(env.optional("THIRD_PARTY_BASE_URL").map(|_| party))
}

/// A third party: pure code, which asks nobody.
pub trait ThirdParty: Sync {
    /// Returns its name in `THIRD_PARTY`.
    fn name(&self) -> &'static str;

    /// Returns the request that submits a transaction. `body` is what its client has sent, as it
    /// came.
    fn submission(&self, id: &Uuid, body: &[u8]) -> Asked;

    /// Returns the request that asks how a transaction stands.
    fn question(&self, id: &Uuid) -> Asked;

    /// Reads the reply to a submission.
    fn submitted(&self, reply: &Replied<'_>) -> Verdict;

    /// Reads the reply to a question.
    fn answered(&self, reply: &Replied<'_>) -> Verdict;

    /// Reads what a call-back claims about its signature.
    ///
    /// # Errors
    /// [`SignatureError`] if it claims nothing that can be checked.
    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError>;

    /// Reads a call-back whose signature was verified.
    ///
    /// # Errors
    /// [`CallBackError`] if it names no transaction, or a word that is not known.
    fn call_back(&self, body: &[u8]) -> Result<(Uuid, Standing), CallBackError>;
}

/// A request to the third party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Follows the base URL, and begins with a slash.
    pub path: String,
    /// Headers beside those of every request.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for a `GET`.
    pub body: Vec<u8>,
}

/// A reply of the third party.
#[derive(Debug, Clone, Copy)]
pub struct Replied<'a> {
    /// The transaction that the request was about.
    pub id: &'a Uuid,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

/// The sense of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// How the transaction stands.
    Said(Standing),
    /// It did nothing with the submission, and will do nothing.
    Refused,
    /// It does not know the transaction.
    NotFound,
    /// It turned the request away before it did anything: too many requests.
    Busy,
    /// It turned the request away before it did anything: the key is not good.
    Unauthorized,
    /// It may have done anything, or nothing.
    Unclear,
}

/// The reason why a call-back cannot be read. Its sender may read these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallBackError {
    /// It is no JSON object.
    #[error("the body is no JSON object")]
    NotAnObject,
    /// It names no transaction.
    #[error("must be the UUID of a transaction")]
    NoId,
    /// It says a word that this release does not know.
    #[error("is no status that is known")]
    UnknownStatus,
}

impl CallBackError {
    /// Returns the JSON pointer to the field.
    #[must_use]
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::NotAnObject => "#",
            Self::NoId => "#/id",
            Self::UnknownStatus => "#/status",
        }
    }
}
