//! A pull: page after page under a lease, from where the last invocation stopped.

use std::collections::HashMap;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::paging::{Begin, Checkpoint, Next, Page, Progress, Reply};
use penstock_store::sync_state::pending::Unless;
use penstock_store::sync_state::{Key, Lease, RunUnderWay, windows};
use penstock_store::{begin, commit, outbox, refetch, sync_runs, sync_state};

use crate::account;
use crate::circuit;
use crate::ending;
use crate::error::FetchError;
use crate::full_runs;
use crate::held;
use crate::in_flight::{InFlight, Replied};
use crate::outcome::Outcome;
use crate::pausing::{self, Taken};
use crate::ports::{Ports, Shown};
use crate::run::{LEASE, LEFT_TOO_LONG, Run, Segment, Stop};
use crate::sweep::{hand_on, sweep};
use crate::vendors::Vendor;

/// One pull in the hands of this invocation.
struct Pull<'a, C, Q> {
    ports: &'a Ports<C, Q>,
    vendor: &'a Vendor<C>,
    run: Run<'a>,
}

/// The run that an invocation may page through, or how it ends without one.
enum Begun {
    Run(RunUnderWay),
    Ended(Outcome),
}

/// Pulls the entity that `request` names, until it is drained, the time is up, or something ends
/// the run.
pub(crate) async fn serve<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    request: &FetchRequest,
    stop_at: Timestamp,
) -> Result<Outcome, FetchError> {
    let key = Key { source: vendor.name(), entity: &request.entity, mode: request.mode };
    let lease = match pausing::take(ports, key, request).await? {
        Taken::Lease(lease) => lease,
        Taken::Ended(outcome) => return Ok(outcome),
    };
    let now = ports.clock.now();
    if request.resume && lease.run.is_none() && !lease.requested {
        sync_state::release(&**ports.database.connection().await?, key, &lease, now, now).await?;
        return Ok(Outcome::NothingToResume);
    }
    held::allow(ports, request).await?;
    let at = match &lease.run {
        Some(at) if !outlived(ports, vendor, key, &lease, at, now) => at.clone(),
        _ => match open(ports, vendor, key, &lease).await {
            Ok(Begun::Run(at)) => at,
            Ok(Begun::Ended(outcome)) => return Ok(outcome),
            Err(e) => return Err(pausing::let_go(ports, key, &lease, e).await),
        },
    };
    let mut run = Run::new(key, lease, at);
    if key.mode == Mode::Full {
        run.adopt(&ports.database, vendor.source(), ports.clock.now()).await?;
    }
    let mut pull = Pull { ports, vendor, run };
    let ended = match account::learn(ports, vendor, pull.run.lease.failures > 0, stop_at).await {
        Ok(_) => pull.pages(stop_at).await,
        Err(error) => Err(error),
    };
    pull.end(request, ended).await
}

/// Whether a run was left unfinished for so long that its own rows may be gone from the outbox, or
/// that the vendor no longer shows all of its window.
fn outlived<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    key: Key<'_>,
    lease: &Lease,
    at: &RunUnderWay,
    now: Timestamp,
) -> bool {
    if ports.limits.is_too_old(vendor.source().name(), at.started, now) {
        return true;
    }
    let there = Checkpoint { watermark: at.position.from, ..lease.checkpoint() };
    let begun_there = vendor.source().begin(key.mode, there, now, &vendor.paging);
    key.mode == Mode::Incremental && begun_there.backfill.is_some()
}

/// Opens a run. If the cursor does not show everything that changed, full runs are requested in the
/// same transaction. If it shows nothing, only full runs are requested, and no run is opened.
async fn open<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    key: Key<'_>,
    lease: &Lease,
) -> Result<Begun, FetchError> {
    let source = vendor.source();
    let now = ports.clock.now();
    let Begin { position, upper_bound, backfill } =
        source.begin(key.mode, lease.checkpoint(), now, &vendor.paging);
    let Some(position) = position else {
        let why = backfill.unwrap_or_else(|| "there is no cursor".to_owned());
        let left = ending::leave_to_full_runs(ports, vendor, key, lease, why).await;
        return left.map(Begun::Ended);
    };
    let at = RunUnderWay::begun(now, position, upper_bound);
    let note = match (&backfill, &lease.requested_why) {
        (Some(why), _) => Some(format!("full runs requested: {why}")),
        (None, Some(why)) => Some(format!("requested: {why}")),
        (None, None) => None,
    };

    let mut connection = ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    // Rows of full pulls are locked before those of incremental ones, as where a full run hands on
    // its cursor.
    let requested = match &backfill {
        Some(why) => full_runs::request(&tx, vendor, key.entity, why, Unless::Never, now).await?,
        None => Vec::new(),
    };
    if lease.run.as_ref().is_some_and(|left| !left.windows.is_empty()) {
        windows::forget(&tx, key).await?;
    }
    sync_state::advance(&tx, key, lease, &at, now, now + LEASE).await?;
    sync_runs::begin(&tx, at.id, key, lease.watermark, note.as_deref(), now).await?;
    if let Some(left) = &lease.run {
        sync_runs::record_error(&tx, left.id, (FailureClass::Transient, LEFT_TOO_LONG), true, now)
            .await?;
    }
    commit(tx).await?;
    drop(connection);

    let Key { source: source_name, entity, mode } = key;
    tracing::info!(event = "run_begun", run = %at.id, source = source_name, entity, mode = mode.as_str(), note);
    ports.ask_for_runs(source_name, &requested, Mode::Full).await;
    Ok(Begun::Run(at))
}

impl<C: Clock, Q: Outlet> Pull<'_, C, Q> {
    /// Pages through the run, in as many segments at once as the source is configured for.
    async fn pages(&mut self, stop_at: Timestamp) -> Result<Stop, FetchError> {
        let (source, paging) = (self.vendor.source(), &self.vendor.paging);
        let mut in_flight =
            InFlight::new(self.vendor, &self.ports.clock, self.run.lease.failures > 0, stop_at);
        let mut progress: HashMap<Segment, Progress> = HashMap::new();
        loop {
            let Some(Replied { segment, unusable, fetched }) = in_flight.next(&self.run).await?
            else {
                return Ok(in_flight.stopped());
            };
            let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
            let (Key { entity, mode, .. }, run) = (self.run.key, self.run.at.id);
            let position = self.run.position(segment);
            let page = source.page(entity, mode, run, position, reply, paging);
            if let Some(doubted) =
                page.as_ref().ok().and_then(|p| unusable.doubt(self.vendor.name(), p))
            {
                in_flight.ask_again(segment, doubted);
                continue;
            }
            let progress = progress.entry(segment).or_default();
            match page.and_then(|page| progress.note(position, &page).map(|()| page)) {
                Ok(page) => {
                    if self.commit_page(segment, page).await? {
                        return Ok(Stop::Done);
                    }
                }
                Err(error) => {
                    in_flight.ask_again(segment, unusable.one_more(self.vendor.name(), error)?);
                }
            }
        }
    }

    /// Commits a page: its rows, the cursor past them and the run's counts, together or not at all.
    /// Returns whether the run is drained.
    async fn commit_page(&mut self, segment: Segment, page: Page<'_>) -> Result<bool, FetchError> {
        let Self { ports, vendor, run } = self;
        let Page { items, to_read, next, .. } = page;
        let Key { source, entity, mode } = run.key;
        let now = ports.clock.now();
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let healed = run.heal(&tx, now).await?;
        let drained = run.step(&tx, segment, &next, now).await?;
        let (mut requested_since, mut cursor_awaited, mut left_out) = (false, false, false);
        if drained {
            let cursor =
                if let Next::Drained { cursor } = &next { cursor.as_deref() } else { None };
            requested_since = sync_state::finish(&tx, run.key, &run.lease, cursor, now).await?;
            if let Some(cursor) = cursor {
                cursor_awaited = hand_on(&tx, vendor.source(), run, cursor, now).await?;
            }
        }
        let new = outbox::insert(&tx, run.arrival(now), &items).await?;
        if !to_read.is_empty() {
            refetch::request_later(&tx, source, entity, &to_read, now, now).await?;
        }
        if let Next::Incomplete { reason } = next {
            // What such a list does not show may still be there.
            ending::note_incomplete(&tx, run, reason).await?;
        } else if drained {
            // After the page's own rows: an object that the page shows has not vanished.
            left_out = sweep(&tx, vendor, run, ports.limits.sweep, now).await?;
        }
        let seen = items.len() + to_read.len();
        sync_runs::count_page(&tx, run.at.id, seen, new.len(), now).await?;
        if drained {
            sync_runs::succeed(&tx, run.at.id, run.at.upper_bound, now).await?;
        }
        let shown = Shown::page(vendor.source().name(), seen);
        ports.commit_rows(tx, &new, shown).await?;
        drop(connection);

        run.progressed = true;
        run.new_rows += new.len();
        if healed {
            pausing::note_healed(run.key, &mut run.lease);
        }
        circuit::note_closed(run.key, &mut run.lease);
        if drained {
            let new_rows = run.new_rows;
            tracing::info!(event = "run_succeeded", run = %run.at.id, source, entity, mode = mode.as_str(), new_rows);
            if requested_since {
                // The message of that request has found the lease busy.
                ports.ask_for_runs(source, &[entity], mode).await;
            }
            if cursor_awaited {
                // The message of that request was left to this run.
                ports.ask_for_runs(source, &[entity], Mode::Incremental).await;
            }
        }
        if left_out || !to_read.is_empty() {
            ports.ask_for_runs(source, &[entity], Mode::Refetch).await;
        }
        Ok(drained)
    }

    /// Ends the invocation by what stopped its paging.
    async fn end(
        &self,
        request: &FetchRequest,
        ended: Result<Stop, FetchError>,
    ) -> Result<Outcome, FetchError> {
        let Self { ports, vendor, run } = self;
        match ended {
            Ok(Stop::Done) => Ok(Outcome::Finished { run: run.at.id, new_rows: run.new_rows }),
            Ok(Stop::OutOfTime(pause)) => ending::hand_over(ports, run, request, pause).await,
            Ok(Stop::Throttled(pause))
            | Err(FetchError::Vendor(VendorError::Throttled { pause, .. })) => {
                ending::wait(ports, run, request, pause).await
            }
            Err(FetchError::Vendor(VendorError::QuotaExhausted { reason, .. })) => {
                ending::stop(ports, run, reason).await
            }
            Err(FetchError::Vendor(VendorError::CursorExpired { reason, .. })) => {
                ending::start_over(ports, vendor, run, reason).await
            }
            Err(FetchError::Store(e)) if e.was_under_way() => {
                ending::reconnect(ports, run, request, e).await
            }
            Err(e) => ending::give_up(ports, run, request, e).await,
        }
    }
}
