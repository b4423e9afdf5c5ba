//! An incoming webhook of a chat, as Slack, Mattermost and others have it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_domain::digest::Message;
use penstock_domain::retry::retry_after;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, Url};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use super::refusal::PATIENCE;
use super::{Channel, NotSent, Sending};
use crate::aws::Aws;
use crate::http::describe;
use crate::secret::{Secret, in_time};

/// The time for Secrets Manager.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// An incoming webhook. Its URL is a secret: whoever has it can write into the chat.
pub struct Chat<C> {
    url: Secret,
    http: OnceCell<reqwest::Client>,
    clock: C,
}

impl<C: Clock> Chat<C> {
    /// Creates the channel whose URL is in the secret `DIGEST_CHAT_SECRET_ARN`, or for local runs
    /// in `DIGEST_CHAT_URL`. `None` if neither is set.
    pub fn from_env(env: &Env, aws: &Arc<Aws>, clock: C) -> Option<Self> {
        let url = Secret::from_env(env, aws, "DIGEST_CHAT_URL", "DIGEST_CHAT_SECRET_ARN")?;
        Some(Self { url, http: OnceCell::new(), clock })
    }

    /// Posts the message. A URL that is refused is read again, and used if it is another one.
    async fn post(&self, message: &Message) -> Result<(), NotSent> {
        let sent_at = self.clock.now();
        let url = self.read(self.url.get(sent_at, false)).await?;
        let refused = match self.post_to(&url, message).await {
            Err(NotSent::Refused(reason)) => reason,
            outcome => return outcome,
        };
        let again = self.read(self.url.after_refusal(sent_at, self.clock.now())).await;
        match again {
            Ok(other) if other != url => self.post_to(&other, message).await,
            _ => Err(NotSent::Refused(refused)),
        }
    }

    async fn read(
        &self,
        reading: impl Future<Output = Result<secrecy::SecretString, crate::secret::SecretError>>,
    ) -> Result<Url, NotSent> {
        let text = in_time(SECRET_PATIENCE, reading).await.map_err(|e| NotSent::Later {
            reason: format!("the secret with the URL: {e}"),
            pause: None,
        })?;
        let url = Url::parse(text.expose_secret().trim()).ok().filter(may_be_asked);
        url.ok_or_else(|| NotSent::Refused("the secret is no https URL".to_owned()))
    }

    async fn post_to(&self, url: &Url, message: &Message) -> Result<(), NotSent> {
        let http = self.http.get_or_try_init(|| async { client() }).await?;
        let body = message.chat.to_string();
        let post = http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        match post.send().await {
            Ok(reply) => outcome(&reply, self.clock.now()),
            // Without its URL.
            Err(e) if e.is_connect() => {
                Err(NotSent::Later { reason: describe(&e.without_url()), pause: None })
            }
            Err(e) => Err(NotSent::Unsure(describe(&e.without_url()))),
        }
    }
}

impl<C: Clock> Channel for Chat<C> {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }
}

#[expect(clippy::disallowed_methods, reason = "a provider is installed first")]
fn client() -> Result<reqwest::Client, NotSent> {
    // Fails only where a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let built = reqwest::Client::builder()
        .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .timeout(PATIENCE)
        // The message must not follow to another host.
        .redirect(reqwest::redirect::Policy::none())
        .build();
    built.map_err(|e| NotSent::Refused(describe(&e)))
}

/// Whether requests may go to a URL: by https, or to this machine.
fn may_be_asked(url: &Url) -> bool {
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    url.scheme() == "https" || url.scheme() == "http" && is_here
}

/// Reads the outcome from a reply. 404 and 410 mean that the webhook is gone: a person has to make
/// another.
fn outcome(reply: &Response, now: Timestamp) -> Result<(), NotSent> {
    let status = reply.status().as_u16();
    let reason = format!("HTTP {status}");
    let header = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let pause = header.and_then(|text| retry_after(text, now));
    match status {
        200..=299 => Ok(()),
        429 => Err(NotSent::Later { reason, pause }),
        // Its answer to too much work, with the time at which there is less.
        503 if pause.is_some() => Err(NotSent::Later { reason, pause }),
        300..=499 => Err(NotSent::Refused(reason)),
        _ => Err(NotSent::Unsure(reason)),
    }
}
