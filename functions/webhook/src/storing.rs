//! A verified body as a row.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_domain::signature::Verified;
use penstock_domain::source::Signed;
use penstock_domain::ticket;
use penstock_store::outbox::Arrival;
use penstock_store::{StoreError, deliveries, in_time};

use crate::Ports;

/// Objects that one message asks to read: well below what an invocation has time for.
const LOOKS_A_REQUEST: usize = 50;

/// What has become of a body.
pub(crate) enum Kept {
    /// It is a row now, or the objects that it names are wanted.
    New {
        /// The row, for its ticket; none where it only names objects.
        row: Option<OutboxId>,
        /// The objects that it only names, to be read.
        looks: Vec<FetchRequest>,
    },
    /// It was a row before.
    Known,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Commits a body. Given up half-way, it may yet be committed: its version key makes the next
    /// try harmless.
    pub(crate) async fn store(
        &self,
        source: &str,
        vendor: &dyn Signed,
        body: Verified<'_>,
        content_type: &str,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        let delivery = vendor.delivery(body, received_at);
        let ticket_due_at = now + ticket::GRACE;
        let arrival = Arrival { source, content_type, run: None, received_at, ticket_due_at };
        let row = in_time(deliveries::store(&self.database, arrival, &delivery, now)).await?;
        let (bytes, looks) = (body.bytes().len(), delivery.refetches.len());
        let Some(item) = delivery.item else {
            tracing::info!(event = "delivery", source, bytes, looks);
            return Ok(Kept::New { row: None, looks: looks_at(source, delivery.refetches) });
        };
        let (entity, version_key, known) = (&item.entity, &item.version_key, row.is_none());
        tracing::info!(event = "delivery", source, entity, version_key, bytes, looks, known);
        Ok(match row {
            Some(row) => Kept::New { row: Some(row), looks: looks_at(source, delivery.refetches) },
            None => Kept::Known,
        })
    }
}

/// The requests to read what was only named: the wish stands in Postgres, so a message that comes
/// twice reads nothing.
fn looks_at(source: &str, named: Vec<(String, String)>) -> Vec<FetchRequest> {
    let mut by_kind: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (kind, id) in named {
        by_kind.entry(kind).or_default().push(id);
    }
    let mut requests = Vec::new();
    for (kind, ids) in by_kind {
        for ids in ids.chunks(LOOKS_A_REQUEST) {
            requests.push(FetchRequest {
                ids: ids.to_vec(),
                ..FetchRequest::new(source, &kind, Mode::Refetch).resuming()
            });
        }
    }
    requests
}
