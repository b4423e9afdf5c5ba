//! The routes `/webhooks/{source}/{connection}` of connections that were made while the system
//! runs.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::config::Env;
use penstock_domain::connecting::signing_secret;
use penstock_domain::connection::Connection;
use penstock_domain::source::{self, Signed, Source, Webhook};
use penstock_edge::http::{Failure, Problem};
use penstock_edge::telemetry::chain;
use penstock_store::connections::{self, Family};

use crate::endpoints::{Endpoint, find};
use crate::{Ports, RETRY_AFTER};

/// A connection is read again after this long. So long may one that was removed still be pushed to.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// This many names that are not known are looked up within [`VAIN_WINDOW`] in each environment:
/// anybody may call them.
const MOST_VAIN: u32 = 10;

/// See [`MOST_VAIN`].
const VAIN_WINDOW: Duration = Duration::from_secs(1);

/// A name that no connection has is not looked up again before this.
const VAIN_FOR: Duration = Duration::from_secs(10);

/// No more connections than this are kept in an environment.
const MOST_KEPT: usize = 1_000;

/// The connections that were made while the system runs, as `webhook` opens them.
#[derive(Default)]
pub struct Connections {
    deployment: Env,
    aws: Arc<Aws>,
    known: Mutex<BTreeMap<String, Known>>,
    /// The look-ups of names that were not known, since this time.
    vain: Mutex<(Timestamp, u32)>,
}

/// A connection as it was read.
#[derive(Clone)]
struct Known {
    /// `None` if there is no such connection.
    stamp: Option<i64>,
    read_at: Timestamp,
    /// `None` if nothing may be pushed to it.
    endpoint: Option<Arc<Endpoint>>,
}

impl Known {
    /// Whether it need not be read again yet.
    fn serves(&self, now: Timestamp) -> bool {
        let lasts = if self.stamp.is_some() { KNOWN_FOR } else { VAIN_FOR };
        elapsed(self.read_at, now) < lasts
    }
}

impl Connections {
    /// Creates them for a function with these variables. Each is read from Postgres when a request
    /// names it.
    #[must_use]
    pub fn over(deployment: Env, aws: Arc<Aws>) -> Self {
        Self { deployment, aws, known: Mutex::default(), vain: Mutex::default() }
    }

    fn known(&self, name: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Has a connection read again by the next request: its secret may have another name by now.
    pub(crate) fn doubt(&self, name: &str) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(name) {
            known.read_at = Timestamp::MIN;
        }
    }

    fn keep(&self, name: &str, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT {
            all.retain(|_, known| known.stamp.is_some());
        }
        if all.len() < MOST_KEPT || all.contains_key(name) {
            all.insert(name.to_owned(), known);
        }
    }

    /// Whether another look-up may be in vain now. It counts as one.
    fn may_be_in_vain(&self, now: Timestamp) -> bool {
        let mut vain = self.vain.lock().unwrap_or_else(PoisonError::into_inner);
        if elapsed(vain.0, now) >= VAIN_WINDOW {
            *vain = (now, 0);
        }
        vain.1 += 1;
        vain.1 <= MOST_VAIN
    }

    /// Keeps a connection as Postgres has it. The endpoint that is kept stays with its secret, if
    /// nothing has changed.
    fn learn(
        &self,
        family: &Family,
        row: &Connection,
        before: Option<Known>,
        now: Timestamp,
    ) -> Option<Arc<Endpoint>> {
        let stamp = Some(family.stamp(row));
        let endpoint = match before {
            Some(before) if before.stamp == stamp => before.endpoint,
            _ if !row.state.is_open() => None,
            _ => family.env(row, &self.deployment).ok().and_then(|env| {
                let source = row.vendor().ok()?;
                Endpoint::of(source, &env, &self.aws).map(|found| Arc::new(found.called(&row.name)))
            }),
        };
        self.keep(&row.name, Known { stamp, read_at: now, endpoint: endpoint.clone() });
        endpoint
    }

    /// The endpoint of a connection that Postgres cannot be asked about, by the name that its
    /// secret has if nobody chose another.
    fn guess(&self, source: &'static dyn Source, name: &str) -> Option<Arc<Endpoint>> {
        let prefix = self.deployment.optional("SECRETS_PREFIX")?;
        let signing_secret = Some(signing_secret(&prefix, name));
        let guessed =
            Connection { name: name.to_owned(), signing_secret, ..Connection::declared(source) };
        let env = guessed.env(&self.deployment).ok()?;
        let endpoint = Arc::new(Endpoint::of(source, &env, &self.aws)?.called(name));
        let kept = Some(Arc::clone(&endpoint));
        self.keep(name, Known { stamp: Some(0), read_at: Timestamp::MIN, endpoint: kept });
        Some(endpoint)
    }
}

/// The endpoint that a request has met.
pub(crate) enum Opened<'p> {
    Declared(&'p Endpoint),
    Made(Arc<Endpoint>),
}

impl Deref for Opened<'_> {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        match self {
            Self::Declared(endpoint) => endpoint,
            Self::Made(endpoint) => endpoint,
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// The endpoint of a connection of `source`; `None` if there is no such route.
    ///
    /// # Errors
    /// 503 if that cannot be said now.
    pub(crate) async fn open(
        &self,
        source: &str,
        connection: &str,
        now: Timestamp,
    ) -> Result<Option<Opened<'_>>, Failure> {
        if let Some(declared) = find(&self.endpoints, connection)
            && declared.source.name() == source
            && declared.secret.is_some()
        {
            return Ok(Some(Opened::Declared(declared)));
        }
        let Some(source) = source::find(source).filter(|source| source.webhook().is_some()) else {
            return Ok(None);
        };
        let made = self.made(source, connection, now).await?;
        let of_source = made.filter(|made| made.source.name() == source.name());
        Ok(of_source.filter(|made| made.secret.is_some()).map(Opened::Made))
    }

    async fn made(
        &self,
        source: &'static dyn Source,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Endpoint>>, Failure> {
        let known = self.connections.known(name);
        match &known {
            Some(known) if known.serves(now) => return Ok(known.endpoint.clone()),
            None | Some(Known { stamp: None, .. }) if !self.connections.may_be_in_vain(now) => {
                return Err(Problem::unavailable(RETRY_AFTER).into());
            }
            _ => {}
        }
        let names = [name];
        let asked = async {
            let connection = self.database.connection().await?;
            connections::find(&**connection, &names).await
        };
        match self.database.in_time(asked).await {
            Ok(family) => Ok(match family.get(name) {
                Some(row) => self.connections.learn(&family, row, known, now),
                None => {
                    let vain = Known { stamp: None, read_at: now, endpoint: None };
                    self.connections.keep(name, vain);
                    None
                }
            }),
            Err(error) => {
                tracing::warn!(event = "connection_not_read", error = chain(&error));
                match known {
                    Some(known) if known.stamp.is_some() => Ok(known.endpoint),
                    _ => match self.connections.guess(source, name) {
                        Some(endpoint) => Ok(Some(endpoint)),
                        None => {
                            Err(Failure::from(Problem::unavailable(RETRY_AFTER)).because(error))
                        }
                    },
                }
            }
        }
    }

    /// The rules of the vendor whose request was spilled under this connection, whatever has become
    /// of the connection since.
    pub(crate) async fn signed(
        &self,
        connection: &str,
    ) -> Result<Option<&'static dyn Signed>, penstock_store::StoreError> {
        if let Some(declared) = find(&self.endpoints, connection) {
            return Ok(match declared.webhook {
                Webhook::Signed(vendor) => Some(vendor),
                Webhook::Notified(_) => None,
            });
        }
        let asked = async {
            let database = self.database.connection().await?;
            connections::source_of(&**database, connection).await
        };
        Ok(self.database.in_time(asked).await?.and_then(|source| source::signed(source.name())))
    }
}
