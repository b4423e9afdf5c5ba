//! The bearer token of a request to a vendor.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::google::{ServiceAccount, TokenError};
use crate::secret::Secret;

/// The origin of the bearer token.
#[derive(Debug)]
pub enum Auth {
    /// The secret itself.
    Bearer(Secret),
    /// A token that Google issues for a service account's claim.
    Google(Box<ServiceAccount>),
}

impl Auth {
    /// Reads the key as it is stored. `None` if there is none, it cannot be read, or tokens are
    /// exchanged for it.
    pub async fn key(&self, now: Timestamp) -> Option<SecretString> {
        match self {
            Self::Bearer(key) => key.get(now, false).await.ok(),
            Self::Google(_) => None,
        }
    }

    /// Returns the token to send at `now`. After a 401 to a request that was sent at `refused`, it
    /// is read or exchanged again.
    ///
    /// # Errors
    /// [`TokenError`] if there is no token. Its variant says whether the fault may pass.
    pub async fn bearer(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        refused: Option<Timestamp>,
    ) -> Result<SecretString, TokenError> {
        match self {
            Self::Bearer(key) => Ok(match refused {
                Some(sent_at) => key.after_refusal(sent_at, now).await?,
                None => key.get(now, false).await?,
            }),
            Self::Google(account) => account.token(http, now, refused.is_some()).await,
        }
    }
}
