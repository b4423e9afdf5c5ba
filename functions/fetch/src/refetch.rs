//! Reads single objects again by their ids: two versions of one carry the same stamp, a push only
//! named it, or a person asks.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::{Fetched, VendorError};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::paging::{PageError, Reply, is_segment};
use penstock_domain::record::{Item, JSON, became, vanished};
use penstock_domain::source::Source;
use penstock_domain::ticket;
use penstock_store::begin;
use penstock_store::outbox::{self, Arrival};
use penstock_store::refetch::{self, Failure, Wish};

use crate::confirm;
use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::ports::{Ports, Shown};
use crate::vendors::Vendor;

mod waiting;

/// An object that the vendor rejects, or that is of another kind each time, is not tried any more
/// after this long. It counts from the first such reply since the request: a refused key or an
/// outage says nothing about the object. No index is behind for a day.
const HOPED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The reason of an id that no request can carry.
const NO_ID: &str = "no object can have this id: it is empty, a step within a path, or too long";

/// The vendor's answer to a refetch.
enum Answer {
    Object(Fetched),
    /// The vendor no longer has the object.
    Gone {
        as_of: Timestamp,
        payload: Vec<u8>,
    },
}

/// Reads the objects that wait in Postgres, or those that a person names.
pub(crate) async fn serve<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    request: &FetchRequest,
    stop_at: Timestamp,
) -> Result<Outcome, FetchError> {
    if request.resume {
        return waiting::serve(ports, vendor, request, stop_at).await;
    }
    // Written down first, so that an outage of the vendor does not lose them.
    let (source, entity, now) = (vendor.name(), &request.entity, ports.clock.now());
    let connection = ports.database.connection().await?;
    let due = now + ticket::GRACE;
    let wishes = refetch::remember(&**connection, source, entity, &request.ids, now, due).await?;
    drop(connection);
    let mut objects = 0;
    for wish in &wishes {
        if read_one(ports, vendor, entity, wish, false, stop_at).await? == Read::Answered {
            objects += 1;
        }
    }
    Ok(Outcome::Refetched { objects })
}

/// The end of reading one object.
#[derive(PartialEq, Eq)]
enum Read {
    Answered,
    /// No request can carry the id, so the vendor has said nothing.
    NotAsked,
}

/// Reads the object of `wish`, which was committed before: a request that is made meanwhile is not
/// answered. An invocation that is `probing` whether the vendor answers asks once.
async fn read_one<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    entity: &str,
    wish: &Wish,
    probing: bool,
    stop_at: Timestamp,
) -> Result<Read, FetchError> {
    let (source, id) = (vendor.source(), wish.external_id.as_str());
    if !is_segment(id) {
        let why = FailedRead { error: NO_ID, hopeless: true };
        note_failure(ports, vendor.name(), entity, wish, why).await?;
        return Ok(Read::NotAsked);
    }
    let run = RunId::new(ports.clock.now());
    let answer = ask(vendor, entity, id, probing, stop_at).await?;
    let became_another;
    let items: Vec<Item<'_>> = match &answer {
        Some(Answer::Object(Fetched { as_of, body })) => {
            let item = source.object(entity, run, Reply { as_of: *as_of, body });
            let item = item.and_then(|item| of_kind(source, item, entity, id));
            let item = item.map_err(|error| FetchError::Page {
                source_name: vendor.name().to_owned(),
                error,
            })?;
            became_another = merged_into(source, entity, id, &item);
            let gone = became_another
                .as_deref()
                .map(|payload| tombstone(entity, id, run, *as_of, payload));
            std::iter::once(item).chain(gone).collect()
        }
        Some(Answer::Gone { as_of, payload }) => {
            vec![tombstone(entity, id, run, *as_of, payload)]
        }
        None => Vec::new(),
    };
    let now = ports.clock.now();
    let arrival = Arrival {
        source: vendor.name(),
        media: JSON,
        received_at: now,
        ticket_due_at: now + ticket::GRACE,
        ..Arrival::default()
    };
    let mut connection = ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    let is_gone = matches!(answer, Some(Answer::Gone { .. }));
    let doubted = source.sweeps(entity).is_some()
        && confirm::is_due(&tx, (vendor.name(), entity, id), is_gone, now).await?;
    let new = outbox::insert(&tx, arrival, &items).await?;
    refetch::answered(&tx, vendor.name(), entity, wish).await?;
    if doubted {
        confirm::later(&tx, vendor, entity, &[id.to_owned()], now).await?;
    }
    ports.commit_rows(tx, &new, Shown::object(source.name())).await?;
    Ok(Read::Answered)
}

/// Why an object could not be read.
struct FailedRead<'a> {
    error: &'a str,
    /// Whether no other answer can be expected.
    hopeless: bool,
}

/// Keeps the reason with the request, and ends the request if its reads have failed for too long.
async fn note_failure<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    source: &str,
    entity: &str,
    wish: &Wish,
    FailedRead { error, hopeless }: FailedRead<'_>,
) -> Result<(), FetchError> {
    let now = ports.clock.now();
    let failure = Failure { error, hopeless, hoped_since: now - HOPED_FOR };
    let connection = ports.database.connection().await?;
    if refetch::failed(&**connection, source, entity, wish, failure, now).await? {
        let (id, reason) = (&wish.external_id, error);
        tracing::error!(event = "refetch_ended", source, entity, id, reason);
    }
    Ok(())
}

/// Requests the object from the vendor. Returns `None` if the reply does not show its state; then
/// nothing is stored.
async fn ask<C: Clock>(
    vendor: &Vendor<C>,
    entity: &str,
    id: &str,
    probing: bool,
    stop_at: Timestamp,
) -> Result<Option<Answer>, FetchError> {
    let source = vendor.source();
    let request = source.object_request(entity, id, &vendor.paging);
    let reply = match probing {
        false => vendor.client.ask(Mode::Refetch, &request, stop_at).await,
        true => vendor.client.ask_once(Mode::Refetch, &request, stop_at).await,
    };
    match reply {
        Ok(fetched) => Ok(Some(Answer::Object(fetched))),
        Err(VendorError::Gone { as_of, .. }) => {
            Ok(Some(Answer::Gone { as_of, payload: vanished(id) }))
        }
        // A source whose deletions are swept recognizes its vendor's own 404: this one is a
        // proxy's.
        Err(VendorError::Rejected { status: 404, words, .. })
            if source.sweeps(entity).is_none() =>
        {
            tracing::warn!(event = "object_gone", source = vendor.name(), entity, id, words);
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

/// Refuses an item of another kind: it would be a dead letter, and the refetch would count as done.
/// Refuses another object, too. Only where objects vanish may the id differ: HubSpot answers with
/// the contact that the one asked for was merged into.
pub(crate) fn of_kind<'a>(
    source: &dyn Source,
    item: Item<'a>,
    entity: &str,
    id: &str,
) -> Result<Item<'a>, PageError> {
    let bytes = item.payload.len();
    if item.entity != entity {
        return Err(PageError::Malformed { bytes, reason: format!("it is no {entity}") });
    }
    if item.external_id != id && source.sweeps(entity).is_none() {
        let reason = "it is another object than the one asked for".to_owned();
        return Err(PageError::Malformed { bytes, reason });
    }
    Ok(item)
}

/// The payload of the tombstone for the requested id, if the reply is another object: the one that
/// it was merged into. The reply may not list the id among its merges (yet), and then nothing else
/// would end it before the next sweep.
fn merged_into(source: &dyn Source, entity: &str, id: &str, item: &Item<'_>) -> Option<Vec<u8>> {
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
