//! A verified body as a row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Media;
use penstock_domain::signature::Verified;
use penstock_domain::source::Signed;
use penstock_domain::ticket;
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_store::StoreError;
use penstock_store::deliveries::{self, Kept};
use penstock_store::outbox::Arrival;

use crate::{NAME, Ports};

/// The result of storing a body.
pub(crate) enum Stored {
    /// The body is a row now, or the refetches of the objects that it names are requested.
    New {
        /// The row, for its ticket; `None` where the body only names objects.
        row: Option<OutboxId>,
        /// The requests to refetch those objects.
        refetches: Vec<FetchRequest>,
    },
    /// The body was a row before.
    Known {
        /// The row, if it is not processed yet: its ticket may never have been sent.
        waiting: Option<OutboxId>,
        /// The requests to refetch the objects of such a row.
        refetches: Vec<FetchRequest>,
    },
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
    ) -> Result<Stored, StoreError> {
        let mut delivery = vendor.delivery(body, received_at);
        let ticket_due_at = now + ticket::GRACE;
        let media = Media { content_type, content_encoding: None };
        let arrival = Arrival { source, media, received_at, ticket_due_at, ..Arrival::default() };
        let kept = self
            .database
            .in_time(deliveries::store(&self.database, arrival, &delivery, now))
            .await?;
        if !kept.is_readable {
            delivery.refetches.clear();
        }
        MetricLine::of_source(NAME, vendor.vendor(), now)
            .with_some(Metric::RowsTaken, usize::from(kept.new.is_some()))
            .write();
        let source = kept.connection.as_str();
        let (bytes, refetches) = (body.bytes().len(), delivery.refetches.len());
        let Some(item) = delivery.item else {
            tracing::info!(event = "delivery", source, bytes, looks = refetches);
            return Ok(Stored::New { row: None, refetches: requests(source, delivery.refetches) });
        };
        let (entity, version_key, known) = (&item.entity, &item.version_key, kept.new.is_none());
        tracing::info!(
            event = "delivery",
            source,
            entity,
            version_key,
            bytes,
            looks = refetches,
            known,
            outbox_id = kept.new.map(|id| id.to_string())
        );
        let refetches = requests(source, delivery.refetches);
        Ok(match kept {
            Kept { new: row @ Some(_), .. } => Stored::New { row, refetches },
            Kept { waiting: waiting @ Some(_), .. } => Stored::Known { waiting, refetches },
            _ => Stored::Known { waiting: None, refetches: Vec::new() },
        })
    }
}

/// Makes the messages that ask for refetches. The objects are in Postgres: one message a kind has
/// all of them read.
fn requests(source: &str, named: Vec<(String, String)>) -> Vec<FetchRequest> {
    let kinds: BTreeSet<String> = named.into_iter().map(|(kind, _)| kind).collect();
    kinds.iter().map(|kind| FetchRequest::refetches(source, kind)).collect()
}
