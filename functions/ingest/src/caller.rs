//! The caller of a request, also while Postgres cannot be asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::access::{ApiKey, KeyHeader, KeyStatus, PresentedKey, weight};
use penstock_domain::clock::Clock;
use penstock_domain::intake::{Proof, Sender};
use penstock_domain::rate::TokenBucket;
use penstock_domain::signature::key::KeyMark;
use penstock_edge::http::{Call, Method, Problem, presented_key};
use penstock_store::StoreError;
use penstock_store::admission::Verdict;

use crate::{ONE_LEAD, Ports, RETRY_AFTER};

/// A caller who may send.
pub struct Caller {
    /// The owner of the request's Idempotency-Key.
    pub(crate) sender: Sender,
    /// Why Postgres could not be asked, if it could not: this request need not try it again.
    pub(crate) away: Option<StoreError>,
}

/// The longest body of a sender who proves nothing, in bytes: a lead of a form is short.
pub const UNPROVEN_LIMIT: usize = 16 * 1024;

/// How many requests a second an environment takes of all senders who prove nothing, while Postgres
/// cannot be asked about them.
const UNPROVEN_PER_SECOND: u32 = 2;

/// The share of senders who prove nothing while Postgres is away: those with a key without a mark
/// that this environment has not seen, and those without a key.
#[derive(Debug, Default)]
pub struct UnprovenShare(Mutex<Option<TokenBucket>>);

impl UnprovenShare {
    /// Takes a request of `bytes`, or refuses it: it may come again when Postgres is back.
    fn take(&self, bytes: usize, now: Timestamp) -> Result<(), Problem> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = bucket.get_or_insert_with(|| TokenBucket::new(UNPROVEN_PER_SECOND, now));
        let fits = bytes <= UNPROVEN_LIMIT && bucket.take(now, Duration::ZERO).is_ok();
        if fits { Ok(()) } else { Err(Problem::unavailable(RETRY_AFTER)) }
    }
}

/// Returns the sender of a key that was looked up.
fn known(key: ApiKey) -> Sender {
    Sender { id: key.sha256, name: Some(key.name), proof: Proof::LookedUp }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Authenticates the caller and spends of the key's rate, by the request's length.
    ///
    /// While Postgres is away, a key that this environment has seen is as good as it was then. A
    /// key that proves itself by its mark is looked up when the request is brought in. Of all
    /// others a small share is taken, and looked up then too.
    pub(crate) async fn caller(&self, call: &Call<'_>) -> Result<Caller, Problem> {
        let may_lack_key = self.config.keyless.iter().any(|path| *path == call.route.path);
        if may_lack_key && presented_key(&call.request.headers).is_none() {
            return self.keyless(call).await;
        }
        let key = if is_of_form_builder(call) {
            key_of_path(call).ok_or_else(Problem::unauthorized)?
        } else {
            call.presented_key()?
        };
        let away = match self.admit(&key, call).await {
            Ok(status) => {
                let sender = known(call.authorize(&key, status)?);
                return Ok(Caller { sender, away: None });
            }
            Err(error) => error,
        };
        if let Some(stored) = self.admission.remembered(&key.sha256) {
            let sender = known(call.authorize(&key, KeyStatus::Valid(stored))?);
            return Ok(Caller { sender, away: Some(away) });
        }
        let may_send = |mark: &KeyMark| call.route.need.is_met_by(key.header, mark.scope);
        let proof = match self.admission.proof(&key, call.now).await {
            Verdict::Ours if key.mark.as_ref().is_some_and(may_send) => Proof::Marked,
            Verdict::Ours | Verdict::Forged => return Err(Problem::unauthorized()),
            Verdict::Unproven => {
                self.unproven.take(call.request.size(), call.now)?;
                Proof::None
            }
        };
        let sender = Sender { id: key.sha256, name: None, proof };
        Ok(Caller { sender, away: Some(away) })
    }

    /// Admits a sender without a key. All of them share one rate, and their bodies are short.
    async fn keyless(&self, call: &Call<'_>) -> Result<Caller, Problem> {
        if call.request.size() > UNPROVEN_LIMIT {
            return Err(Problem::too_large(UNPROVEN_LIMIT));
        }
        let key = PresentedKey::NONE;
        let sender = Sender::keyless();
        match self.admit(&key, call).await {
            Ok(status) => {
                call.authorize(&key, status)?;
                Ok(Caller { sender, away: None })
            }
            Err(away) => {
                self.unproven.take(call.request.size(), call.now)?;
                Ok(Caller { sender, away: Some(away) })
            }
        }
    }

    async fn admit(&self, key: &PresentedKey, call: &Call<'_>) -> Result<KeyStatus, StoreError> {
        let weight = weight(call.request.size());
        self.database.in_time(self.admission.authenticate_weighing(key, weight, call.now)).await
    }
}

/// The key in the path. One in a header does not count beside it: whoever revokes the key closes
/// the URL, whatever else a sender sends.
fn key_of_path(call: &Call<'_>) -> Option<PresentedKey> {
    PresentedKey::new(KeyHeader::ApiKey, call.path("id")?.as_bytes())
}

/// Whether the route is that of form builders, whose key is in the path.
fn is_of_form_builder(call: &Call<'_>) -> bool {
    call.route.path == ONE_LEAD && call.route.method == Method::POST
}
