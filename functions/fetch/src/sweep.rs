//! The end of a full run: sweeps objects that vanished, and hands its cursor to the incremental
//! pull.

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::OutboxId;
use penstock_domain::paging::Checkpoint;
use penstock_domain::record::{Item, vanished};
use penstock_domain::source::Source;
use penstock_store::facts::unseen::{self, Chunk, FullList};
use penstock_store::outbox::{self, Arrival};
use penstock_store::sync_state::{self, Key};
use penstock_store::{StoreError, Transaction};

use crate::confirm::{self, MOST_OF_A_SWEEP};
use crate::run::Run;
use crate::vendors::Vendor;

/// Stores the vendor's own cursor, from which the incremental pull of the same entity goes on.
pub(crate) async fn hand_on(
    tx: &Transaction<'_>,
    source: &dyn Source,
    run: &Run<'_>,
    cursor: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let incremental = Key { mode: Mode::Incremental, ..run.key };
    if run.key.mode != Mode::Full || !source.entities(Mode::Incremental).contains(&run.key.entity) {
        return Ok(());
    }
    let checkpoint = Checkpoint { watermark: Some(run.at.upper_bound), token: Some(cursor) };
    sync_state::hand_on(tx, incremental, checkpoint, now).await
}

/// Gives a tombstone to every row that the full list no longer shows, and returns the tombstones'
/// rows.
///
/// A full list does not name deleted objects (trap 13). A row is of a deleted object if neither
/// this run nor anything else has seen it since the run began. The tombstone is stamped with the
/// run's beginning and goes through the gate like any other version: an object that shows again is
/// newer. An object that moved between the pages, or was not shown yet, is asked for by its id
/// later.
pub(crate) async fn sweep<C: Clock>(
    tx: &Transaction<'_>,
    vendor: &Vendor<C>,
    run: &Run<'_>,
    arrival: Arrival<'_>,
) -> Result<Vec<OutboxId>, StoreError> {
    let Key { source, entity, mode } = run.key;
    let Some(swept) = vendor.source().sweeps(entity) else { return Ok(Vec::new()) };
    if mode != Mode::Full {
        return Ok(Vec::new());
    }
    let part = vendor.paging.part.as_deref().unwrap_or_default();
    let list = FullList { source, entity, part, run: run.at.id, began: run.at.started };
    let (mut rows, mut after) = (Vec::new(), String::new());
    let mut left = MOST_OF_A_SWEEP;
    while let Some(Chunk { last, unseen }) = unseen::next(tx, swept, list, &after).await? {
        let again = unseen.get(..left.min(unseen.len())).unwrap_or_default();
        confirm::later(tx, vendor.source(), entity, again, arrival.received_at).await?;
        left -= again.len();
        let payloads: Vec<Vec<u8>> = unseen.iter().map(|id| vanished(id)).collect();
        let tombstones: Vec<Item<'_>> = unseen
            .into_iter()
            .zip(&payloads)
            .map(|(external_id, payload)| Item {
                entity: entity.to_owned(),
                external_id,
                version_key: format!("sweep:{}", run.at.id),
                version_at: run.at.started,
                api_version: None,
                payload,
            })
            .collect();
        rows.extend(outbox::insert(tx, arrival, &tombstones).await?);
        after = last;
    }
    if !rows.is_empty() {
        tracing::info!(event = "ghosts_swept", run = %run.at.id, source, entity, rows = rows.len());
    }
    Ok(rows)
}
