//! The caller of a request, also while Postgres cannot be asked.

use penstock_clients::queue::Outlet;
use penstock_domain::access::{ApiKey, KeyStatus, weight};
use penstock_domain::clock::Clock;
use penstock_domain::intake::{Proof, Sender};
use penstock_domain::signature::key::KeyMark;
use penstock_edge::http::{Call, Failure, Need, Problem};
use penstock_store::StoreError;
use penstock_store::admission::Verdict;

use crate::{Ports, RETRY_AFTER};

/// A caller who may call the route.
pub enum Caller {
    /// The owner of a key that was looked up.
    Known(ApiKey),
    /// A client who may send, while Postgres cannot be asked: this request need not try it again.
    Away(Sender, StoreError),
    /// The third party, if the signature says so. The handler verifies that over the body.
    Unverified,
}

/// Returns the sender of a key that was looked up.
pub(crate) fn known(key: ApiKey) -> Sender {
    Sender { id: key.sha256, name: Some(key.name), proof: Proof::LookedUp }
}

impl Caller {
    /// Returns the name of the key for the log.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(key) => &key.name,
            Self::Away(..) | Self::Unverified => "",
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Authenticates the caller and spends of the key's rate, by the request's length.
    ///
    /// While Postgres is away, a key that this environment has seen is as good as it was then, and
    /// a key that proves itself by its mark is looked up when the request is brought in. All others
    /// may come again: a transaction of a stranger is not accepted.
    pub(crate) async fn caller(&self, call: &Call<'_>) -> Result<Caller, Failure> {
        if call.route.need == Need::Signature {
            return Ok(Caller::Unverified);
        }
        let key = call.presented_key()?;
        let weight = weight(call.request.size());
        let asking = self.admission.authenticate_weighing(&key, weight, call.now);
        let away = match self.database.in_time(asking).await {
            Ok(status) => return Ok(Caller::Known(call.authorize(&key, status)?)),
            Err(error) if call.route.need != Need::Ingest => return Err(error.into()),
            Err(error) => error,
        };
        if let Some(stored) = self.admission.remembered(&key.sha256) {
            let key = call.authorize(&key, KeyStatus::Valid(stored))?;
            return Ok(Caller::Away(known(key), away));
        }
        let may_send = |mark: &KeyMark| call.route.need.is_met_by(key.header, mark.scope);
        match self.admission.proof(&key, call.now).await {
            Verdict::Ours if key.mark.as_ref().is_some_and(may_send) => {
                let sender = Sender { id: key.sha256, name: None, proof: Proof::Marked };
                Ok(Caller::Away(sender, away))
            }
            Verdict::Ours | Verdict::Forged => Err(Problem::unauthorized().into()),
            Verdict::Unproven => {
                Err(Failure::from(Problem::unavailable(RETRY_AFTER)).because(away))
            }
        }
    }
}
