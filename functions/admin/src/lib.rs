//! `admin`: requests of operators: runs, the accounts that are connected, what has failed, and jobs
//! that act on many rows. They come over HTTP
//! with an admin key, or by an invocation, which IAM allows.

use std::sync::Arc;

use jiff::Timestamp;
use penstock_clients::depths::Depths;
use penstock_clients::queue::Outlet;
use penstock_clients::secret_store::SecretStore;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_edge::http::{self, Call, Failure, InvokeError, Method, Need, Route, Service};
use penstock_store::Database;
use penstock_store::admission::Admission;
use serde_json::Value;

mod by;
mod config;
mod connections;
#[cfg(feature = "contract")]
pub mod contract;
mod events;
mod jobs;
mod metrics;
mod operator;
mod trigger;

pub use config::AdminConfig;
pub use connections::CLAIM;
use operator::Operator;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "admin";

/// The outside world as `admin` sees it.
pub struct Ports<C, Q> {
    /// The requests of operators are stored here.
    pub database: Database,
    /// Authenticates API keys and counts their requests.
    pub admission: Admission,
    /// The queue that `fetch` reads.
    pub requests: Q,
    /// The secrets of connections. This function writes them, and reads none.
    pub secrets: Arc<dyn SecretStore>,
    /// Counts what waits in the queues.
    pub depths: Arc<dyn Depths>,
    /// The operator's settings.
    pub config: AdminConfig,
    /// The time.
    pub clock: C,
}

impl<C: Clock + 'static, Q: Outlet + 'static> Service for Ports<C, Q> {
    type Caller = ApiKey;

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("triggerRun", "/trigger/{source}/{mode}", Need::Admin, &trigger::run),
        Route::get("listConnections", "/connections", Need::Admin, &connections::list),
        Route::new("putConnection", Method::PUT, "/connections/{name}", Need::Admin, &connections::put),
        Route::new("removeConnection", Method::DELETE, "/connections/{name}", Need::Admin, &connections::remove).with_query(),
        Route::post("pauseConnection", "/connections/{name}/pause", Need::Admin, &connections::pause),
        Route::post("resumeConnection", "/connections/{name}/resume", Need::Admin, &connections::resume),
        Route::get("operatorMetrics", "/admin/metrics", Need::Admin, &metrics::read),
        Route::get("listFailedEvents", "/admin/events/failed", Need::Admin, &events::list).with_query(),
        Route::post("replayEvents", "/admin/events/replay", Need::Admin, &jobs::replay),
        Route::get("getEvent", "/admin/events/{id}", Need::Admin, &events::find),
        Route::post("replayEvent", "/admin/events/{id}/replay", Need::Admin, &jobs::replay_one),
        Route::post("remap", "/admin/remap", Need::Admin, &jobs::remap),
        Route::post("erasePerson", "/admin/erase", Need::Admin, &jobs::erase),
        Route::get("listJobs", "/admin/jobs", Need::Admin, &jobs::list).with_query(),
        Route::get("getJob", "/admin/jobs/{id}", Need::Admin, &jobs::find),
        Route::post("pauseJob", "/admin/jobs/{id}/pause", Need::Admin, &jobs::pause),
        Route::post("resumeJob", "/admin/jobs/{id}/resume", Need::Admin, &jobs::resume),
        Route::post("stopJob", "/admin/jobs/{id}/stop", Need::Admin, &jobs::stop),
    ];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn authorize(&self, call: &Call<'_>) -> Result<ApiKey, Failure> {
        let key = call.presented_key()?;
        let status = self.database.in_time(self.admission.authenticate(&key, call.now)).await?;
        Ok(call.authorize(&key, status)?)
    }
}

impl<C: Clock + 'static, Q: Outlet + 'static> Ports<C, Q> {
    /// Serves an event of either kind: a request through the gateway, or the command of an operator
    /// who invokes the function.
    ///
    /// # Errors
    /// [`InvokeError`] if it is neither. A failure of another kind is a reply.
    pub async fn invoke(&self, mut event: Value, invocation: &str) -> Result<Value, InvokeError> {
        if let Some(command) = Operator::of(&mut event)? {
            return Ok(self.operate(command, invocation).await);
        }
        Ok(serde_json::to_value(http::answer(self, event, invocation).await?)?)
    }
}
