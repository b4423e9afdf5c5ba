//! Reconciling: the vendor's full list against payments, by day, currency and status; what differs is mended, and
//! compared again (docs/adr/0019).
//!
//! Listing stores nothing but sums, a page's with its cursor in one transaction. Where sums differ, the objects of
//! those days go through the outbox as a full run's do; what we have and the lists do not show gets a tombstone.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::paging::{Begin, Cursor, Next, Position, Reply};
use penstock_domain::reconcile::{MendKey, Phase};
use penstock_domain::record::Item;
use penstock_domain::source::Source;
use penstock_store::outbox::{self, Arrival};
use penstock_store::reconciliations::{self, Scope, Stand, report};
use penstock_store::sync_state::{Key, Lease, RunUnderWay};
use penstock_store::{Transaction, begin, commit, sync_runs, sync_state};

use crate::lanes::Lane;
use crate::pull::{LEASE, Run};
use crate::{FetchError, Outcome, Ports, Vendor};

mod days;
mod ghosts;
mod report_reply;

pub use report_reply::{Difference, Report};

/// Between two looks whether everything is processed.
const PAUSE: Duration = Duration::from_secs(10);

/// The two sides are compared this often at most. On an account in use one may move on between list and comparison.
const LOOKS: i16 = 3;

/// Where an invocation leaves a reconciliation.
enum Stop {
    Ended,
    OutOfTime(Duration),
}

/// A reconciliation in the hands of this invocation.
struct Work<'a> {
    run: Run<'a>,
    stand: Stand,
}

impl Work<'_> {
    fn scope(&self) -> Scope<'_> {
        let Key { source, entity, .. } = self.run.key;
        Scope { run: self.run.at.id, source, kind: entity, upper_bound: self.run.at.upper_bound }
    }

    /// As which run the items of a page are read.
    fn reads_as(&self) -> RunId {
        self.stand.mend.map_or(self.run.at.id, |(key, _)| key.as_run())
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    pub(crate) async fn reconcile(
        &self,
        vendor: &Vendor<C>,
        request: &FetchRequest,
        stop_at: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let key =
            Key { source: vendor.source().name(), entity: &request.entity, mode: Mode::Reconcile };
        let now = self.clock.now();
        let lease =
            sync_state::acquire(&**self.database.connection().await?, key, now, now + LEASE)
                .await?;
        let Some(lease) = lease else { return Ok(Outcome::Busy) };
        if request.resume && lease.run.is_none() && !lease.owed {
            return self.last_report(key, &lease).await;
        }
        let mut work = self.open(vendor, key, lease).await?;
        match self.work(vendor, &mut work, stop_at).await {
            Ok(Stop::Ended) => {
                let connection = self.database.connection().await?;
                Ok(Outcome::Reconciled(Report::of(&**connection, key, work.run.at.id).await?))
            }
            Ok(Stop::OutOfTime(pause)) => self.hand_over(&work.run, request, pause).await,
            Err(FetchError::Store(e)) if e.is_broken_connection() => {
                self.reconnect(&work.run, request, e).await
            }
            Err(e) => self.give_up(&work.run, e).await,
        }
    }

    /// The message came late, or somebody asks how it ended.
    async fn last_report(&self, key: Key<'_>, lease: &Lease) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let connection = self.database.connection().await?;
        sync_state::release(&**connection, key, lease, None, now, now).await?;
        match report::latest(&**connection, key.source, key.entity).await? {
            Some(run) => Ok(Outcome::Reconciled(Report::of(&**connection, key, run).await?)),
            None => Ok(Outcome::NothingToResume),
        }
    }

    /// Goes on with the reconciliation under way, or opens one.
    async fn open<'a>(
        &self,
        vendor: &Vendor<C>,
        key: Key<'a>,
        lease: Lease,
    ) -> Result<Work<'a>, FetchError> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        if let Some(at) = lease.run.clone()
            && let Some(stand) = reconciliations::find(&**connection, at.id).await?
        {
            drop(connection);
            let mut run = Run { key, lease, at, new_rows: 0 };
            if stand.phase == Phase::Listing {
                self.adopt(vendor, &mut run).await?;
            }
            return Ok(Work { run, stand });
        }
        let cursor = Cursor { watermark: None, token: None };
        let Begin { position, upper_bound, .. } =
            vendor.source().begin(Mode::Full, cursor, now, &vendor.paging);
        let position = position.unwrap_or(Position { from: None, to: upper_bound, token: None });
        let at = RunUnderWay::begun(now, position, upper_bound);
        let tx = begin(&mut connection).await?;
        sync_state::advance(&tx, key, &lease, &at, now, now + LEASE).await?;
        sync_runs::begin(&tx, at.id, key, lease.watermark, None, now).await?;
        reconciliations::begin(&tx, at.id).await?;
        commit(tx).await?;
        let Key { source, entity, .. } = key;
        tracing::info!(event = "run_begun", run = %at.id, source, entity, mode = key.mode.as_str());
        let stand = Stand { phase: Phase::Listing, look: 1, mend: None };
        Ok(Work { run: Run { key, lease, at, new_rows: 0 }, stand })
    }

    async fn work(
        &self,
        vendor: &Vendor<C>,
        work: &mut Work<'_>,
        stop_at: Timestamp,
    ) -> Result<Stop, FetchError> {
        let mut unusable = 0;
        loop {
            if self.clock.now() >= stop_at {
                return Ok(Stop::OutOfTime(Duration::ZERO));
            }
            match work.stand.phase {
                Phase::Ended => return Ok(Stop::Ended),
                Phase::Settling => {
                    let connection = self.database.connection().await?;
                    if reconciliations::is_unsettled(&**connection, work.run.at.id).await? {
                        return Ok(Stop::OutOfTime(PAUSE));
                    }
                    drop(connection);
                    self.settled(work).await?;
                }
                Phase::Listing | Phase::Mending => {
                    match self.page(vendor, work, stop_at, &mut unusable).await {
                        Err(FetchError::Vendor(VendorError::OutOfTime(pause))) => {
                            return Ok(Stop::OutOfTime(pause));
                        }
                        other => other?,
                    }
                }
            }
        }
    }

    /// One page of the vendor's list.
    async fn page(
        &self,
        vendor: &Vendor<C>,
        work: &mut Work<'_>,
        stop_at: Timestamp,
        unusable: &mut u32,
    ) -> Result<(), FetchError> {
        let (source, paging) = (vendor.source(), &vendor.paging);
        // One at a time: windows first.
        let lane = work.run.lanes().last().unwrap_or(Lane::Main);
        let position = work.run.position(lane).clone();
        self.rest_after(*unusable).await;
        let request = source.request(work.run.key.entity, Mode::Full, &position, paging);
        let fetched = vendor.client.ask(Mode::Full, &request, stop_at).await?;
        let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
        match source.page(
            work.run.key.entity,
            Mode::Full,
            work.reads_as(),
            &position,
            reply,
            paging,
        ) {
            Ok(page) => {
                *unusable = 0;
                self.take_in(source, work, lane, &page.items, page.next).await
            }
            Err(error) => {
                *unusable = self.one_more_unusable(source.name(), error, *unusable)?;
                Ok(())
            }
        }
    }

    /// Commits a page: its sums, where mending its rows, and the cursor past them, together or not at all.
    async fn take_in(
        &self,
        source: &dyn Source,
        work: &mut Work<'_>,
        lane: Lane,
        items: &[Item<'_>],
        next: Next,
    ) -> Result<(), FetchError> {
        let now = self.clock.now();
        let sums = days::sums(source, work.run.key.entity, items);
        let mending = work.stand.phase == Phase::Mending;
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        reconciliations::add_theirs(&tx, work.run.at.id, work.stand.look, &sums).await?;
        let mut rows = if mending {
            outbox::insert(&tx, self.arrival(work, now), items).await?
        } else {
            Vec::new()
        };
        sync_runs::count_page(&tx, work.run.at.id, items.len(), rows.len(), now).await?;
        if work.run.step(&tx, lane, &next, now).await? {
            if !mending {
                self.compare(&tx, work, now).await?;
            } else if let Some(position) = days::next(&tx, work).await? {
                // A window of mending is some days, and ends with them.
                work.run.at.position = position;
                sync_state::advance(
                    &tx,
                    work.run.key,
                    &work.run.lease,
                    &work.run.at,
                    now,
                    now + LEASE,
                )
                .await?;
            } else {
                rows.extend(self.all_mended(&tx, work, now).await?);
            }
        }
        commit(tx).await?;
        drop(connection);
        work.run.new_rows += rows.len();
        self.send_tickets(&rows).await;
        Ok(())
    }

    fn arrival<'a>(&self, work: &Work<'a>, now: Timestamp) -> Arrival<'a> {
        Arrival {
            source: work.run.key.source,
            content_type: "application/json",
            run: Some(work.run.at.id),
            received_at: now,
            ticket_due_at: now + penstock_domain::ticket::GRACE,
        }
    }

    /// The last of the differing days is through: what they did not show is gone, and the rest waits for `process`.
    async fn all_mended(
        &self,
        tx: &Transaction<'_>,
        work: &mut Work<'_>,
        now: Timestamp,
    ) -> Result<Vec<OutboxId>, FetchError> {
        let rows = ghosts::bury(tx, work, self.arrival(work, now), now).await?;
        work.stand.phase = Phase::Settling;
        reconciliations::advance(tx, work.run.at.id, work.stand).await?;
        sync_state::advance(tx, work.run.key, &work.run.lease, &work.run.at, now, now + LEASE)
            .await?;
        Ok(rows)
    }

    /// All is processed: time for the next comparison.
    async fn settled(&self, work: &mut Work<'_>) -> Result<(), FetchError> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        self.compare(&tx, work, now).await?;
        Ok(commit(tx).await?)
    }

    /// Compares the two sides as they are now. What differs is mended, or after the last look reported.
    async fn compare(
        &self,
        tx: &Transaction<'_>,
        work: &mut Work<'_>,
        now: Timestamp,
    ) -> Result<(), FetchError> {
        let look = work.stand.look;
        let differences = reconciliations::compare(tx, work.scope(), look).await?;
        let Key { source, entity, .. } = work.run.key;
        let run = work.run.at.id;
        tracing::info!(event = "compared", run = %run, source, entity, look, differences);
        if differences > 0 && look < LOOKS {
            work.stand = Stand {
                phase: Phase::Mending,
                look: look + 1,
                mend: Some((MendKey(RunId::new(now).0), now)),
            };
            if let Some(position) = days::first(tx, work).await? {
                work.run.at.position = position;
            }
            sync_state::advance(tx, work.run.key, &work.run.lease, &work.run.at, now, now + LEASE)
                .await?;
        } else {
            let found = report::count(tx, run, 1).await?;
            for difference in report::differences(tx, run, look, report_reply::MOST).await? {
                let day = difference.day.to_string();
                let (currency, status) = (&difference.currency, &difference.status);
                let (theirs, ours) = (&difference.theirs_sum, &difference.ours_sum);
                tracing::warn!(event = "differs", run = %run, source, kind = entity, day, currency, status, theirs, ours);
            }
            work.stand.phase = Phase::Ended;
            // `relay` asks for another one, if it is owed.
            let _owed = sync_state::finish(tx, work.run.key, &work.run.lease, None, now).await?;
            sync_runs::succeed(tx, run, work.run.at.upper_bound, now).await?;
            let note = format!("{found} differences found, {differences} remain");
            sync_runs::note(tx, run, &note).await?;
            tracing::info!(event = "reconciled", run = %run, source, entity, found, remaining = differences);
        }
        Ok(reconciliations::advance(tx, run, work.stand).await?)
    }
}
