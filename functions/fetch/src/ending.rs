//! How an invocation ends a run that is not drained: for now, for a person, or for good.

use std::time::Duration;

use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_clients::vendor::{LONGEST_WAIT, VendorError};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source::{self, Source};
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::owed::{self, Unless};
use penstock_store::sync_state::{Key, Lease};
use penstock_store::{StoreError, begin, commit, sync_runs, sync_state};

use crate::pull::Run;
use crate::{FetchError, Outcome, Ports, Vendor};

/// After a limit that ends runs, such as HubSpot's daily one, the vendor is asked again this often: when it is
/// over is nowhere said in a form to rely on, and a refusal costs one request.
const LIMITED: Duration = Duration::from_secs(60 * 60);

/// Why what is owed of a source is not gone on with.
const NOT_CONFIGURED: &str = "the source is not configured in this deployment";

/// Between a connection that broke and the next.
const RECONNECT: Duration = Duration::from_secs(5);

/// The full runs that make up for a cursor of `entity` that is no use: its own, or where it has none (Stripe's
/// events) those of everything.
pub(crate) fn full_runs_for<'a>(source: &dyn Source, entity: &'a str) -> Vec<&'a str> {
    let all = source.entities(Mode::Full);
    if all.contains(&entity) { vec![entity] } else { all.to_vec() }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// The time is up: the message goes on with the run, after the pause that the vendor asked for.
    pub(crate) async fn hand_over(
        &self,
        run: &Run<'_>,
        request: &FetchRequest,
        asked_for: Duration,
    ) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let pause = asked_for.min(MAX_DELAY);
        let connection = self.database.connection().await?;
        if pause > LONGEST_WAIT {
            let waits = format!(
                "the vendor asks for a pause of {} s; asked again after {} s",
                asked_for.as_secs(),
                pause.as_secs()
            );
            sync_runs::note(&**connection, run.at.id, &waits).await?;
        }
        sync_state::release(&**connection, run.key, &run.lease, None, now, now + pause).await?;
        drop(connection);
        self.requests.send(serde_json::to_string(&request.clone().resuming())?, pause).await?;
        let (new_rows, pause_s) = (run.new_rows, pause.as_secs());
        tracing::info!(event = "run_continues", run = %run.at.id, new_rows, pause_s);
        Ok(Outcome::Continues { run: run.at.id, new_rows: run.new_rows })
    }

    /// Frees a lease under which no run could be opened, so that the message finds it free when it comes again.
    pub(crate) async fn let_go(
        &self,
        key: Key<'_>,
        lease: &Lease,
        error: FetchError,
    ) -> FetchError {
        let now = self.clock.now();
        // Best effort: where Postgres itself is the trouble, the lease runs out.
        if let Ok(connection) = self.database.connection().await {
            drop(sync_state::release(&**connection, key, lease, None, now, now).await);
        }
        error
    }

    /// A connection broke off in the middle of a page, as when its login is rotated or a proxy starts anew. Whether that
    /// page stands, Postgres knows: over another connection, the next invocation goes on from what does.
    pub(crate) async fn reconnect(
        &self,
        run: &Run<'_>,
        request: &FetchRequest,
        error: StoreError,
    ) -> Result<Outcome, FetchError> {
        let (report, now) = (chain(&error), self.clock.now());
        tracing::warn!(event = "connection_broke", run = %run.at.id, error = report);
        // Where there is no other connection, this is the end of the invocation, as of any.
        let Ok(connection) = self.database.connection().await else { return Err(error.into()) };
        sync_runs::record_error(&**connection, run.at.id, &report, false, now).await?;
        drop(connection);
        self.hand_over(run, request, RECONNECT).await
    }

    /// Somebody asks to go on with what this deployment does not pull, or pulls no more. What is owed of it stays, for the
    /// day on which it does; until then it waits for a person, as `relay` would ask again and again.
    ///
    /// # Errors
    /// [`FetchError::Unknown`] where nobody but the message says that there is such a thing.
    pub(crate) async fn leave(&self, request: &FetchRequest) -> Result<Outcome, FetchError> {
        let FetchRequest { source, entity, mode, .. } = request;
        let known = source::find(source)
            .is_some_and(|source| source.entities(*mode).contains(&entity.as_str()));
        let configured = self.vendors.iter().any(|vendor| vendor.source().name() == source);
        if !known || configured || !(request.resume || *mode == Mode::Object) {
            return Err(FetchError::unknown(request));
        }
        tracing::warn!(event = "not_configured", source, entity, mode = mode.as_str());
        if *mode != Mode::Object {
            let (key, now) = (Key { source, entity, mode: *mode }, self.clock.now());
            let connection = self.database.connection().await?;
            if let Some(lease) = sync_state::acquire(&**connection, key, now, now).await? {
                if let Some(left) = &lease.run {
                    sync_runs::record_error(&**connection, left.id, NOT_CONFIGURED, true, now)
                        .await?;
                }
                sync_state::release(&**connection, key, &lease, Some(NOT_CONFIGURED), now, now)
                    .await?;
            }
        }
        Ok(Outcome::NotConfigured)
    }

    /// Reports the error and frees the lease. A refused key halts the run until a person has seen to it;
    /// anything else the next invocation tries again from the same page.
    pub(crate) async fn give_up(
        &self,
        run: &Run<'_>,
        error: FetchError,
    ) -> Result<Outcome, FetchError> {
        let report = chain(&error);
        let halted = matches!(
            error,
            FetchError::Vendor(
                VendorError::Refused { .. } | VendorError::Rejected { .. } | VendorError::Setup(_)
            )
        );
        let now = self.clock.now();
        let Key { source, entity, mode } = run.key;
        let mode = mode.as_str();
        tracing::error!(event = "run_failed", run = %run.at.id, source, entity, mode, halted, error = report);
        if matches!(error, FetchError::Store(StoreError::FenceLost(_))) {
            // Whoever has the lease now goes on with the run, or has ended it: its report is theirs.
            return Err(error);
        }
        // Best effort: where Postgres itself is the trouble, the lease runs out.
        if let Ok(connection) = self.database.connection().await {
            drop(sync_runs::record_error(&**connection, run.at.id, &report, halted, now).await);
            let why = halted.then_some(report.as_str());
            drop(sync_state::release(&**connection, run.key, &run.lease, why, now, now).await);
        }
        Err(error)
    }

    /// The vendor gives no more for now: the run stays as it is, says so, and is asked for again.
    pub(crate) async fn stop(&self, run: &Run<'_>, reason: String) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let Key { source, entity, mode } = run.key;
        tracing::warn!(event = "run_stopped", run = %run.at.id, source, entity, mode = mode.as_str(), reason);
        let connection = self.database.connection().await?;
        sync_runs::record_error(&**connection, run.at.id, &reason, true, now).await?;
        sync_state::release(&**connection, run.key, &run.lease, None, now, now + LIMITED).await?;
        Ok(Outcome::Stopped { run: run.at.id, reason })
    }

    /// The cursor is no use any more: the run ends, and full runs are owed from the same transaction on.
    pub(crate) async fn start_over(
        &self,
        vendor: &Vendor<C>,
        run: &Run<'_>,
        reason: String,
    ) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let Key { source, entity, mode } = run.key;
        tracing::warn!(event = "run_starts_over", run = %run.at.id, source, entity, mode = mode.as_str(), reason);
        let entities = full_runs_for(vendor.source(), entity);
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        // A full run itself is under way until it is abandoned, and is owed all the same.
        let unless = if mode == Mode::Full { Unless::Never } else { Unless::OwedOrUnderWay };
        let owed =
            owed::owe(&tx, source, &entities, Mode::Full, Some(&reason), unless, now).await?;
        sync_state::abandon(&tx, run.key, &run.lease, now).await?;
        sync_runs::record_error(&tx, run.at.id, &reason, true, now).await?;
        commit(tx).await?;
        drop(connection);
        if mode != Mode::Full {
            // A full run that starts over waits for `relay`: at once it would be refused again.
            self.ask_for_runs(source, &owed, Mode::Full).await;
        }
        Ok(Outcome::StartsOver { run: run.at.id, reason })
    }

    /// There is nothing to page through before full runs have brought a cursor: they are owed, once.
    pub(crate) async fn leave_to_full_runs(
        &self,
        vendor: &Vendor<C>,
        key: Key<'_>,
        lease: &Lease,
        reason: String,
    ) -> Result<Outcome, FetchError> {
        let now = self.clock.now();
        let Key { source, entity, mode } = key;
        tracing::info!(event = "left_to_full_runs", source, entity, mode = mode.as_str(), reason);
        let entities = full_runs_for(vendor.source(), entity);
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let owed = owed::owe(
            &tx,
            source,
            &entities,
            Mode::Full,
            Some(&reason),
            Unless::OwedOrUnderWay,
            now,
        )
        .await?;
        sync_state::abandon(&tx, key, lease, now).await?;
        if let Some(left) = &lease.run {
            sync_runs::record_error(&tx, left.id, &reason, true, now).await?;
        }
        commit(tx).await?;
        drop(connection);
        self.ask_for_runs(source, &owed, Mode::Full).await;
        Ok(Outcome::LeftToFullRuns { reason })
    }

    /// Sends what was committed as owed. A message that is lost `relay` sends again.
    pub(crate) async fn ask_for_runs(
        &self,
        source: &str,
        entities: &[impl AsRef<str>],
        mode: Mode,
    ) {
        let requests = entities
            .iter()
            .map(|entity| FetchRequest::new(source, entity.as_ref(), mode).resuming());
        let bodies: Vec<String> = requests.filter_map(|r| serde_json::to_string(&r).ok()).collect();
        if bodies.is_empty() {
            return;
        }
        if let Err(error) = self.requests.send_all(bodies).await {
            tracing::warn!(event = "requests_not_sent", error = chain(&error));
        }
    }
}
