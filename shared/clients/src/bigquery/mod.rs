//! BigQuery over REST: jobs, tables, the dataset (cloud.google.com/bigquery/docs/reference/rest).
//!
//! A request whose reply is lost may be sent again: a job has an id of its own, and tables are made
//! by name.

mod upload;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use penstock_domain::analytics;
use penstock_domain::bigquery::{Job, Kind, Place, Refusal, Table, Write, dataset, request, table};
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::google::{ServiceAccount, TokenError};
use crate::http::describe;
use crate::secret::Secret;

pub use upload::{CHUNK, Sent, Source};

/// The scope that the service account asks for.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

/// The time of one request, from connecting to the last byte. A chunk of a file is the longest.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The time for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// The longest body of a reply that is read, in bytes.
const LONGEST_REPLY: usize = 1 << 20;

/// A client of one dataset. Nothing is built and nothing is read before its first request.
pub struct BigQuery<C> {
    place: Place,
    account: ServiceAccount,
    base_url: String,
    http: OnceCell<reqwest::Client>,
    /// The dataset's own location, in which its jobs have to run. It is read again after anything
    /// was not found: somebody may have deleted the dataset, and the next one may be elsewhere.
    location: Mutex<Option<String>>,
    clock: C,
}

/// A reply with a status below 400.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Deserialize)]
struct Dataset {
    location: String,
}

impl<C: Clock> BigQuery<C> {
    /// Creates a client of `place`, for the service account whose key the secret is.
    #[must_use]
    pub fn new(
        place: Place,
        key: Secret,
        base_url: &str,
        token_url: Option<String>,
        clock: C,
    ) -> Self {
        let account = ServiceAccount::new(key, SCOPE).exchanged_at(token_url);
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (http, location) = (OnceCell::new(), Mutex::default());
        Self { place, account, base_url, http, location, clock }
    }

    /// Creates the client that the environment names by `BIGQUERY_PROJECT` and the variables of
    /// [`Place::from_env`]; `None` without a project. The secret `BIGQUERY_SECRET_ARN` holds the
    /// key of the service account (local runs: `BIGQUERY_SERVICE_ACCOUNT`). `BIGQUERY_BASE_URL` and
    /// `BIGQUERY_TOKEN_URL` replace Google's own URLs.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no secret, or a variable cannot be used.
    pub fn from_env(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Self>, ConfigError> {
        let Some(place) = Place::from_env(env)? else { return Ok(None) };
        let key = Secret::from_env(env, aws, "BIGQUERY_SERVICE_ACCOUNT", "BIGQUERY_SECRET_ARN")
            .ok_or_else(|| ConfigError::Missing("BIGQUERY_SECRET_ARN".to_owned()))?;
        let base_url = env.or("BIGQUERY_BASE_URL", "https://bigquery.googleapis.com");
        let token_url = env.optional("BIGQUERY_TOKEN_URL");
        Ok(Some(Self::new(place, key, &base_url, token_url, clock)))
    }

    /// Returns the dataset that it loads into.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns a job; `None` if BigQuery has never heard of its id.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, Refusal> {
        let location = self.location().await?;
        let url = self.url(&format!("jobs/{id}?location={location}"));
        match self.send(|http| http.get(&url)).await {
            Ok(reply) => self.read(&reply.body).map(Some),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts a job that sends no file, or returns the one that has its id. One that BigQuery
    /// refuses to begin is returned as failed.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn start(&self, write: &Write<'_>) -> Result<Job, Refusal> {
        let body = request(&self.here().await?, write);
        match self.post("jobs", &body).await {
            Ok(reply) => self.read(&reply.body),
            Err(refusal) => self.refused(write.job, refusal).await,
        }
    }

    /// Returns the job that could not be begun. It may exist all the same, by a request whose reply
    /// was lost or by another invocation. Only if it does not has it failed.
    async fn refused(&self, id: &str, refusal: Refusal) -> Result<Job, Refusal> {
        match refusal.kind {
            Kind::Duplicate => {
                let none = || Refusal::passing(format!("the job {id} exists and is not found"));
                self.job(id).await?.ok_or_else(none)
            }
            Kind::Rejected | Kind::NotFound => {
                Ok(self.job(id).await?.unwrap_or_else(|| Job::refused(refusal)))
            }
            _ => Err(refusal),
        }
    }

    /// Reads a job. One that has found no table may have looked in a location that is over.
    fn read(&self, body: &[u8]) -> Result<Job, Refusal> {
        let job = Job::read(body)?;
        if job.error.as_ref().is_some_and(|error| error.kind == Kind::NotFound) {
            *self.known_location() = None;
        }
        Ok(job)
    }

    /// Returns a table; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn table(&self, name: &str) -> Result<Option<Table>, Refusal> {
        self.location().await?;
        let url = self.url(&format!("datasets/{}/tables/{name}", self.place.dataset));
        match self.send(|http| http.get(&url)).await {
            Ok(reply) => Table::read(&reply.body).map(Some),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a table called `name`, unless it exists.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn make_table(
        &self,
        name: &str,
        of: &analytics::Table,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let body = table(&self.here().await?, name, of, expires_at);
        let tables = format!("datasets/{}/tables", self.place.dataset);
        match self.post(&tables, &body).await {
            // Somebody has deleted the dataset since it was looked at.
            Err(error) if error.kind == Kind::NotFound => {
                self.make_dataset().await?;
                existing(self.post(&tables, &body).await)
            }
            made => existing(made),
        }
    }

    /// Changes the description of a table.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn patch_table(&self, name: &str, body: &Value) -> Result<(), Refusal> {
        let url = self.url(&format!("datasets/{}/tables/{name}", self.place.dataset));
        self.send(|http| json(http.request(Method::PATCH, &url), body)).await.map(drop)
    }

    /// Deletes a table or a partition of one, if it exists.
    ///
    /// # Errors
    /// [`Refusal`], whose kind says what follows.
    pub async fn delete_table(&self, name: &str) -> Result<(), Refusal> {
        let url = self.url(&format!("datasets/{}/tables/{name}", self.place.dataset));
        match self.send(|http| http.delete(&url)).await {
            Err(error) if error.kind != Kind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the dataset with its own location. It is made if it does not exist.
    async fn here(&self) -> Result<Place, Refusal> {
        Ok(Place { location: self.location().await?, ..self.place.clone() })
    }

    async fn location(&self) -> Result<String, Refusal> {
        let known = self.known_location().clone();
        if let Some(location) = known {
            return Ok(location);
        }
        let url = self.url(&format!("datasets/{}", self.place.dataset));
        let reply = match self.send(|http| http.get(&url)).await {
            Err(error) if error.kind == Kind::NotFound => {
                self.make_dataset().await?;
                self.send(|http| http.get(&url)).await?
            }
            found => found?,
        };
        let Dataset { location } = serde_json::from_slice(&reply.body).map_err(|e| {
            let place = penstock_domain::json::place(&e);
            Refusal::passing(format!("a reply is no dataset: {place}"))
        })?;
        *self.known_location() = Some(location.clone());
        Ok(location)
    }

    fn known_location(&self) -> MutexGuard<'_, Option<String>> {
        self.location.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the dataset in the location of [`Place`], unless it exists.
    async fn make_dataset(&self) -> Result<(), Refusal> {
        let made = existing(self.post("datasets", &dataset(&self.place)).await);
        *self.known_location() = None;
        made
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Reply, Refusal> {
        let url = self.url(path);
        self.send(|http| json(http.post(&url), body)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/bigquery/v2/projects/{}/{path}", self.base_url, self.place.project)
    }

    /// Sends a request. If its token is refused, it is sent once more with another.
    async fn send(
        &self,
        make: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Reply, Refusal> {
        let http = self.http.get_or_try_init(|| async { build() }).await;
        let http = http.map_err(|e| Refusal::passing(describe(&e)))?;
        let mut fresh = false;
        loop {
            let token = self.account.token(http, self.clock.now(), fresh).await;
            let token = token.map_err(|error| denied(&error))?;
            let call = make(http).bearer_auth(token.expose_secret());
            let response = call.send().await.map_err(broken)?;
            let status = response.status().as_u16();
            if status == 401 && !fresh {
                fresh = true;
                continue;
            }
            let headers = response.headers().clone();
            let body = body(response).await.map_err(broken)?;
            // 308 says how much of a file has arrived.
            if (200..=399).contains(&status) {
                return Ok(Reply { status, headers, body });
            }
            let refusal = Refusal::of_reply(status, &body);
            if refusal.kind == Kind::NotFound {
                *self.known_location() = None;
            }
            return Err(refusal);
        }
    }

    /// Returns whether a URL that BigQuery has given leads to BigQuery: the token goes nowhere
    /// else.
    fn is_own(&self, url: &Url) -> bool {
        Url::parse(&self.base_url).is_ok_and(|base| base.origin() == url.origin())
    }
}

fn json(call: RequestBuilder, body: &Value) -> RequestBuilder {
    call.header(CONTENT_TYPE, "application/json; charset=UTF-8").body(body.to_string())
}

/// Takes what exists for made.
fn existing(made: Result<Reply, Refusal>) -> Result<(), Refusal> {
    match made {
        Err(error) if error.kind != Kind::Duplicate => Err(error),
        _ => Ok(()),
    }
}

fn broken(error: reqwest::Error) -> Refusal {
    Refusal::passing(describe(&error.without_url()))
}

fn denied(error: &TokenError) -> Refusal {
    let kind = match error {
        TokenError::Secret(_) | TokenError::Unavailable(_) => Kind::Passing,
        TokenError::Key(_) | TokenError::Refused { .. } => Kind::Denied,
    };
    Refusal { kind, words: error.to_string() }
}

async fn body(mut response: Response) -> Result<Bytes, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= LONGEST_REPLY {
            break;
        }
    }
    Ok(body.into())
}

#[expect(clippy::disallowed_methods, reason = "a provider is installed first")]
fn build() -> Result<reqwest::Client, reqwest::Error> {
    // Fails only where a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_PATIENCE)
        .timeout(TIMEOUT)
        // A connection that is kept may be dead after a freeze.
        .pool_max_idle_per_host(0)
        // A token must not follow to another host, and 308 is no redirect here.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
}
