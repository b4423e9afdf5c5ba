//! Another look at objects of which two versions carry the same second.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::{Fetched, VendorError};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::paging::{PageError, Reply};
use penstock_domain::record::{Item, became, vanished};
use penstock_domain::source::Source;
use penstock_domain::ticket;
use penstock_store::outbox::{self, Arrival};
use penstock_store::{begin, commit, refetch};

use crate::{FetchError, Outcome, Ports, Vendor};

/// What a look came to.
enum Read {
    Object(Fetched),
    /// The vendor says that there is no such object any more.
    Gone {
        as_of: Timestamp,
        payload: Vec<u8>,
    },
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Reads each object named, and puts what it is now into the outbox.
    pub(crate) async fn look(
        &self,
        vendor: &Vendor<C>,
        request: &FetchRequest,
        stop_at: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let ids = self.wanted(vendor, request).await?;
        for id in &ids {
            self.look_at(vendor, &request.entity, id, stop_at).await?;
        }
        Ok(Outcome::Looked { objects: ids.len() })
    }

    /// The system's own messages name objects that stand in Postgres until they are read: one that comes
    /// twice finds nothing to do. What a person asks for is written down first, so that an outage of the
    /// vendor does not lose it.
    async fn wanted(
        &self,
        vendor: &Vendor<C>,
        request: &FetchRequest,
    ) -> Result<Vec<String>, FetchError> {
        let (source, entity, now) = (vendor.source().name(), &request.entity, self.clock.now());
        let connection = self.database.connection().await?;
        if request.resume {
            return Ok(refetch::wanted(&**connection, source, entity, &request.ids).await?);
        }
        refetch::remember(&**connection, source, entity, &request.ids, now, now + ticket::GRACE)
            .await?;
        Ok(request.ids.clone())
    }

    async fn look_at(
        &self,
        vendor: &Vendor<C>,
        entity: &str,
        id: &str,
        stop_at: Timestamp,
    ) -> Result<(), FetchError> {
        let source = vendor.source();
        // Taken before the object is read: a tie found afterwards asks for another look.
        let asked_at = self.clock.now();
        let request = source.object_request(entity, id, &vendor.paging);
        let read = match vendor.client.ask(Mode::Object, &request, stop_at).await {
            Ok(fetched) => Some(Read::Object(fetched)),
            Err(VendorError::Gone { as_of, .. }) => {
                Some(Read::Gone { as_of, payload: vanished(id) })
            }
            // A source that keeps account of what is gone would have known its vendor's own 404: this one is a proxy's.
            Err(VendorError::Rejected { status: 404, words, .. })
                if source.sweeps(entity).is_none() =>
            {
                tracing::warn!(event = "object_gone", source = source.name(), entity, id, words);
                None
            }
            Err(e) => return Err(e.into()),
        };
        let run = RunId::new(asked_at);
        let ended;
        let items: Vec<Item<'_>> = match &read {
            Some(Read::Object(Fetched { as_of, body })) => {
                let item = source.object(entity, run, Reply { as_of: *as_of, body });
                let item = item.and_then(|item| of_kind(item, entity));
                let item =
                    item.map_err(|error| FetchError::Page { source_name: source.name(), error })?;
                ended = became_another(source, entity, id, &item);
                let gone =
                    ended.as_deref().map(|payload| tombstone(entity, id, run, *as_of, payload));
                std::iter::once(item).chain(gone).collect()
            }
            Some(Read::Gone { as_of, payload }) => {
                vec![tombstone(entity, id, run, *as_of, payload)]
            }
            None => Vec::new(),
        };
        let now = self.clock.now();
        let arrival = Arrival {
            source: source.name(),
            content_type: "application/json",
            run: None,
            received_at: now,
            ticket_due_at: now + ticket::GRACE,
        };
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let new = outbox::insert(&tx, arrival, &items).await?;
        refetch::answered(&tx, source.name(), entity, id, asked_at).await?;
        commit(tx).await?;
        self.send_tickets(&new).await;
        Ok(())
    }
}

/// The item, where it is what was asked for: any other JSON would be a dead letter, and the look would count as done. Its
/// id may be another's, as HubSpot answers with the contact that the one asked for was merged into.
fn of_kind<'a>(item: Item<'a>, entity: &str) -> Result<Item<'a>, PageError> {
    if item.entity == entity {
        return Ok(item);
    }
    Err(PageError::Malformed { bytes: item.payload.len(), reason: format!("it is no {entity}") })
}

/// The payload of the tombstone for the id that was asked for, where another object answers: the one that it was merged
/// into. Where that one does not name it (yet), nothing else would end it before the next sweep.
fn became_another(source: &dyn Source, entity: &str, id: &str, item: &Item<'_>) -> Option<Vec<u8>> {
    let another =
        item.entity == entity && item.external_id != id && source.sweeps(entity).is_some();
    another.then(|| became(id, &item.external_id))
}

/// The row of an object that is gone.
fn tombstone<'a>(
    entity: &str,
    id: &str,
    run: RunId,
    as_of: Timestamp,
    payload: &'a [u8],
) -> Item<'a> {
    Item {
        entity: entity.to_owned(),
        external_id: id.to_owned(),
        version_key: format!("gone:{run}"),
        version_at: as_of,
        api_version: None,
        payload,
    }
}
