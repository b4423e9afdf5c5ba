//! Everything that an invocation works with, and the messages that it sends after a commit.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::chain;
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_store::{Database, StoreError, Transaction, commit};

use crate::NAME;
use crate::connected::Connections;
use crate::limits::Limits;
use crate::vendors::Vendor;

/// Everything that `fetch` uses.
pub struct Ports<C, Q> {
    /// The outbox and the cursors.
    pub database: Database,
    /// The connections that the template declares.
    pub vendors: Vec<Vendor<C>>,
    /// Those that were made while the system runs.
    pub connections: Connections<C>,
    /// The queue that `process` reads.
    pub tickets: Q,
    /// The queues that `fetch` itself reads.
    pub requests: Q,
    /// The limits of runs and sweeps.
    pub limits: Limits,
    /// Tells the time, and waits.
    pub clock: C,
}

/// The part of a vendor's data that a commit stores, for the metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// The vendor's name.
    pub source: &'static str,
    /// Pages of its lists.
    pub pages: usize,
    pub objects: usize,
}

impl Shown {
    /// A page of a list, with this many objects.
    pub fn page(source: &'static str, objects: usize) -> Self {
        Self { source, pages: 1, objects }
    }

    /// One object that was asked for by its id.
    pub fn object(source: &'static str) -> Self {
        Self { source, pages: 0, objects: 1 }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Commits a transaction that has inserted `rows`, and sends their tickets. They are also sent
    /// if it is not known whether Postgres has committed: a ticket of a row that is not there does
    /// nothing, and a row without one waits for `relay`.
    pub(crate) async fn commit_rows(
        &self,
        tx: Transaction<'_>,
        rows: &[OutboxId],
        shown: Shown,
    ) -> Result<(), StoreError> {
        let committed = commit(tx).await;
        if committed.is_ok() {
            MetricLine::of_source(NAME, shown.source, self.clock.now())
                .with_some(Metric::Pages, shown.pages)
                .with_some(Metric::RowsRead, shown.objects)
                .with_some(Metric::RowsTaken, rows.len())
                .write();
        }
        if committed.as_ref().err().is_none_or(StoreError::is_unreachable) {
            self.send_tickets(rows).await;
        }
        committed
    }

    /// Sends tickets for rows that are committed. `relay` sends a lost ticket again, so a queue
    /// that fails does not end the run.
    async fn send_tickets(&self, ids: &[OutboxId]) {
        if ids.is_empty() {
            return;
        }
        let bodies = Ticket::split(ids).map(|t| t.to_body()).collect();
        if let Err(error) = self.tickets.send_all(bodies).await {
            tracing::warn!(event = "tickets_not_sent", rows = ids.len(), error = chain(&error));
        }
    }

    /// Asks for runs that were committed as requested. `relay` sends a lost message again.
    pub(crate) async fn ask_for_runs(
        &self,
        source: &str,
        entities: &[impl AsRef<str>],
        mode: Mode,
    ) {
        let requests = entities
            .iter()
            .map(|entity| FetchRequest::new(source, entity.as_ref(), mode).resuming());
        let bodies: Vec<String> = requests.filter_map(|r| serde_json::to_string(&r).ok()).collect();
        if bodies.is_empty() {
            return;
        }
        if let Err(error) = self.requests.send_all(bodies).await {
            tracing::warn!(event = "requests_not_sent", error = chain(&error));
        }
    }
}
