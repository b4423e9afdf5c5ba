//! A run: page after page under a lease, from where the last invocation stopped.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::pull::{Next, PageError, Reply};
use penstock_domain::record::Item;
use penstock_domain::retry::backoff;
use penstock_domain::ticket;
use penstock_edge::telemetry::chain;
use penstock_store::outbox::{self, Arrival};
use penstock_store::sync_state::{Key, Lease, RunUnderWay};
use penstock_store::{begin, commit, sync_runs, sync_state};

use crate::{FetchError, Outcome, Ports, Vendor};

/// A page must be committed within this time of the one before, or another may take over. The fence, not
/// the clock, is what keeps two runs apart.
const LEASE: Duration = Duration::from_secs(120);

/// How often a reply that cannot be used is asked for again: a cut body is often whole the next time.
const UNUSABLE_REPLIES: u32 = 3;

/// Where an invocation leaves its run.
enum Stop {
    Drained,
    OutOfTime(Duration),
}

/// A run in the hands of this invocation.
struct Run<'a> {
    key: Key<'a>,
    lease: Lease,
    at: RunUnderWay,
    new_rows: usize,
}

/// Whether a run was left unfinished for so long that the vendor no longer shows all of its window.
fn outlived<C: Clock>(vendor: &Vendor<C>, key: Key<'_>, at: &RunUnderWay, now: Timestamp) -> bool {
    let begun_there = vendor.source().begin(key.mode, at.position.from, now, vendor.paging);
    key.mode == Mode::Incremental && begun_there.backfill.is_some()
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    pub(crate) async fn pull(
        &self,
        vendor: &Vendor<C>,
        request: &FetchRequest,
        stop_at: Timestamp,
    ) -> Result<Outcome, FetchError> {
        let key = Key { source: vendor.source().name(), entity: &request.entity, mode: request.mode };
        let now = self.clock.now();
        let lease = sync_state::acquire(&**self.database.connection().await?, key, now, now + LEASE).await?;
        let Some(lease) = lease else {
            let Key { source, entity, mode } = key;
            tracing::info!(event = "lease_busy", source, entity, mode = mode.as_str());
            return Ok(Outcome::Busy);
        };
        if request.resume && lease.run.is_none() && !lease.owed {
            sync_state::release(&**self.database.connection().await?, key, &lease, None, now, now).await?;
            return Ok(Outcome::NothingToResume);
        }
        let at = match &lease.run {
            Some(at) if !outlived(vendor, key, at, now) => at.clone(),
            _ => self.begin(vendor, key, &lease).await?,
        };
        let mut run = Run { key, lease, at, new_rows: 0 };
        match self.pages(vendor, &mut run, stop_at).await {
            Ok(Stop::Drained) => Ok(Outcome::Finished { run: run.at.id, new_rows: run.new_rows }),
            Ok(Stop::OutOfTime(pause)) => self.hand_over(&run, request, pause).await,
            Err(e) => self.give_up(&run, e).await,
        }
    }

    /// Opens a run. Where the cursor cannot tell all that changed, full runs are owed from the same
    /// transaction on.
    async fn begin(&self, vendor: &Vendor<C>, key: Key<'_>, lease: &Lease) -> Result<RunUnderWay, FetchError> {
        let source = vendor.source();
        let now = self.clock.now();
        let opened = source.begin(key.mode, lease.watermark, now, vendor.paging);
        let id = RunId::new(now);
        let at = RunUnderWay { id, position: opened.position, upper_bound: opened.upper_bound };
        let note = opened.backfill.as_ref().map(|why| format!("full runs requested: {why}"));
        let owed = source.entities(Mode::Full);

        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        sync_state::advance(&tx, key, lease, &at, now, now + LEASE).await?;
        sync_runs::begin(&tx, id, key, lease.watermark, note.as_deref(), now).await?;
        if let Some(left) = &lease.run {
            sync_runs::record_error(&tx, left.id, "left unfinished for so long that it cannot go on", true, now)
                .await?;
        }
        if note.is_some() {
            sync_state::owe(&tx, source.name(), owed, Mode::Full, now).await?;
        }
        commit(tx).await?;
        drop(connection);

        let Key { source: source_name, entity, mode } = key;
        tracing::info!(event = "run_begun", run = %id, source = source_name, entity, mode = mode.as_str(), note);
        if note.is_some() {
            let requests = owed.iter().map(|entity| FetchRequest::new(source.name(), entity, Mode::Full).resuming());
            let bodies = requests.filter_map(|r| serde_json::to_string(&r).ok()).collect();
            if let Err(error) = self.requests.send_all(bodies).await {
                // They are owed: relay asks for them.
                tracing::warn!(event = "requests_not_sent", error = chain(&error));
            }
        }
        Ok(at)
    }

    async fn pages(&self, vendor: &Vendor<C>, run: &mut Run<'_>, stop_at: Timestamp) -> Result<Stop, FetchError> {
        let source = vendor.source();
        let mut unusable = 0;
        loop {
            if self.clock.now() >= stop_at {
                return Ok(Stop::OutOfTime(Duration::ZERO));
            }
            let request = source.request(run.key.entity, run.key.mode, &run.at.position, vendor.paging);
            let fetched = match vendor.client.get(&request, stop_at).await {
                Err(VendorError::OutOfTime(pause)) => return Ok(Stop::OutOfTime(pause)),
                other => other?,
            };
            let reply = Reply { as_of: fetched.as_of, body: &fetched.body };
            match source.page(run.key.mode, run.at.id, &run.at.position, reply, vendor.paging) {
                Ok(page) => {
                    unusable = 0;
                    if self.take(run, &page.items, page.next).await? {
                        return Ok(Stop::Drained);
                    }
                }
                Err(error) => {
                    unusable += 1;
                    self.ask_again_or_fail(source.name(), error, unusable).await?;
                }
            }
        }
    }

    async fn ask_again_or_fail(
        &self,
        source_name: &'static str,
        error: PageError,
        unusable: u32,
    ) -> Result<(), FetchError> {
        if unusable == UNUSABLE_REPLIES {
            return Err(FetchError::Page { source_name, error });
        }
        tracing::warn!(event = "reply_unusable", source = source_name, unusable, error = error.to_string());
        self.clock.sleep(backoff(unusable, fastrand::u32(..))).await;
        Ok(())
    }

    /// Commits a page: its rows, the cursor past them and the count, together or not at all. The answer
    /// is whether the run is drained.
    async fn take(&self, run: &mut Run<'_>, items: &[Item<'_>], next: Next) -> Result<bool, FetchError> {
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
        let drained = match next {
            Next::Continue(position) => {
                run.at.position = position;
                sync_state::advance(&tx, run.key, &run.lease, &run.at, now, now + LEASE).await?;
                false
            }
            Next::Drained => {
                sync_state::finish(&tx, run.key, &run.lease, now).await?;
                true
            }
        };
        let new = outbox::insert(&tx, arrival, items).await?;
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
        }
        Ok(drained)
    }

    /// The time is up: the message goes on with the run, after the pause that the vendor asked for.
    async fn hand_over(&self, run: &Run<'_>, request: &FetchRequest, pause: Duration) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let pause = pause.min(MAX_DELAY);
        let connection = self.database.connection().await?;
        sync_state::release(&**connection, run.key, &run.lease, None, now, now + pause).await?;
        drop(connection);
        self.requests.send(serde_json::to_string(&request.clone().resuming())?, pause).await?;
        let (new_rows, pause_s) = (run.new_rows, pause.as_secs());
        tracing::info!(event = "run_continues", run = %run.at.id, new_rows, pause_s);
        Ok(Outcome::Continues { run: run.at.id, new_rows: run.new_rows })
    }

    /// Reports the error and frees the lease. A refused key halts the run until a person has seen to it;
    /// anything else the next invocation tries again from the same page.
    async fn give_up(&self, run: &Run<'_>, error: FetchError) -> Result<Outcome, FetchError> {
        let report = chain(&error);
        let halted = matches!(
            error,
            FetchError::Vendor(VendorError::Refused { .. } | VendorError::Rejected { .. } | VendorError::Setup(_))
        );
        let now = self.clock.now();
        let Key { source, entity, mode } = run.key;
        let mode = mode.as_str();
        tracing::error!(event = "run_failed", run = %run.at.id, source, entity, mode, halted, error = report);
        // Best effort: where Postgres itself is the trouble, the lease runs out.
        if let Ok(connection) = self.database.connection().await {
            drop(sync_runs::record_error(&**connection, run.at.id, &report, halted, now).await);
            let why = halted.then_some(report.as_str());
            drop(sync_state::release(&**connection, run.key, &run.lease, why, now, now).await);
        }
        Err(error)
    }
}
