//! Reconciling: the vendor's full list against payments, by day, currency and status. Days that
//! differ are mended and compared again (docs/adr/0019).
//!
//! Listing stores nothing but sums, a page's with its cursor in one transaction. If the sums of a
//! day differ, its objects go through the outbox as a full run's do. Payments that we have and the
//! lists do not show are asked for by their ids. Those that the vendor does not have get a
//! tombstone.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Begin, Checkpoint, Page, Position, Reply};
use penstock_domain::reconcile::Phase;
use penstock_domain::source::OwnAccount;
use penstock_store::reconciliations::{self, Comparison, State, report};
use penstock_store::sync_state::{Key, Lease, RunUnderWay, windows};
use penstock_store::{begin, commit, outbox, sync_runs, sync_state};

use crate::account;
use crate::circuit;
use crate::ending;
use crate::error::FetchError;
use crate::held;
use crate::outcome::Outcome;
use crate::pausing::{self, Taken};
use crate::ports::{Ports, Shown};
use crate::report::Report;
use crate::run::{LEFT_TOO_LONG, Run, Segment, Stop};
use crate::unusable::Unusable;
use crate::vendors::Vendor;

mod compare;
mod days;
mod unseen;

/// The first pause between two checks whether `process` is through with the mended objects. Each
/// message that finds it is not waits for as much longer.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest of these pauses. 16 messages wait for 20 minutes together.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// The reconciliation that this invocation works on.
struct Reconciliation<'a, C, Q> {
    ports: &'a Ports<C, Q>,
    vendor: &'a Vendor<C>,
    work: Work<'a>,
    /// The account whose lists are read, as far as it is known.
    own: OwnAccount,
    /// The messages in a row that brought nothing.
    idle_hops: u32,
}

/// The run of a reconciliation, and what it is doing.
struct Work<'a> {
    run: Run<'a>,
    state: State,
}

impl Work<'_> {
    fn comparison(&self) -> Comparison<'_> {
        let Key { source, entity, .. } = self.run.key;
        Comparison {
            run: self.run.at.id,
            source,
            kind: entity,
            upper_bound: self.run.at.upper_bound,
        }
    }

    /// The run as which the items of a page are read.
    fn reads_as(&self) -> RunId {
        self.state.mend.map_or(self.run.at.id, |(key, _)| key.as_run())
    }
}

/// Reconciles the entity that `request` names, until both sides are equal or the time is up.
pub(crate) async fn serve<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    request: &FetchRequest,
    stop_at: Timestamp,
) -> Result<Outcome, FetchError> {
    let key = Key { source: vendor.name(), entity: &request.entity, mode: Mode::Reconcile };
    let lease = match pausing::take(ports, key, request).await? {
        Taken::Lease(lease) => lease,
        Taken::Ended(outcome) => return Ok(outcome),
    };
    if request.resume && lease.run.is_none() && !lease.requested {
        return last_report(ports, key, &lease).await;
    }
    held::allow(ports, request).await?;
    let work = open(ports, vendor, key, lease).await?;
    let (own, idle_hops) = (OwnAccount::default(), request.idle_hops);
    let mut reconciliation = Reconciliation { ports, vendor, work, own, idle_hops };
    let ended =
        match account::learn(ports, vendor, reconciliation.work.run.lease.failures > 0, stop_at)
            .await
        {
            Ok(own) => {
                reconciliation.own = own;
                reconciliation.go_on(stop_at).await
            }
            Err(error) => Err(error),
        };
    reconciliation.end(request, ended).await
}

/// Replies with the last report. The message came late, or a person asks how the reconciliation
/// ended.
async fn last_report<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    lease: &Lease,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    sync_state::release(&**connection, key, lease, now, now).await?;
    match report::latest(&**connection, key.source, key.entity).await? {
        Some(run) => Ok(Outcome::Reconciled(Report::of(&**connection, key, run).await?)),
        None => Ok(Outcome::NothingToResume),
    }
}

/// Loads the reconciliation under way, or opens one.
async fn open<'a, C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    key: Key<'a>,
    lease: Lease,
) -> Result<Work<'a>, FetchError> {
    let now = ports.clock.now();
    let mut connection = ports.database.connection().await?;
    let source = vendor.source().name();
    let too_old = |at: &RunUnderWay| ports.limits.is_too_old(source, at.started, now);
    let left = lease.run.clone();
    if let Some(at) = left.clone().filter(|at| !too_old(at))
        && let Some(state) = reconciliations::find(&**connection, at.id).await?
    {
        drop(connection);
        let mut run = Run::new(key, lease, at);
        if state.phase == Phase::Listing {
            run.adopt(&ports.database, vendor.source(), ports.clock.now()).await?;
        }
        return Ok(Work { run, state });
    }
    let Begin { position, upper_bound, .. } =
        vendor.source().begin(Mode::Full, Checkpoint::default(), now, &vendor.paging);
    let position = position.unwrap_or(Position { from: None, to: upper_bound, token: None });
    let run = Run::new(key, lease, RunUnderWay::begun(now, position, upper_bound));
    let tx = begin(&mut connection).await?;
    if let Some(left) = left {
        windows::forget(&tx, key).await?;
        sync_runs::record_error(&tx, left.id, (FailureClass::Transient, LEFT_TOO_LONG), true, now)
            .await?;
    }
    run.store_position(&tx, now).await?;
    sync_runs::begin(&tx, run.at.id, key, run.lease.watermark, None, now).await?;
    reconciliations::begin(&tx, run.at.id).await?;
    commit(tx).await?;
    let Key { source, entity, .. } = key;
    tracing::info!(event = "run_begun", run = %run.at.id, source, entity, mode = key.mode.as_str());
    Ok(Work { run, state: State { phase: Phase::Listing, round: 1, mend: None } })
}

impl<C: Clock, Q: Outlet> Reconciliation<'_, C, Q> {
    async fn go_on(&mut self, stop_at: Timestamp) -> Result<Stop, FetchError> {
        let mut unusable = Unusable::default();
        loop {
            if self.ports.clock.now() >= stop_at {
                return Ok(Stop::OutOfTime(Duration::ZERO));
            }
            match self.work.state.phase {
                Phase::Ended => return Ok(Stop::Done),
                Phase::Settling => {
                    // To find what is unseen reads all payments: not at every look at `process`.
                    if !self.is_settled().await? {
                        return Ok(Stop::OutOfTime(self.pause()));
                    }
                    if let Some(pause) = unseen::ask(self, stop_at).await? {
                        return Ok(Stop::OutOfTime(pause));
                    }
                    if !self.is_settled().await? {
                        return Ok(Stop::OutOfTime(self.pause()));
                    }
                    self.compare().await?;
                }
                Phase::Listing | Phase::Mending => {
                    unusable = match self.page(stop_at, unusable).await {
                        Err(FetchError::Vendor(VendorError::OutOfTime(pause))) => {
                            return Ok(Stop::OutOfTime(pause));
                        }
                        Err(FetchError::Vendor(VendorError::Throttled { pause, .. })) => {
                            return Ok(Stop::Throttled(pause));
                        }
                        other => other?,
                    }
                }
            }
        }
    }

    /// Ends the invocation by what stopped its work.
    async fn end(
        &self,
        request: &FetchRequest,
        ended: Result<Stop, FetchError>,
    ) -> Result<Outcome, FetchError> {
        let (ports, run) = (self.ports, &self.work.run);
        match ended {
            Ok(Stop::Done) => {
                let connection = ports.database.connection().await?;
                Ok(Outcome::Reconciled(Report::of(&**connection, run.key, run.at.id).await?))
            }
            Ok(Stop::OutOfTime(pause)) => ending::hand_over(ports, run, request, pause).await,
            Ok(Stop::Throttled(pause))
            | Err(FetchError::Vendor(VendorError::Throttled { pause, .. })) => {
                ending::wait(ports, run, request, pause).await
            }
            Err(FetchError::Store(e)) if e.was_under_way() => {
                ending::reconnect(ports, run, request, e).await
            }
            Err(e) => ending::give_up(ports, run, request, e).await,
        }
    }

    /// Asks for one page of the vendor's list and commits it. Returns the unusable replies in a
    /// row.
    async fn page(
        &mut self,
        stop_at: Timestamp,
        unusable: Unusable,
    ) -> Result<Unusable, FetchError> {
        let (source, paging) = (self.vendor.source(), &self.vendor.paging);
        let run = &self.work.run;
        // One segment at a time: windows first.
        let segment = run.segments().last().unwrap_or(Segment::Rest);
        let (entity, position) = (run.key.entity, run.position(segment));
        unusable.pause(&self.ports.clock).await;
        let request = source.request(entity, Mode::Full, position, paging);
        let client = &self.vendor.client;
        let fetched = match run.lease.failures {
            0 => client.ask(Mode::Full, &request, stop_at).await?,
            _ => client.ask_once(Mode::Full, &request, stop_at).await?,
        };
        let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
        let read_as = self.work.reads_as();
        match source.page(entity, Mode::Full, read_as, position, reply, paging) {
            Ok(page) => {
                self.commit_page(segment, page).await?;
                Ok(Unusable::default())
            }
            Err(error) => unusable.one_more(self.vendor.name(), error),
        }
    }

    /// Commits a page: its sums, its rows while mending, and the cursor past them, together or not
    /// at all.
    async fn commit_page(&mut self, segment: Segment, page: Page<'_>) -> Result<(), FetchError> {
        let Self { ports, vendor, work, own, .. } = self;
        let Page { items, next, .. } = page;
        let now = ports.clock.now();
        let sums = days::sums(vendor, work.run.key.entity, &items, *own)?;
        let mending = work.state.phase == Phase::Mending;
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let healed = work.run.heal(&tx, now).await?;
        reconciliations::add_theirs(&tx, work.run.at.id, work.state.round, &sums).await?;
        let rows = if mending {
            outbox::insert(&tx, work.run.arrival(now), &items).await?
        } else {
            Vec::new()
        };
        sync_runs::count_page(&tx, work.run.at.id, items.len(), rows.len(), now).await?;
        if work.run.step(&tx, segment, &next, now).await? {
            if !mending {
                compare::compare(&tx, work, now).await?;
            } else if let Some(position) = days::next(&tx, work).await? {
                // A window of mending is some days, and ends with them.
                work.run.at.position = position;
                work.run.store_position(&tx, now).await?;
            } else {
                compare::settle(&tx, work, now).await?;
            }
        }
        let shown = Shown::page(vendor.source().name(), items.len());
        ports.commit_rows(tx, &rows, shown).await?;
        drop(connection);
        work.run.progressed = true;
        work.run.new_rows += rows.len();
        if healed {
            pausing::note_healed(work.run.key, &mut work.run.lease);
        }
        circuit::note_closed(work.run.key, &mut work.run.lease);
        Ok(())
    }

    /// Returns the pause before the next check whether `process` is through.
    fn pause(&self) -> Duration {
        PAUSE.saturating_mul(self.idle_hops.saturating_add(1)).min(LONGEST_PAUSE)
    }

    /// Returns whether `process` is through with the rows of this run.
    async fn is_settled(&self) -> Result<bool, FetchError> {
        let connection = self.ports.database.connection().await?;
        Ok(!reconciliations::is_unsettled(&**connection, self.work.run.at.id).await?)
    }

    /// Compares again.
    async fn compare(&mut self) -> Result<(), FetchError> {
        let Self { ports, work, .. } = self;
        let mut connection = ports.database.connection().await?;
        let now = ports.clock.now();
        let tx = begin(&mut connection).await?;
        compare::compare(&tx, work, now).await?;
        commit(tx).await?;
        work.run.progressed = true;
        Ok(())
    }
}
