//! The end of a full run: asks for objects that its list left out, and hands its cursor to the
//! incremental pull.

use jiff::Timestamp;
use penstock_domain::clock::{Clock, earlier};
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::Checkpoint;
use penstock_domain::source::Source;
use penstock_domain::sweep::{MOST, SweepLimit};
use penstock_store::facts::unseen::{self, Chunk, FullList};
use penstock_store::held_sweeps::{self, HeldSweep};
use penstock_store::sync_state::{self, Key};
use penstock_store::{StoreError, Transaction, refetch, sync_runs};

use crate::held;
use crate::run::Run;
use crate::vendors::Vendor;

/// The report of an incremental run that a full run has overtaken.
const OVERTAKEN: &str = "a full run has handed on a newer cursor, from which the next run goes on";

/// Objects a statement.
const ROWS: usize = 10_000;

/// The objects that a full list left out.
#[derive(Default)]
struct LeftOut {
    /// The ids, unless they are more than any sweep may take away without a person.
    ids: Vec<String>,
    unseen: u64,
    /// The number of objects that the list should have shown.
    accounted: u64,
}

/// Stores the vendor's own cursor, from which the incremental pull of the same entity goes on. A
/// run of that pull that is under way ends: it went on from an older cursor. What it would have
/// brought, the new cursor brings. Returns whether a run of that pull is requested, which has
/// waited for its first cursor.
pub(crate) async fn hand_on(
    tx: &Transaction<'_>,
    source: &dyn Source,
    run: &Run<'_>,
    cursor: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let incremental = Key { mode: Mode::Incremental, ..run.key };
    if run.key.mode != Mode::Full || !source.entities(Mode::Incremental).contains(&run.key.entity) {
        return Ok(false);
    }
    let checkpoint = Checkpoint { watermark: Some(run.at.upper_bound), token: Some(cursor) };
    let handed_on = sync_state::hand_on(tx, incremental, checkpoint, now).await?;
    if let Some(overtaken) = handed_on.overtaken {
        tracing::info!(event = "run_overtaken", run = %overtaken, by = %run.at.id);
        sync_runs::record_error(tx, overtaken, (FailureClass::Transient, OVERTAKEN), true, now)
            .await?;
    }
    Ok(handed_on.awaited)
}

/// Requests that every object which the full list left out is read by its id. Returns whether there
/// are any.
///
/// A full list does not name deleted objects (trap 13), and what it leaves out may still be there:
/// the list is behind, or the object moved between two pages or two lists (trap 72). So the list
/// alone buries nothing. The vendor's answer to the id makes the tombstone, or shows the object.
///
/// An object is left out if neither this run nor anything else has shown it since the run began,
/// less the lag of the vendor's lists. If more are left out than the deployment allows, none is
/// asked for: a person must say that they are gone (`allow_sweep` of a request).
pub(crate) async fn sweep<C: Clock>(
    tx: &Transaction<'_>,
    vendor: &Vendor<C>,
    run: &Run<'_>,
    limit: SweepLimit,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Key { source, entity, mode } = run.key;
    if mode != Mode::Full || vendor.source().sweeps(entity).is_none() {
        return Ok(false);
    }
    let allowed = held_sweeps::is_allowed(tx, source, entity).await?;
    let LeftOut { ids, unseen, accounted } = left_out(tx, vendor, run, allowed).await?;
    let swept = HeldSweep { source, entity, run: run.at.id, unseen, accounted };
    if held::is_held(tx, limit, swept, now).await? {
        let note = format!("marked nothing as gone: the list left out {unseen} of {accounted}");
        sync_runs::note(tx, run.at.id, &note).await?;
        return Ok(false);
    }
    held_sweeps::clear(tx, source, entity).await?;
    if ids.is_empty() {
        return Ok(false);
    }
    for some in ids.chunks(ROWS) {
        refetch::request_later(tx, source, entity, some, now, now).await?;
    }
    tracing::info!(event = "ghosts_swept", run = %run.at.id, source, entity, rows = unseen);
    Ok(true)
}

/// Looks through the table for what the run's list left out.
async fn left_out<C: Clock>(
    tx: &Transaction<'_>,
    vendor: &Vendor<C>,
    run: &Run<'_>,
    allowed: bool,
) -> Result<LeftOut, StoreError> {
    let Key { source, entity, .. } = run.key;
    let mut all = LeftOut::default();
    let Some(swept) = vendor.source().sweeps(entity) else { return Ok(all) };
    let shown_since = earlier(run.at.started, vendor.source().list_lag());
    let part = vendor.paging.part.as_deref().unwrap_or_default();
    let list = FullList { source, entity, part, run: run.at.id, shown_since };
    let mut after = String::new();
    while let Some(Chunk { last, accounted, unseen }) =
        unseen::next(tx, swept, list, &after).await?
    {
        all.accounted += accounted;
        all.unseen += u64::try_from(unseen.len()).unwrap_or(u64::MAX);
        if all.unseen <= MOST || allowed {
            all.ids.extend(unseen);
        }
        after = last;
    }
    Ok(all)
}
