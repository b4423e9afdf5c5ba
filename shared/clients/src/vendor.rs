//! A vendor over HTTP: rate limit, time-outs, retries, refusals. Several may ask at once, and share
//! the limit.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::{ErrorClass, Request};
use penstock_domain::rate::TokenBucket;
use penstock_domain::retry::{ATTEMPTS, backoff, http_date, retry_after};
use penstock_domain::source::Source;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, OnceCell};

pub use self::error::VendorError;
use crate::auth::Auth;
use crate::google::TokenError;
use crate::http::describe;

mod error;

/// How a vendor is reached.
#[derive(Debug)]
pub struct VendorConfig {
    /// Scheme and host, such as `https://api.stripe.com`.
    pub base_url: String,
    /// How a request says who asks.
    pub auth: Auth,
    /// Sent with every request.
    pub headers: Vec<(&'static str, String)>,
    /// Requests a second.
    pub rate_per_second: u32,
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
}

/// A reply with status 200, or 204 and no body.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its `Date` header; where it has none, when the request was sent.
    pub as_of: Timestamp,
    /// Its body.
    pub body: Bytes,
}

/// A client of one vendor.
pub struct VendorClient<C> {
    source: &'static dyn Source,
    config: VendorConfig,
    http: OnceCell<reqwest::Client>,
    bucket: Mutex<Option<TokenBucket>>,
    clock: C,
}

/// A request that is under way at the deadline may take this much longer: half of the margin that
/// `fetch` keeps before Lambda ends it.
const GRACE: Duration = Duration::from_secs(10);

/// The longest pause before a request that the client makes of its own accord: for its turn, or
/// after a fault.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The longest time that the client waits for one request because the vendor asks for it. Waiting
/// costs money in Lambda, and holds one of few environments. After a longer pause, a message goes
/// on with the run.
pub const LONGEST_ASKED: Duration = Duration::from_secs(5);

/// How often a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    /// Several times, while the vendor may answer within seconds.
    Several,
    /// Once: another failure is expected.
    One,
}

/// The outcome of one attempt.
enum Attempt {
    Reply(Fetched),
    /// Try again after this long; the attempt does not count.
    Wait(Duration),
    /// Try again after a pause that grows.
    Fault(String),
    /// Refused. One odd refusal, such as a proxy's HTML, says little: it counts as a fault, and
    /// only repeated ones refuse.
    Refused {
        odd: bool,
        error: VendorError,
    },
    /// Try once more, with another key than that of this request.
    Unauthorized {
        words: String,
        sent_at: Timestamp,
    },
}

impl<C: Clock> VendorClient<C> {
    /// A client; nothing is built before the first request.
    pub fn new(source: &'static dyn Source, config: VendorConfig, clock: C) -> Self {
        Self { source, config, http: OnceCell::new(), bucket: Mutex::new(None), clock }
    }

    /// Returns the source that this client sends requests to.
    pub fn source(&self) -> &'static dyn Source {
        self.source
    }

    /// Returns the result of `read` for the key, such as its prefix; `None` if there is no key to
    /// read.
    pub async fn read_key<T>(&self, now: Timestamp, read: impl FnOnce(&str) -> T) -> Option<T> {
        self.config.auth.key(now).await.map(|key| read(key.expose_secret()))
    }

    /// Sends the request until there is a reply, or it is clear that none comes before `deadline`.
    ///
    /// After a 429 the client waits as long as the vendor requests, up to [`LONGEST_ASKED`]. That
    /// does not count as an attempt; 5xx, broken connections, time-outs and odd refusals do. A 401
    /// has the key read again, once. Any other refusal ends the attempts. The source classifies any
    /// other error.
    ///
    /// # Errors
    /// [`VendorError`], whose variants differ in what the caller does next.
    pub async fn ask(
        &self,
        mode: Mode,
        request: &Request,
        deadline: Timestamp,
    ) -> Result<Fetched, VendorError> {
        self.try_to_ask(mode, request, Tries::Several, deadline).await
    }

    /// Sends the request once, to find out whether a vendor that has failed answers again.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_once(
        &self,
        mode: Mode,
        request: &Request,
        deadline: Timestamp,
    ) -> Result<Fetched, VendorError> {
        self.try_to_ask(mode, request, Tries::One, deadline).await
    }

    async fn try_to_ask(
        &self,
        mode: Mode,
        request: &Request,
        tries: Tries,
        deadline: Timestamp,
    ) -> Result<Fetched, VendorError> {
        let (mut faults, mut another_key, mut refused) = (0, false, None);
        let (mut waited, began) = (Duration::ZERO, self.clock.now());
        loop {
            let turn = self.turn(deadline).await?;
            self.wait(turn, deadline).await?;
            match self.attempt(mode, request, refused.take(), deadline).await? {
                Attempt::Reply(fetched) => return Ok(fetched),
                Attempt::Wait(pause) => {
                    // Other requests of this client would only get the same reply.
                    if let Some(bucket) = self.bucket.lock().await.as_mut() {
                        // No longer: this client may outlive the pause, and serve others.
                        bucket.hold(self.clock.now(), pause.min(LONGEST_ASKED));
                    }
                    waited += pause;
                    if tries == Tries::One || waited > LONGEST_ASKED {
                        return Err(VendorError::Throttled { vendor: self.source.name(), pause });
                    }
                    self.wait(pause, deadline).await?;
                }
                Attempt::Unauthorized { words, .. } if another_key => {
                    return Err(VendorError::Refused {
                        vendor: self.source.name(),
                        status: 401,
                        words,
                    });
                }
                Attempt::Unauthorized { sent_at, .. } => {
                    (another_key, refused) = (true, Some(sent_at))
                }
                Attempt::Refused { odd: false, error } => return Err(error),
                Attempt::Refused { error, .. } => {
                    faults += 1;
                    let is_last = self.is_last(tries, faults, began);
                    // So few odd refusals say no more than a fault does.
                    let error = match error {
                        error if is_last && faults < ATTEMPTS => {
                            let (vendor, last) = (self.source.name(), error.to_string());
                            VendorError::Unavailable { vendor, attempts: faults, last }
                        }
                        error => error,
                    };
                    self.pause_after((faults, is_last), error, request, deadline).await?;
                }
                Attempt::Fault(last) => {
                    faults += 1;
                    let vendor = self.source.name();
                    let error = VendorError::Unavailable { vendor, attempts: faults, last };
                    let is_last = self.is_last(tries, faults, began);
                    self.pause_after((faults, is_last), error, request, deadline).await?;
                }
            }
        }
    }

    /// Whether no attempt follows that many faults. All attempts together take no longer than one
    /// that times out: an invocation must not wait for a vendor that hangs.
    fn is_last(&self, tries: Tries, faults: u32, began: Timestamp) -> bool {
        let several =
            tries == Tries::Several && elapsed(began, self.clock.now()) < self.config.timeout;
        !several || faults >= ATTEMPTS
    }

    /// Waits before the next attempt, or returns the error of the last one.
    async fn pause_after(
        &self,
        (faults, is_last): (u32, bool),
        error: VendorError,
        request: &Request,
        deadline: Timestamp,
    ) -> Result<(), VendorError> {
        let (vendor, path) = (self.source.name(), &request.path);
        tracing::warn!(event = "attempt_failed", vendor, path, faults, last = error.to_string());
        if is_last {
            return Err(error);
        }
        self.wait(backoff(faults, fastrand::u32(..)), deadline).await
    }

    /// How long until it is this request's turn.
    async fn turn(&self, deadline: Timestamp) -> Result<Duration, VendorError> {
        let now = self.clock.now();
        let mut bucket = self.bucket.lock().await;
        let bucket =
            bucket.get_or_insert_with(|| TokenBucket::new(self.config.rate_per_second, now));
        bucket.take(now, elapsed(now, deadline).min(LONGEST_WAIT)).map_err(VendorError::OutOfTime)
    }

    async fn wait(&self, pause: Duration, deadline: Timestamp) -> Result<(), VendorError> {
        let now = self.clock.now();
        if pause > elapsed(now, deadline).min(LONGEST_WAIT) || now >= deadline {
            return Err(VendorError::OutOfTime(pause));
        }
        if !pause.is_zero() {
            self.clock.sleep(pause).await;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        mode: Mode,
        request: &Request,
        refused: Option<Timestamp>,
        deadline: Timestamp,
    ) -> Result<Attempt, VendorError> {
        let sent_at = self.clock.now();
        let url = self.url(request)?;
        let timeout = self.config.timeout.min(elapsed(sent_at, deadline) + GRACE);
        let http = self.http().await?;
        let key = match self.bearer(http, sent_at, refused).await? {
            Ok(key) => key,
            Err(fault) => return Ok(Attempt::Fault(fault)),
        };
        let call = match &request.body {
            Some(body) => {
                http.post(url).header(CONTENT_TYPE, "application/json").body(body.clone())
            }
            None => http.get(url),
        };
        match call.bearer_auth(key.expose_secret().trim()).timeout(timeout).send().await {
            Ok(response) => self.judge(mode, response, sent_at).await,
            Err(e) if e.is_builder() => {
                Err(VendorError::Setup(format!("no request can be made: {}", describe(&e))))
            }
            Err(e) => Ok(Attempt::Fault(describe(&e))),
        }
    }

    /// Returns the bearer token to send. The inner error may pass by itself.
    async fn bearer(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        refused: Option<Timestamp>,
    ) -> Result<Result<SecretString, String>, VendorError> {
        match self.config.auth.bearer(http, now, refused).await {
            Ok(key) => Ok(Ok(key)),
            Err(TokenError::Secret(e)) => Err(e.into()),
            Err(e @ TokenError::Unavailable(_)) => Ok(Err(e.to_string())),
            Err(e @ TokenError::Refused { status, .. }) => Err(VendorError::Refused {
                vendor: self.source.name(),
                status,
                words: e.to_string(),
            }),
            Err(e @ TokenError::Key(_)) => Err(VendorError::Setup(e.to_string())),
        }
    }

    async fn judge(
        &self,
        mode: Mode,
        response: Response,
        sent_at: Timestamp,
    ) -> Result<Attempt, VendorError> {
        let status = response.status();
        let headers = response.headers();
        let date = headers.get(DATE).and_then(|h| h.to_str().ok()).and_then(http_date);
        let pause = headers
            .get(RETRY_AFTER)
            .and_then(|h| h.to_str().ok())
            .and_then(|h| retry_after(h, sent_at));
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(e) => {
                return Ok(Attempt::Fault(format!("status {status}, and then: {}", describe(&e))));
            }
        };
        let vendor = self.source.name();
        let as_of = date.unwrap_or(sent_at);
        if matches!(status, StatusCode::OK | StatusCode::NO_CONTENT) {
            return Ok(Attempt::Reply(Fetched { as_of, body }));
        }
        match self.source.error_class(mode, status.as_u16(), &body) {
            Some(ErrorClass::RateLimited(at_least)) => {
                return Ok(Attempt::Wait(pause.unwrap_or_default().max(at_least)));
            }
            Some(ErrorClass::QuotaExhausted(reason)) => {
                return Err(VendorError::QuotaExhausted { vendor, reason });
            }
            Some(ErrorClass::CursorExpired(reason)) => {
                return Err(VendorError::CursorExpired { vendor, reason });
            }
            Some(ErrorClass::Gone) => return Err(VendorError::Gone { vendor, as_of }),
            None => {}
        }
        let own_words = self.source.error_message(&body);
        let odd = own_words.is_none() || status == StatusCode::BAD_REQUEST;
        let words = || own_words.unwrap_or_else(|| format!("a body of {} bytes", body.len()));
        match status {
            StatusCode::UNAUTHORIZED => Ok(Attempt::Unauthorized { words: words(), sent_at }),
            StatusCode::FORBIDDEN => Ok(Attempt::Refused {
                odd,
                error: VendorError::Refused { vendor, status: 403, words: words() },
            }),
            StatusCode::TOO_MANY_REQUESTS => {
                Ok(Attempt::Wait(pause.unwrap_or_else(|| backoff(4, fastrand::u32(..)))))
            }
            s if s.is_server_error() => Ok(match pause {
                Some(pause) if s == StatusCode::SERVICE_UNAVAILABLE && !pause.is_zero() => {
                    Attempt::Wait(pause)
                }
                _ => Attempt::Fault(format!("status {s}: {}", words())),
            }),
            s => Ok(Attempt::Refused {
                odd,
                error: VendorError::Rejected { vendor, status: s.as_u16(), words: words() },
            }),
        }
    }

    fn url(&self, request: &Request) -> Result<Url, VendorError> {
        let text = format!("{}{}", self.config.base_url.trim_end_matches('/'), request.path);
        let mut url = Url::parse(&text)
            .map_err(|e| VendorError::Setup(format!("the base URL cannot be used: {e}")))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    async fn http(&self) -> Result<&reqwest::Client, VendorError> {
        self.http.get_or_try_init(|| async { build(&self.config) }).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the home of the product's client")]
fn build(config: &VendorConfig) -> Result<reqwest::Client, VendorError> {
    // Fails only where a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let value = HeaderValue::from_str(value).map_err(|_| {
            VendorError::Setup(format!("the value of the header {name} cannot be sent"))
        })?;
        headers.insert(HeaderName::from_static(name), value);
    }
    reqwest::Client::builder()
        .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(5))
        // A key must not follow to another host.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| VendorError::Setup(describe(&e)))
}
