//! How a request to a vendor says who asks.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::google::{ServiceAccount, TokenError};
use crate::secret::Secret;

/// What is sent as bearer token.
#[derive(Debug)]
pub enum Auth {
    /// The secret itself.
    Bearer(Secret),
    /// A token that Google gives for a service account's claim.
    Google(Box<ServiceAccount>),
}

impl Auth {
    /// The token to send at `now`; with `fresh`, after a 401: read, or exchanged for, again.
    ///
    /// # Errors
    /// [`TokenError`] says whether it may pass.
    pub async fn bearer(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        fresh: bool,
    ) -> Result<SecretString, TokenError> {
        match self {
            Self::Bearer(key) => Ok(key.get(now, fresh).await?),
            Self::Google(account) => account.token(http, now, fresh).await,
        }
    }
}
