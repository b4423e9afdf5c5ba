//! `fetch`: pulls one entity of one connection, page by page, into the outbox. A rule asks for all
//! that is due, which becomes a request for each.
//!
//! A page's rows and the cursor move in one transaction, under a lease with a fence. A run outlives
//! its invocation: it stops in time, and goes on through the queue of its kind, `fetch-requests` or
//! `quick-requests`.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::due::DueRequest;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::{chain, whole_ms};
use penstock_store::StoreError;
use serde_json::Value;
use tokio::time::timeout;

mod account;
mod circuit;
mod confirm;
mod connected;
mod due;
mod ending;
mod error;
mod full_runs;
mod held;
mod in_flight;
mod limits;
mod outcome;
mod pausing;
mod ports;
mod pull;
mod reconcile;
mod refetch;
mod report;
mod run;
mod sweep;
mod unconfigured;
mod unusable;
pub mod vendors;
mod watch;

pub use connected::Connections;
pub use error::FetchError;
pub use limits::Limits;
pub use outcome::Outcome;
pub use ports::Ports;
pub use report::{Difference, Report};
pub use vendors::{PushTo, Vendor};
pub use watch::RENEW_BEFORE;

use connected::Connected;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "fetch";

/// An invocation stops this long before Lambda would stop it. That leaves time for one more request
/// and its commit.
pub const MARGIN: Duration = Duration::from_secs(20);

/// The statements of a transaction are ended if it takes longer. That is less than the lease of a
/// run, and more than any transaction takes on tables that nobody has locked.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// An invocation gives up this long before Lambda would end it. A statement that waits then holds
/// no connection afterwards.
const RESERVE: Duration = Duration::from_secs(5);

/// A quick request from the queue goes on by another message after this long, so that the queue
/// serves every source within minutes.
pub const QUICK: Duration = Duration::from_secs(60);

/// A request for a whole list from the queue goes on by another message after this long, behind
/// those of other connections.
pub const SLICE: Duration = Duration::from_secs(120);

impl<C: Clock + Clone, Q: Outlet> Ports<C, Q> {
    /// Serves an event of either kind: a request of a rule or a person, or a batch of requests from
    /// the queue.
    ///
    /// # Errors
    /// The request of a rule or a person fails. The reply to a batch names the failed messages.
    pub async fn handle(
        &self,
        event: Value,
        deadline: Timestamp,
    ) -> Result<Value, lambda_runtime::Error> {
        if event.get("Records").is_none() {
            return match self.handle_event(event, deadline).await {
                Ok(outcome) => Ok(serde_json::to_value(outcome)?),
                Err(e) => Err(chain(&e).into()),
            };
        }
        let batch: SqsEvent = serde_json::from_value(event)?;
        let mut response = BatchResponse::all_done();
        for message in &batch.records {
            let work = message.work(NAME);
            if !Box::pin(work.run(self.serve_message(message, deadline))).await {
                response.fail(message);
            }
        }
        Ok(serde_json::to_value(response)?)
    }

    /// Serves the request of a message. Returns `false` if the message has to come again.
    async fn serve_message(&self, message: &SqsMessage, deadline: Timestamp) -> bool {
        let request = serde_json::from_str::<FetchRequest>(&message.body);
        // Postgres knows nothing of a channel that was not opened.
        let opens_channel = request.as_ref().is_ok_and(|it| it.mode == Mode::Watch);
        let served = match request {
            Ok(request) => {
                let by = self.by(&request, deadline);
                self.serve_in_time(&request, by, deadline).await
            }
            Err(e) => Err(e.into()),
        };
        let Err(error) = served else { return true };
        let known = error.is_in_postgres() && !opens_channel;
        // A rule asks for channels every few hours, so an outage of the vendor's makes no dead
        // letter.
        let is_ruled = opens_channel && error.is_silence();
        let (message_id, sent_by) = (&message.message_id, message.sent_by());
        tracing::error!(
            event = "request_failed",
            message_id,
            sent_by,
            receives = message.receives(),
            retried_by_relay = known,
            retried_by_rule = is_ruled,
            error = chain(&error)
        );
        known || is_ruled
    }

    /// Serves one request of a person, or has the queues serve all that a rule says is due.
    async fn handle_event(&self, event: Value, deadline: Timestamp) -> Result<Outcome, FetchError> {
        if event.get("due").is_some() {
            let DueRequest { due } = serde_json::from_value(event)?;
            return self.in_time(due::serve(self, due), deadline).await;
        }
        let request = serde_json::from_value(event)?;
        self.serve_in_time(&request, deadline, deadline).await
    }

    /// Returns the deadline of a request from a queue: none must keep the others waiting.
    fn by(&self, request: &FetchRequest, deadline: Timestamp) -> Timestamp {
        let slice = if request.mode.is_quick() { QUICK } else { SLICE };
        deadline.min(self.clock.now() + slice + MARGIN)
    }

    /// Serves a request until `by`, and gives up before `deadline`.
    async fn serve_in_time(
        &self,
        request: &FetchRequest,
        by: Timestamp,
        deadline: Timestamp,
    ) -> Result<Outcome, FetchError> {
        self.in_time(self.serve(request, by), deadline).await
    }

    /// Works until it is done, and gives up before `deadline`, at which Lambda would end the
    /// process.
    async fn in_time(
        &self,
        work: impl Future<Output = Result<Outcome, FetchError>>,
        deadline: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let left = elapsed(self.clock.now(), earlier(deadline, RESERVE));
        if let Ok(served) = timeout(left, Box::pin(work)).await {
            return served;
        }
        self.database.end_idle().await;
        tracing::error!(event = "request_given_up", reserve_s = RESERVE.as_secs());
        Err(StoreError::Silent(left).into())
    }

    /// Serves one request of a person or the queue.
    ///
    /// # Errors
    /// [`FetchError`]. Pages that were committed before it stay committed.
    pub async fn serve(
        &self,
        request: &FetchRequest,
        deadline: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let Self { database, vendors, connections, clock, .. } = self;
        let vendor = match connections.find(database, vendors, &request.source, clock).await? {
            Connected::Reached(vendor) => vendor,
            Connected::AtRest(state) => return Ok(Outcome::at_rest(request, state)),
            Connected::Unusable(source, error) => {
                let why = error.to_string();
                return unconfigured::leave(self, source::find(&source), request, &why).await;
            }
            Connected::Unknown => return unconfigured::leave_unknown(self, request).await,
        };
        let vendor = &*vendor;
        if !vendor.source().entities(request.mode).contains(&request.entity.as_str()) {
            return Err(FetchError::unknown(Some(vendor.source()), request));
        }
        let (began, stop_at) = (clock.now(), earlier(deadline, MARGIN));
        let served = match request.mode {
            Mode::Refetch => refetch::serve(self, vendor, request, stop_at).await,
            Mode::Watch => watch::serve(self, vendor, request, stop_at).await,
            Mode::Reconcile => reconcile::serve(self, vendor, request, stop_at).await,
            Mode::Full | Mode::Incremental => pull::serve(self, vendor, request, stop_at).await,
        };
        // Words of a message, which anyone may have written; by now they are known to be ours.
        tracing::info!(
            event = "served",
            source = vendor.name(),
            entity = request.entity,
            mode = request.mode.as_str(),
            outcome = served.as_ref().map_or("failed", Outcome::word),
            new_rows = served.as_ref().ok().and_then(Outcome::new_rows),
            ms = whole_ms(elapsed(began, clock.now()))
        );
        served
    }
}
