//! The metrics function: revenue, unmapped statuses, unreadable objects, users' events, leads,
//! runs, and whether all is well.

mod asked;
mod circuits;
mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod documents;
mod health;
mod journey;
mod leads;
mod older_health;
mod paused;
mod question;
mod revenue;
mod runs;
mod stats;
mod statuses;
mod unreadable;

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Failure, Method, Need, Route, Service};
use penstock_store::Database;
use penstock_store::admission::Admission;

pub use config::MetricsConfig;
use question::Ask;

/// The ports of `metrics`: the database, the clock, and nothing else.
#[derive(Debug)]
pub struct Ports<C> {
    /// Everything is read from here.
    pub database: Database,
    /// Authenticates API keys and counts their requests.
    pub admission: Admission,
    /// The operator's settings.
    pub config: MetricsConfig,
    /// The time.
    pub clock: C,
    /// The start of this process.
    pub started: Timestamp,
}

impl<C: Clock + 'static> Service for Ports<C> {
    type Caller = ();

    const NAME: &'static str = "metrics";

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::get("getRevenueSummary",    "/metrics/revenue/summary",   Need::Read,    &Ask(revenue::summary)),
        Route::get("getRevenueByDay",      "/metrics/revenue/daily",     Need::Read,    &Ask(revenue::daily)),
        Route::get("getRevenueByWeek",     "/metrics/revenue/weekly",    Need::Read,    &Ask(revenue::weekly)),
        Route::get("listUnmappedStatuses", "/metrics/unmapped-statuses", Need::Read,    &Ask(statuses::unmapped)),
        Route::get("listUnreadableObjects", "/metrics/unreadable-objects", Need::Read,  &Ask(unreadable::objects)),
        Route::get("listRuns",             "/runs",                      Need::Read,    &Ask(runs::page)),
        Route::get("getRun",               "/runs/{runId}",              Need::Read,    &Ask(runs::one)),
        Route::get("getJourney",           "/users/{userId}/journey",    Need::Read,    &Ask(journey::page)),
        Route::get("listLeads",            "/leads",                     Need::Read,    &Ask(leads::page)),
        Route::get("getLead",              "/leads/{id}",                Need::Read,    &Ask(leads::one)),
        Route::get("getStats",             "/stats",                     Need::Read,    &Ask(stats::now)),
        Route::get("getHealthz",           "/healthz",                   Need::Nothing, &health::alive),
        Route::get("getHealth",            "/health",                    Need::Nothing, &older_health::health),
        Route::get("getReadiness",         "/readyz",                    Need::Nothing, &health::ready),
        Route::get("getOpenapi",           "/openapi.json",              Need::Nothing, &documents::OPENAPI),
        Route::get("getApiDocsJson",       "/api-docs.json",             Need::Nothing, &documents::OPENAPI),
    ];

    /// `ingest` takes leads and changes them.
    const ELSEWHERE: &'static [(&'static str, Method)] =
        &[("/leads", Method::POST), ("/leads/{id}", Method::PATCH), ("/leads/{id}", Method::POST)];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// For routes without a query of their own. The others look the key up along with their query.
    async fn authorize(&self, call: &Call<'_>) -> Result<(), Failure> {
        if call.route.need != Need::Nothing {
            let key = call.presented_key()?;
            let status = self.admission.authenticate(&key, call.now);
            let status = self.database.within(health::PATIENCE, status).await?;
            call.authorize(&key, status)?;
        }
        Ok(())
    }
}
