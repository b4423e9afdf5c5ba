//! The third party over HTTP.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::third_party::{Asked, Replied, ThirdParty, Verdict};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{body, builder, pause};
use crate::http::describe;
use crate::secret::{Secret, SecretError, in_time};

/// The time for Secrets Manager.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// A client of the third party.
pub struct ThirdPartyClient<C> {
    party: &'static dyn ThirdParty,
    base_url: String,
    key: Option<Secret>,
    timeout: Duration,
    http: OnceCell<reqwest::Client>,
    clock: C,
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The sense of the reply.
    pub verdict: Verdict,
    /// Whether the request certainly did not reach the third party.
    pub is_unsent: bool,
    /// The pause that the third party asks for.
    pub pause: Option<Duration>,
    /// The same for people, without anything that was sent.
    pub words: String,
}

impl Reply {
    fn unsent(words: String) -> Self {
        Self { verdict: Verdict::Unclear, is_unsent: true, pause: None, words }
    }

    /// Returns whether the third party is at work: it has answered, and not by turning everybody
    /// away.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        matches!(self.verdict, Verdict::Said(_) | Verdict::Refused | Verdict::NotFound)
    }
}

impl<C: Clock> ThirdPartyClient<C> {
    /// Creates a client. A request takes no longer than `timeout`; nothing is built before the
    /// first one. Without a key, requests carry none.
    pub fn new(
        party: &'static dyn ThirdParty,
        base_url: &str,
        key: Option<Secret>,
        timeout: Duration,
        clock: C,
    ) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { party, base_url, key, timeout, http: OnceCell::new(), clock }
    }

    /// Submits a transaction, unless it was begun so long ago that the submission might arrive
    /// after its time.
    pub async fn submit(&self, id: &Uuid, body: &[u8], begun_at: Timestamp) -> Reply {
        if elapsed(begun_at, self.clock.now()) > self.timeout {
            return Reply::unsent("it was begun too long ago".to_owned());
        }
        let asked = self.party.submission(id, body);
        self.send(id, &asked, |reply| self.party.submitted(reply)).await
    }

    /// Asks how a transaction stands.
    pub async fn ask(&self, id: &Uuid) -> Reply {
        self.send(id, &self.party.question(id), |reply| self.party.answered(reply)).await
    }

    /// Sends a request once; once more with another key, if the first was turned away for its key.
    async fn send(
        &self,
        id: &Uuid,
        asked: &Asked,
        read: impl Fn(&Replied<'_>) -> Verdict,
    ) -> Reply {
        let sent_at = self.clock.now();
        let key = match self.key(|key| key.get(sent_at, false)).await {
            Ok(key) => key,
            Err(error) => return Reply::unsent(format!("the key: {error}")),
        };
        let reply = self.send_with(id, asked, key.as_ref(), &read).await;
        if reply.verdict != Verdict::Unauthorized {
            return reply;
        }
        let again = self.key(|key| key.after_refusal(sent_at, self.clock.now())).await;
        let text =
            |key: &Option<SecretString>| key.as_ref().map(|it| it.expose_secret().to_owned());
        match again {
            Ok(other) if text(&other) != text(&key) => {
                self.send_with(id, asked, other.as_ref(), &read).await
            }
            _ => reply,
        }
    }

    async fn key<'a, F>(
        &'a self,
        read: impl FnOnce(&'a Secret) -> F,
    ) -> Result<Option<SecretString>, SecretError>
    where
        F: Future<Output = Result<SecretString, SecretError>>,
    {
        match &self.key {
            Some(key) => in_time(SECRET_PATIENCE, read(key)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn send_with(
        &self,
        id: &Uuid,
        asked: &Asked,
        key: Option<&SecretString>,
        read: impl Fn(&Replied<'_>) -> Verdict,
    ) -> Reply {
        let http = match self.http.get_or_try_init(|| async { builder(self.timeout).build() }).await
        {
            Ok(http) => http,
            Err(error) => return Reply::unsent(describe(&error.without_url())),
        };
        let method = if asked.method == "POST" { Method::POST } else { Method::GET };
        let mut call = http.request(method, format!("{}{}", self.base_url, asked.path));
        for (name, value) in &asked.headers {
            call = call.header(*name, value);
        }
        if let Some(key) = key {
            call = call.bearer_auth(key.expose_secret().trim());
        }
        let response = match call.body(asked.body.clone()).send().await {
            Ok(response) => response,
            Err(error) => {
                let is_unsent = error.is_connect() || error.is_builder();
                let words = describe(&error.without_url());
                return Reply { is_unsent, ..Reply::unsent(words) };
            }
        };
        let (status, pause) = (response.status().as_u16(), pause(&response, self.clock.now()));
        let (verdict, words) = match body(response).await {
            Ok(body) => {
                let verdict = read(&Replied { id, status, body: &body });
                (verdict, format!("HTTP {status}"))
            }
            Err(error) => {
                let error = describe(&error.without_url());
                (Verdict::Unclear, format!("HTTP {status}, and then: {error}"))
            }
        };
        let is_unsent = matches!(verdict, Verdict::Busy | Verdict::Unauthorized);
        Reply { verdict, is_unsent, pause, words }
    }
}
