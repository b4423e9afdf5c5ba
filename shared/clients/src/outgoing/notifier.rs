//! Notifications of clients, by Standard Webhooks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::signature::{SigningSecrets, standard};
use penstock_domain::transaction::notification::Answer;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::address::{PublicOnly, is_public};
use super::{builder, pause};
use crate::aws::Aws;
use crate::http::describe;
use crate::secret::{Secret, in_time};

/// The time of one attempt, from connecting to the reply's head.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time for Secrets Manager.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// Tells clients how their transactions stand.
pub struct Notifier<C> {
    url: Url,
    secrets: Secret,
    allows_private: bool,
    http: OnceCell<reqwest::Client>,
    clock: C,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The client's answer.
    pub answer: Answer,
    /// The same for people.
    pub words: String,
}

impl Told {
    fn later(words: String) -> Self {
        Self { answer: Answer::Later(None), words }
    }
}

impl<C: Clock> Notifier<C> {
    /// Creates the notifier of the URL `NOTIFY_URL`; `None` if it is not set. `NOTIFY_SECRET_ARN`
    /// names the secret with the signing secrets (local runs: `NOTIFY_SECRET`).
    /// `NOTIFY_PRIVATE_ADDRESSES` is `refused` (unless set otherwise) or `allowed`.
    ///
    /// # Errors
    /// [`ConfigError`] if a variable is missing or cannot be used, or if the URL is none of https
    /// while private addresses are refused.
    pub fn from_env(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Self>, ConfigError> {
        let Some(text) = env.optional("NOTIFY_URL") else { return Ok(None) };
        let secrets = Secret::from_env(env, aws, "NOTIFY_SECRET", "NOTIFY_SECRET_ARN")
            .ok_or_else(|| ConfigError::Missing("NOTIFY_SECRET_ARN".to_owned()))?;
        let invalid = |name: &str, reason: &str| ConfigError::Invalid {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        let allows_private = match env.or("NOTIFY_PRIVATE_ADDRESSES", "refused").as_str() {
            "allowed" => true,
            "refused" => false,
            _ => {
                let reason = "it is neither allowed nor refused";
                return Err(invalid("NOTIFY_PRIVATE_ADDRESSES", reason));
            }
        };
        let url = Url::parse(&text).map_err(|_| invalid("NOTIFY_URL", "it is no URL"))?;
        match url.scheme() {
            "https" => {}
            "http" if allows_private => {}
            _ => return Err(invalid("NOTIFY_URL", "it is no https URL")),
        }
        if !allows_private && !may_be_public(&url) {
            return Err(invalid("NOTIFY_URL", "it names a private address"));
        }
        Ok(Some(Self { url, secrets, allows_private, http: OnceCell::new(), clock }))
    }

    /// Tells the client, once.
    pub async fn tell(&self, id: &Uuid, body: &str) -> Told {
        let now = self.clock.now();
        let read = in_time(SECRET_PATIENCE, self.secrets.get(now, false)).await;
        let text = match read {
            Ok(text) => text,
            Err(error) => return Told::later(format!("the signing secret: {error}")),
        };
        let secrets = match SigningSecrets::parse_standard(text.expose_secret()) {
            Ok(secrets) => secrets,
            Err(error) => return Told::later(error.to_string()),
        };
        let http = match self.http.get_or_try_init(|| async { self.client() }).await {
            Ok(http) => http,
            Err(error) => return Told::later(describe(&error.without_url())),
        };
        let mut call = http.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        for (name, value) in standard::headers(&id.to_string(), body.as_bytes(), &secrets, now) {
            call = call.header(name, value);
        }
        match call.body(body.to_owned()).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let answer = Answer::of(status, pause(&response, self.clock.now()));
                Told { answer, words: format!("HTTP {status}") }
            }
            Err(error) => Told::later(describe(&error.without_url())),
        }
    }

    fn client(&self) -> Result<reqwest::Client, reqwest::Error> {
        let builder = builder(PATIENCE);
        match self.allows_private {
            true => builder.build(),
            false => builder.dns_resolver(Arc::new(PublicOnly)).https_only(true).build(),
        }
    }
}

/// Whether the URL names a public address, or a name, which is checked when it is resolved. The
/// resolver is not asked about addresses.
fn may_be_public(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    address.map_or(true, is_public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn made(pairs: &[(&str, &str)]) -> Result<bool, ConfigError> {
        let secret = ("NOTIFY_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let env = pairs.iter().copied().chain([secret]).collect();
        Notifier::from_env(&env, &Arc::new(Aws::default()), SystemClock).map(|made| made.is_some())
    }

    #[test]
    fn without_a_url_nobody_is_told() {
        assert_eq!(made(&[]), Ok(false));
    }

    #[test]
    fn private_addresses_and_plain_http_are_refused_unless_they_are_allowed() {
        assert_eq!(made(&[("NOTIFY_URL", "https://example.com/hooks")]), Ok(true));
        for url in [
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "http://example.com/",
            "ftp://example.com/",
            "nothing",
        ] {
            let refused = made(&[("NOTIFY_URL", url)]);
            assert!(matches!(refused, Err(ConfigError::Invalid { .. })), "{url}");
        }
        let here = ("NOTIFY_URL", "http://127.0.0.1:1/");
        assert_eq!(made(&[here, ("NOTIFY_PRIVATE_ADDRESSES", "allowed")]), Ok(true));
    }
}
