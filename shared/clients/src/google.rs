//! Google's service accounts: a signed claim (RS256) is exchanged for an access token of an hour
//! (developers.google.com/identity/protocols/oauth2/service-account).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::{self, PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::http::describe;
use crate::secret::{Secret, SecretError};

/// A token is renewed this long before it ends, so that it is still valid when a request arrives.
pub const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// The lifetime of a claim; Google allows an hour at most.
const CLAIM_SECONDS: i64 = 3_600;

/// The time-out of the exchange, from connecting to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// The grant type of the exchange (RFC 7523).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The reason why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is not a service account's key. The message says where it is wrong, and never
    /// repeats it.
    #[error("the secret is no key of a service account: {0}")]
    Key(String),
    /// Google refuses the claim, even with the key read again. The configuration is wrong.
    #[error("Google gives no token, with {status}: {words}")]
    Refused {
        status: u16,
        /// Google's own words.
        words: String,
    },
    /// Google does not answer, or its reply holds no token. The fault may pass.
    #[error("Google gives no token now: {0}")]
    Unavailable(String),
}

/// A service account: its key from Secrets Manager, and the token that it was last exchanged for.
#[derive(Debug)]
pub struct ServiceAccount {
    key: Secret,
    scope: String,
    /// The user to act for, if an administrator has delegated that to the account.
    subject: Option<String>,
    /// Replaces the key's own `token_uri`.
    token_url: Option<String>,
    /// Held during the exchange, so that there is one at a time.
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    value: SecretString,
    good_until: Timestamp,
}

/// The JSON that Google issues for a service account, as far as it is needed. It has no `Debug`,
/// because it holds the key.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    token_uri: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// An error reply of OAuth (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl ServiceAccount {
    /// Creates an account that asks for `scope`, words separated by spaces. The key is read when
    /// the first token is needed.
    #[must_use]
    pub fn new(key: Secret, scope: &str) -> Self {
        Self {
            key,
            scope: scope.to_owned(),
            subject: None,
            token_url: None,
            token: Mutex::default(),
        }
    }

    /// Makes the account act for a user of its domain.
    #[must_use]
    pub fn acting_for(self, subject: Option<String>) -> Self {
        Self { subject, ..self }
    }

    /// Exchanges claims at another URL than the key's own.
    #[must_use]
    pub fn exchanged_at(self, token_url: Option<String>) -> Self {
        Self { token_url, ..self }
    }

    /// Returns a token that is valid at `now`; with `fresh`, another than the one returned before.
    ///
    /// # Errors
    /// [`TokenError`] if there is no token. Its variant says whether the fault may pass.
    pub async fn token(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        fresh: bool,
    ) -> Result<SecretString, TokenError> {
        let mut token = self.token.lock().await;
        match &*token {
            Some(Token { value, good_until }) if !fresh && now < *good_until => Ok(value.clone()),
            _ => {
                // A token that failed must not be used again, even if the exchange fails.
                *token = None;
                let granted = self.exchange(http, now).await?;
                let good_for = Duration::from_secs(granted.expires_in).saturating_sub(RENEW_BEFORE);
                let value = SecretString::from(granted.access_token);
                *token = Some(Token { value: value.clone(), good_until: now + good_for });
                Ok(value)
            }
        }
    }

    /// Exchanges a claim. If Google refuses it, or the key is invalid, it tries once more with the
    /// key read again, because it may have been rotated.
    async fn exchange(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
    ) -> Result<Granted, TokenError> {
        let known = self.key.get(now, false).await?;
        match self.exchange_with(http, &known, now).await {
            Err(TokenError::Refused { .. } | TokenError::Key(_)) => {
                tracing::warn!(event = "claim_refused", "the key is read again");
                let fresh = self.key.get(now, true).await?;
                self.exchange_with(http, &fresh, now).await
            }
            other => other,
        }
    }

    async fn exchange_with(
        &self,
        http: &reqwest::Client,
        key: &SecretString,
        now: Timestamp,
    ) -> Result<Granted, TokenError> {
        let key: KeyFile = serde_json::from_str(key.expose_secret())
            .map_err(|e| TokenError::Key(penstock_domain::json::place(&e)))?;
        let assertion = self.claim(&key, now)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        let url = self.token_url.as_deref().unwrap_or(&key.token_uri);
        let request =
            http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let unavailable = |e: reqwest::Error| TokenError::Unavailable(describe(&e));
        let response = request.timeout(PATIENCE).send().await.map_err(unavailable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| {
                let place = penstock_domain::json::place(&e);
                TokenError::Unavailable(format!("a reply of {} bytes: {place}", body.len()))
            });
        }
        let words = words(&body);
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(TokenError::Unavailable(format!("status {status}: {words}")));
        }
        Err(TokenError::Refused { status: status.as_u16(), words })
    }

    /// Returns the signed claim (RFC 7515 with RS256).
    fn claim(&self, key: &KeyFile, now: Timestamp) -> Result<String, TokenError> {
        let audience = self.token_url.as_deref().unwrap_or(&key.token_uri);
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &key.private_key_id {
            header["kid"] = json!(id);
        }
        let issued = now.as_second();
        let mut claims = json!({
            "iss": key.client_email,
            "scope": self.scope,
            "aud": audience,
            "iat": issued,
            "exp": issued + CLAIM_SECONDS,
        });
        if let Some(subject) = &self.subject {
            claims["sub"] = json!(subject);
        }
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let pair = key_pair(&key.private_key)?;
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| TokenError::Key("it does not sign".to_owned()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Reads a private key from PEM with PKCS#8 inside, the form Google gives. The reasons are our own
/// words: those of the PEM reader may repeat a line of the key.
fn key_pair(pem: &str) -> Result<RsaKeyPair, TokenError> {
    let no_key = |reason: &str| TokenError::Key(format!("private_key: {reason}"));
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| match e {
        pem::Error::Base64Decode(_) => no_key("what is in the PEM is not base64"),
        _ => no_key("it is not PEM of a private key"),
    })?;
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|e| no_key(&e.to_string()))
}

/// Returns OAuth's error words, shortened. Of a body of another shape it only says the length.
fn words(body: &[u8]) -> String {
    match serde_json::from_slice::<Denied>(body) {
        Ok(Denied { error, error_description }) => {
            format!("{error}: {error_description}").chars().take(300).collect()
        }
        Err(_) => format!("a body of {} bytes", body.len()),
    }
}
