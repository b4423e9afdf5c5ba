//! A verified body as a row.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::Disposition;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::signature::Verified;
use penstock_domain::source::Source;
use penstock_domain::ticket;
use penstock_store::outbox::Arrival;
use penstock_store::{StoreError, deliveries};
use tokio::time::timeout;

use crate::{Ports, look_at};

/// How long Postgres may take, a connection included, before it counts as away. Shorter than a sender waits.
pub(crate) const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// What has become of a body.
pub(crate) enum Kept {
    /// It is a row now.
    New {
        /// The row, for its ticket.
        row: OutboxId,
        /// What it only names, to be read.
        look: Option<FetchRequest>,
    },
    /// It was a row before.
    Known,
}

/// Why it is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStored {
    /// What Postgres says, or that there is no connection.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It says nothing.
    #[error("Postgres has not answered within {STORE_PATIENCE:?}")]
    Silent,
}

impl NotStored {
    /// Whether the request is to blame: the next one may well be stored.
    pub(crate) fn is_its_own_fault(&self) -> bool {
        matches!(self, Self::Store(error) if matches!(error.disposition(), Disposition::Dead(_)))
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Commits a body. Given up half-way, it may yet be committed: its version key makes the next try harmless.
    pub(crate) async fn store(
        &self,
        source: &dyn Source,
        body: Verified<'_>,
        content_type: &str,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<Kept, NotStored> {
        let delivery = source.delivery(body, received_at);
        let ticket_due_at = now + ticket::GRACE;
        let arrival = Arrival { source: source.name(), content_type, run: None, received_at, ticket_due_at };
        let taking = deliveries::take(&self.database, arrival, &delivery, now);
        let row = timeout(STORE_PATIENCE, Box::pin(taking)).await.map_err(|_| NotStored::Silent)??;
        let (entity, bytes) = (&delivery.item.entity, delivery.item.payload.len());
        let (version_key, look) = (&delivery.item.version_key, delivery.look.is_some());
        tracing::info!(event = "delivery", entity, version_key, bytes, look, known = row.is_none());
        Ok(match row {
            Some(row) => Kept::New { row, look: delivery.look.map(|named| look_at(source.name(), named)) },
            None => Kept::Known,
        })
    }
}
