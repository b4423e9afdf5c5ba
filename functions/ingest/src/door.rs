//! Who comes, and whether they may.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::intake::{Route, Sender};
use penstock_edge::http::{Access, Presented, Problem, Request};
use penstock_store::admission::Verdict;
use penstock_store::api_keys::{ApiKey, Scope};
use penstock_store::{StoreError, in_time};

use crate::Ports;

/// A caller who may send.
pub(crate) struct Caller {
    pub sender: Sender,
    /// Why Postgres could not be asked, where it could not: it need not be tried again for this request.
    pub away: Option<StoreError>,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Asks for one request of the caller's key. Where Postgres is away, a key that was seen here before is as good as
    /// it was then, and another is looked at when the request is brought in.
    pub(crate) async fn who(
        &self,
        request: &Request,
        route: Route,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let presented = Presented::in_headers(&request.headers);
        if route == Route::ApiLead && !self.config.legacy_key_required && presented.is_none() {
            return Ok(Caller { sender: Sender { scope: [0; 32], verified: true }, away: None });
        }
        let presented =
            presented.filter(|key| key.access == Access::Key).ok_or_else(Problem::unauthorized)?;
        let away = match in_time(self.admission.admit(&presented.sha256, now)).await {
            Ok(Verdict::Admitted(key)) => return caller(&presented, Some(&key), None),
            Ok(Verdict::Unknown) => return Err(Problem::unauthorized()),
            Ok(Verdict::Limited { retry_after_s }) => {
                return Err(Problem::too_many_requests(retry_after_s));
            }
            Err(error) => error,
        };
        caller(&presented, self.admission.remembered(&presented.sha256).as_ref(), Some(away))
    }
}

fn caller(
    presented: &Presented,
    key: Option<&ApiKey>,
    away: Option<StoreError>,
) -> Result<Caller, Problem> {
    if key.is_some_and(|key| key.scope != Scope::Ingest || !presented.is(&key.sha256)) {
        return Err(Problem::unauthorized());
    }
    Ok(Caller { sender: Sender { scope: presented.sha256, verified: key.is_some() }, away })
}
