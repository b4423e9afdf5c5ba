//! `admin`: requests of operators over HTTP. So far `POST /trigger/{source}/{mode}`.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Need, Route, Service};
use penstock_store::Database;
use penstock_store::admission::Admission;

mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod trigger;

pub use config::AdminConfig;

/// The outside world as `admin` sees it.
pub struct Ports<C, Q> {
    /// The requests of operators are stored here.
    pub database: Database,
    /// Authenticates API keys and counts their requests.
    pub admission: Admission,
    /// The queue that `fetch` reads.
    pub requests: Q,
    /// The operator's settings.
    pub config: AdminConfig,
    /// The time.
    pub clock: C,
}

impl<C: Clock + 'static, Q: Outlet + 'static> Service for Ports<C, Q> {
    type Caller = ApiKey;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("triggerRun", "/trigger/{source}/{mode}", Need::Admin, &trigger::run),
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
