//! `fetch`: pulls one entity of one source, page by page, into the outbox.
//!
//! A page's rows and the cursor move in one transaction, under a lease with a fence. A run outlives its
//! invocation: it stops in time, and goes on through the queue `fetch-requests`.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, QueueError};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::{Clock, earlier};
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::paging::PageError;
use penstock_domain::ticket::Ticket;
use penstock_edge::sqs::{BatchResponse, SqsEvent};
use penstock_edge::telemetry::chain;
use penstock_store::{Database, StoreError};
use serde::Serialize;
use serde_json::Value;

mod ending;
mod lanes;
mod object;
mod pull;
mod reconcile;
mod sweep;
pub mod vendors;
mod watch;

pub use reconcile::{Difference, Report};
pub use vendors::Vendor;
pub use watch::{PushTo, RENEW_BEFORE};

/// What `fetch` uses.
pub struct Ports<C, Q> {
    /// The outbox and the cursors.
    pub database: Database,
    /// The sources that are configured.
    pub vendors: Vec<Vendor<C>>,
    /// Where `process` listens.
    pub tickets: Q,
    /// Where `fetch` itself listens.
    pub requests: Q,
    /// The time.
    pub clock: C,
}

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is drained.
    Finished {
        /// The run.
        run: RunId,
        /// Rows whose version was not known before, in this invocation.
        new_rows: usize,
    },
    /// The time was up; a message goes on with the run.
    Continues {
        /// The run.
        run: RunId,
        /// Rows whose version was not known before, in this invocation.
        new_rows: usize,
    },
    /// The vendor gives no more for now; the run is asked for again later.
    Stopped {
        /// The run.
        run: RunId,
        /// The vendor's reason.
        reason: String,
    },
    /// The cursor is no use any more: the run is over, and full runs are owed.
    StartsOver {
        /// The run.
        run: RunId,
        /// The vendor's reason.
        reason: String,
    },
    /// There is no cursor to begin with: full runs are owed, or under way.
    LeftToFullRuns {
        /// Why.
        reason: String,
    },
    /// The two sides were compared, and what differed was mended.
    Reconciled(Report),
    /// Somebody else is at it.
    Busy,
    /// The message came late: the run it was to go on with is done.
    NothingToResume,
    /// A channel is open for days to come.
    Watched {
        /// Whether it was opened now.
        opened: bool,
        /// How many others were closed.
        closed: usize,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// This deployment does not pull that; what is owed of it waits until it does.
    NotConfigured,
    /// The objects named were read.
    Looked {
        /// How many there were.
        objects: usize,
    },
}

/// Why an invocation failed. The cursor stands where the last committed page left it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is neither a request nor a batch of requests.
    #[error("not a fetch request: {0}")]
    NotARequest(#[from] serde_json::Error),
    /// It asks for what no configured source has.
    #[error("{source_name} has no {entity} to fetch in mode {mode}")]
    Unknown {
        /// The source asked for.
        source_name: String,
        /// The entity asked for.
        entity: String,
        /// The mode asked for.
        mode: &'static str,
    },
    /// The vendor gives no reply.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// The vendor's reply cannot be used.
    #[error("{source_name}: {error}")]
    Page {
        /// The source.
        source_name: &'static str,
        /// What is wrong with its reply.
        error: PageError,
    },
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQS.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl FetchError {
    fn unknown(request: &FetchRequest) -> Self {
        let FetchRequest { source, entity, mode, .. } = request;
        Self::Unknown { source_name: source.clone(), entity: entity.clone(), mode: mode.as_str() }
    }

    /// Whether the work still to do stands in Postgres, as a run under way or an object asked for: then
    /// `relay` asks for it again, minutes later, and the message has done its part. Delivered again by SQS
    /// as well, it would only end as a dead letter of an outage.
    fn is_in_postgres(&self) -> bool {
        matches!(self, Self::Vendor(_) | Self::Page { .. } | Self::Store(StoreError::FenceLost(_)))
    }
}

/// An invocation stops this long before Lambda would stop it: time for one more request and its commit.
pub const MARGIN: Duration = Duration::from_secs(20);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Serves an event of either kind: a request from a rule, or a batch of requests from the queue.
    ///
    /// # Errors
    /// Where a request from a rule fails; of a batch, what failed is named in the reply.
    pub async fn handle(
        &self,
        event: Value,
        deadline: Timestamp,
    ) -> Result<Value, lambda_runtime::Error> {
        if event.get("Records").is_none() {
            let request = serde_json::from_value(event).map_err(FetchError::from)?;
            return match self.serve(&request, deadline).await {
                Ok(outcome) => Ok(serde_json::to_value(outcome)?),
                Err(e) => Err(chain(&e).into()),
            };
        }
        let batch: SqsEvent = serde_json::from_value(event)?;
        let mut response = BatchResponse::all_done();
        for message in &batch.records {
            let served = match serde_json::from_str(&message.body) {
                Ok(request) => self.serve(&request, deadline).await,
                Err(e) => Err(e.into()),
            };
            if let Err(error) = served {
                let known = error.is_in_postgres();
                let message_id = &message.message_id;
                tracing::error!(
                    event = "request_failed",
                    message_id,
                    retried_by_relay = known,
                    error = chain(&error)
                );
                if !known {
                    response.fail(message);
                }
            }
        }
        Ok(serde_json::to_value(response)?)
    }

    /// Serves one request.
    ///
    /// # Errors
    /// [`FetchError`]; what was committed before it stays.
    pub async fn serve(
        &self,
        request: &FetchRequest,
        deadline: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let vendor = self.vendors.iter().find(|v| {
            v.source().name() == request.source
                && v.source().entities(request.mode).contains(&request.entity.as_str())
        });
        let Some(vendor) = vendor else {
            return self.leave(request).await;
        };
        let stop_at = earlier(deadline, MARGIN);
        match request.mode {
            Mode::Object => self.look(vendor, request, stop_at).await,
            Mode::Watch => self.watch(vendor, request, stop_at).await,
            Mode::Reconcile => self.reconcile(vendor, request, stop_at).await,
            Mode::Full | Mode::Incremental => self.pull(vendor, request, stop_at).await,
        }
    }

    /// Sends tickets for rows that are committed. A ticket that is lost `relay` sends again, so a queue
    /// that fails is no reason to stop.
    async fn send_tickets(&self, ids: &[OutboxId]) {
        if ids.is_empty() {
            return;
        }
        let bodies = Ticket::split(ids).map(|t| t.to_body()).collect();
        if let Err(error) = self.tickets.send_all(bodies).await {
            tracing::warn!(event = "tickets_not_sent", rows = ids.len(), error = chain(&error));
        }
    }
}
