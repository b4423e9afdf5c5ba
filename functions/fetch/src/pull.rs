//! A run: page after page under a lease, from where the last invocation stopped.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::paging::{Begin, Cursor, Next, PageError};
use penstock_domain::record::Item;
use penstock_domain::retry::backoff;
use penstock_domain::ticket;
use penstock_store::outbox::{self, Arrival};
use penstock_store::sync_state::owed::{self, Unless};
use penstock_store::sync_state::{Key, Lease, RunUnderWay, windows};
use penstock_store::{begin, commit, sync_runs, sync_state};

use crate::ending::full_runs_for;
use crate::lanes::{Lane, Stop};
use crate::sweep::{hand_on, sweep};
use crate::{FetchError, Outcome, Ports, Vendor};

/// A page must be committed within this time of the one before, or another may take over. The fence, not
/// the clock, is what keeps two runs apart.
pub(crate) const LEASE: Duration = Duration::from_secs(120);

/// How often a reply that cannot be used is asked for again: a cut body is often whole the next time.
const UNUSABLE_REPLIES: u32 = 3;

/// What becomes of a run that has outlived its window.
const LEFT_TOO_LONG: &str = "left unfinished for so long that it cannot go on";

/// A run in the hands of this invocation.
pub(crate) struct Run<'a> {
    pub key: Key<'a>,
    pub lease: Lease,
    pub at: RunUnderWay,
    pub new_rows: usize,
}

/// Whether a run was left unfinished for so long that the vendor no longer shows all of its window.
fn outlived<C: Clock>(
    vendor: &Vendor<C>,
    key: Key<'_>,
    lease: &Lease,
    at: &RunUnderWay,
    now: Timestamp,
) -> bool {
    let there = Cursor { watermark: at.position.from, ..lease.reached() };
    let begun_there = vendor.source().begin(key.mode, there, now, &vendor.paging);
    key.mode == Mode::Incremental && begun_there.backfill.is_some()
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    pub(crate) async fn pull(
        &self,
        vendor: &Vendor<C>,
        request: &FetchRequest,
        stop_at: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let key =
            Key { source: vendor.source().name(), entity: &request.entity, mode: request.mode };
        let now = self.clock.now();
        let lease =
            sync_state::acquire(&**self.database.connection().await?, key, now, now + LEASE)
                .await?;
        let Some(lease) = lease else {
            let Key { source, entity, mode } = key;
            tracing::info!(event = "lease_busy", source, entity, mode = mode.as_str());
            return Ok(Outcome::Busy);
        };
        if request.resume && lease.run.is_none() && !lease.owed {
            sync_state::release(&**self.database.connection().await?, key, &lease, None, now, now)
                .await?;
            return Ok(Outcome::NothingToResume);
        }
        let at = match &lease.run {
            Some(at) if !outlived(vendor, key, &lease, at, now) => at.clone(),
            _ => match self.begin(vendor, key, &lease).await {
                Ok(Ok(at)) => at,
                Ok(Err(outcome)) => return Ok(outcome),
                Err(e) => return Err(self.let_go(key, &lease, e).await),
            },
        };
        let mut run = Run { key, lease, at, new_rows: 0 };
        if key.mode == Mode::Full {
            self.adopt(vendor, &mut run).await?;
        }
        match self.pages(vendor, &mut run, stop_at).await {
            Ok(Stop::Drained) => Ok(Outcome::Finished { run: run.at.id, new_rows: run.new_rows }),
            Ok(Stop::OutOfTime(pause)) => self.hand_over(&run, request, pause).await,
            Err(FetchError::Vendor(VendorError::Stopped { reason, .. })) => {
                self.stop(&run, reason).await
            }
            Err(FetchError::Vendor(VendorError::StartOver { reason, .. })) => {
                self.start_over(vendor, &run, reason).await
            }
            Err(FetchError::Store(e)) if e.is_broken_connection() => {
                self.reconnect(&run, request, e).await
            }
            Err(e) => self.give_up(&run, e).await,
        }
    }

    /// Opens a run. Where the cursor cannot tell all that changed, full runs are owed from the same
    /// transaction on; where it cannot tell anything, they are all there is, and how that ends is the `Err`.
    async fn begin(
        &self,
        vendor: &Vendor<C>,
        key: Key<'_>,
        lease: &Lease,
    ) -> Result<Result<RunUnderWay, Outcome>, FetchError> {
        let source = vendor.source();
        let now = self.clock.now();
        let Begin { position, upper_bound, backfill } =
            source.begin(key.mode, lease.reached(), now, &vendor.paging);
        let Some(position) = position else {
            let why = backfill.unwrap_or_else(|| "there is no cursor".to_owned());
            return self.leave_to_full_runs(vendor, key, lease, why).await.map(Err);
        };
        let at = RunUnderWay::begun(now, position, upper_bound);
        let note = match (&backfill, &lease.owed_why) {
            (Some(why), _) => Some(format!("full runs requested: {why}")),
            (None, Some(why)) => Some(format!("requested: {why}")),
            (None, None) => None,
        };

        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        // Full pulls' rows before incremental ones', as a full run does that hands its cursor on.
        let owed = match &backfill {
            Some(why) => {
                let entities = full_runs_for(source, key.entity);
                owed::owe(&tx, source.name(), &entities, Mode::Full, Some(why), Unless::Never, now)
                    .await?
            }
            None => Vec::new(),
        };
        if lease.run.as_ref().is_some_and(|left| !left.windows.is_empty()) {
            windows::forget(&tx, key).await?;
        }
        sync_state::advance(&tx, key, lease, &at, now, now + LEASE).await?;
        sync_runs::begin(&tx, at.id, key, lease.watermark, note.as_deref(), now).await?;
        if let Some(left) = &lease.run {
            sync_runs::record_error(&tx, left.id, LEFT_TOO_LONG, true, now).await?;
        }
        commit(tx).await?;
        drop(connection);

        let Key { source: source_name, entity, mode } = key;
        tracing::info!(event = "run_begun", run = %at.id, source = source_name, entity, mode = mode.as_str(), note);
        self.ask_for_runs(source_name, &owed, Mode::Full).await;
        Ok(Ok(at))
    }

    /// Counts a reply that cannot be used; the third in a row is an error.
    pub(crate) fn one_more_unusable(
        &self,
        source_name: &'static str,
        error: PageError,
        before: u32,
    ) -> Result<u32, FetchError> {
        let unusable = before + 1;
        if unusable == UNUSABLE_REPLIES {
            return Err(FetchError::Page { source_name, error });
        }
        tracing::warn!(
            event = "reply_unusable",
            source = source_name,
            unusable,
            error = error.to_string()
        );
        Ok(unusable)
    }

    /// The pause before asking again after so many replies that could not be used.
    pub(crate) async fn rest_after(&self, unusable: u32) {
        if unusable > 0 {
            self.clock.sleep(backoff(unusable, fastrand::u32(..))).await;
        }
    }

    /// Commits a page: its rows, the cursor past them and the count, together or not at all. The answer
    /// is whether the run is drained.
    pub(crate) async fn take(
        &self,
        vendor: &Vendor<C>,
        run: &mut Run<'_>,
        lane: Lane,
        items: &[Item<'_>],
        next: Next,
    ) -> Result<bool, FetchError> {
        let now = self.clock.now();
        let arrival = Arrival {
            source: run.key.source,
            content_type: "application/json",
            run: Some(run.at.id),
            received_at: now,
            ticket_due_at: now + ticket::GRACE,
        };
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let drained = run.step(&tx, lane, &next, now).await?;
        let mut owed_since = false;
        if drained {
            let cursor =
                if let Next::Drained { cursor } = &next { cursor.as_deref() } else { None };
            owed_since = sync_state::finish(&tx, run.key, &run.lease, cursor, now).await?;
            if let Some(cursor) = cursor {
                hand_on(&tx, vendor.source(), run, cursor, now).await?;
            }
        }
        let mut new = outbox::insert(&tx, arrival, items).await?;
        if drained {
            // After the page's own rows: what it shows has not vanished.
            new.extend(sweep(&tx, vendor, run, arrival).await?);
        }
        sync_runs::count_page(&tx, run.at.id, items.len(), new.len(), now).await?;
        if drained {
            sync_runs::succeed(&tx, run.at.id, run.at.upper_bound, now).await?;
        }
        commit(tx).await?;
        drop(connection);

        run.new_rows += new.len();
        self.send_tickets(&new).await;
        if drained {
            let Key { source, entity, mode } = run.key;
            let new_rows = run.new_rows;
            tracing::info!(event = "run_succeeded", run = %run.at.id, source, entity, mode = mode.as_str(), new_rows);
            if owed_since {
                // The message of that has found the lease busy.
                self.ask_for_runs(source, &[entity], mode).await;
            }
        }
        Ok(drained)
    }
}
