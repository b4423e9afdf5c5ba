//! The caller of a request, also while Postgres cannot be asked.

use penstock_clients::queue::Outlet;
use penstock_domain::access::KeyStatus;
use penstock_domain::clock::Clock;
use penstock_domain::intake::Sender;
use penstock_edge::http::{Call, Problem, presented_key};
use penstock_store::{StoreError, in_time};

use crate::{OLDER_LEADS, Ports};

/// A caller who may send.
pub struct Caller {
    /// The owner of the request's Idempotency-Key.
    pub(crate) sender: Sender,
    /// Why Postgres could not be asked, if it could not: this request need not try it again.
    pub(crate) away: Option<StoreError>,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Authenticates the caller and spends one request of the key's rate.
    ///
    /// While Postgres is away, a key that this environment has seen is as good as it was then.
    /// Another key is looked up when the request is brought in.
    pub(crate) async fn caller(&self, call: &Call<'_>) -> Result<Caller, Problem> {
        let may_lack_key = call.route.path == OLDER_LEADS && !self.config.legacy_key_required;
        if may_lack_key && presented_key(&call.request.headers).is_none() {
            return Ok(Caller { sender: Sender { scope: [0; 32], verified: true }, away: None });
        }
        let key = call.presented_key()?;
        let sender = |verified| Sender { scope: key.sha256, verified };
        let away = match in_time(self.admission.authenticate(&key.sha256, call.now)).await {
            Ok(status) => {
                call.authorize(&key, status)?;
                return Ok(Caller { sender: sender(true), away: None });
            }
            Err(error) => error,
        };
        let remembered = self.admission.remembered(&key.sha256);
        let verified = remembered.is_some();
        if let Some(stored) = remembered {
            call.authorize(&key, KeyStatus::Valid(stored))?;
        }
        Ok(Caller { sender: sender(verified), away: Some(away) })
    }
}
