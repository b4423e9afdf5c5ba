//! How an invocation ends a run that is not drained: for now, until the vendor accepts it again, or
//! for good.

use std::time::Duration;

use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, MAX_IDLE_HOPS, Mode};
use penstock_domain::ids::RunId;
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::pending::Unless;
use penstock_store::sync_state::{Key, Lease};
use penstock_store::{StoreError, Transaction, begin, commit, sync_runs, sync_state};

use crate::circuit::{self, Rest};
use crate::error::FetchError;
use crate::full_runs;
use crate::outcome::Outcome;
use crate::pausing::{self, Ended};
use crate::ports::Ports;
use crate::run::Run;
use crate::vendors::Vendor;

/// The pause after a limit that ends runs, such as HubSpot's daily one. No vendor says in a
/// reliable form when such a limit is over, and a refusal costs one request.
const LIMITED: Duration = Duration::from_secs(60 * 60);

/// The pause between a connection that broke and the next.
const RECONNECT: Duration = Duration::from_secs(5);

/// The pause after a statement that Postgres had to end: a table is locked, or the server is slow.
const BLOCKED: Duration = Duration::from_secs(30);

/// The pause after messages that brought nothing. A rule may ask for the run sooner.
pub(crate) const STALLED: Duration = Duration::from_secs(15 * 60);

/// Sends the message that goes on with the run, after a pause. A run
/// that many messages in a row have not moved is left to `relay` and the rules.
pub(crate) async fn hand_over<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    request: &FetchRequest,
    asked_for: Duration,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let pause = asked_for.min(MAX_DELAY);
    let Some(next) = request.next_hop(run.progressed) else {
        return stall(ports, run, pause).await;
    };
    let connection = ports.database.connection().await?;
    sync_state::release(&**connection, run.key, &run.lease, now, now + pause).await?;
    drop(connection);
    ports.requests.send(serde_json::to_string(&next)?, pause).await?;
    let (new_rows, pause_s) = (run.new_rows, pause.as_secs());
    tracing::info!(event = "run_continues", run = %run.at.id, new_rows, pause_s);
    Ok(Outcome::Continues { run: run.at.id, new_rows: run.new_rows })
}

/// Ends the invocation of a run that the vendor makes wait. Its connection rests, and the run goes
/// on afterwards.
pub(crate) async fn wait<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    request: &FetchRequest,
    asked_for: Duration,
) -> Result<Outcome, FetchError> {
    let why = format!("the vendor asks for a pause of {} s", asked_for.as_secs());
    let rest = circuit::open(ports, run.key, &run.lease, &why, asked_for).await?;
    let rest_s = rest.lasts.as_secs();
    let connection = ports.database.connection().await?;
    let waits = format!("{why}; asked again after {rest_s} s");
    sync_runs::note(&**connection, run.at.id, &waits).await?;
    drop(connection);
    resume_after(ports, run, request, rest).await?;
    let new_rows = run.new_rows;
    tracing::info!(event = "run_continues", run = %run.at.id, new_rows, pause_s = rest_s);
    Ok(Outcome::Continues { run: run.at.id, new_rows })
}

/// Frees the lease of a run whose connection rests, and sends the message that goes on with it, if
/// it goes on by one. Such a message does not count as one that brought nothing: rests grow.
async fn resume_after<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    request: &FetchRequest,
    rest: Rest,
) -> Result<(), FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    sync_state::release(&**connection, run.key, &run.lease, now, now + rest.lasts).await?;
    drop(connection);
    if rest.by_message {
        let next = FetchRequest { ids: Vec::new(), ..request.clone().resuming() };
        ports.requests.send(serde_json::to_string(&next)?, rest.lasts).await?;
    }
    Ok(())
}

/// Leaves the run as it is, after messages that did not move it: one that did go on would do so for
/// ever, and Lambda lets it (trap 66).
async fn stall<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    asked_for: Duration,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let reason = format!("{MAX_IDLE_HOPS} messages in a row have not moved it");
    note_stalled(run.key, Some(run.at.id));
    let connection = ports.database.connection().await?;
    sync_runs::record_error(
        &**connection,
        run.at.id,
        (FailureClass::Dependency, &reason),
        true,
        now,
    )
    .await?;
    let quiet_until = now + asked_for.max(STALLED);
    sync_state::release(&**connection, run.key, &run.lease, now, quiet_until).await?;
    Ok(Outcome::Stopped { run: run.at.id, reason })
}

/// Tells that a pull goes on by no further message. An alarm counts these lines.
pub(crate) fn note_stalled(key: Key<'_>, run: Option<RunId>) {
    let Key { source, entity, mode } = key;
    let (run, hops) = (run.map(|run| run.to_string()), MAX_IDLE_HOPS);
    tracing::error!(event = "pull_stalled", run, source, entity, mode = mode.as_str(), hops);
}

/// Goes on after a connection broke in the middle of a page, as when its login is rotated or a
/// proxy restarts, or after a statement of the page was given up. Only Postgres knows whether that
/// page is committed, so the next invocation reads its position over another connection.
pub(crate) async fn reconnect<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    request: &FetchRequest,
    error: StoreError,
) -> Result<Outcome, FetchError> {
    let (report, class, now) = (chain(&error), error.class(), ports.clock.now());
    let pause = if error.is_broken_connection() { RECONNECT } else { BLOCKED };
    tracing::warn!(event = "connection_broke", run = %run.at.id, error = report);
    let handed_over = async {
        let connection = ports.database.connection().await?;
        sync_runs::record_error(&**connection, run.at.id, (class, &report), false, now).await?;
        drop(connection);
        hand_over(ports, run, request, pause).await
    };
    // Without another connection the invocation fails, as it does where Postgres is away.
    handed_over.await.map_err(|_| error.into())
}

/// Reports the error and frees the lease. If the vendor does not answer, its connection rests, and
/// the run goes on afterwards. What the vendor refuses is paused, and tried again ever more seldom.
/// After any other error the next invocation tries the same page again.
///
/// # Errors
/// The error that was passed in, unless it is of a pause that was told before, or a newer request
/// has outdated it.
pub(crate) async fn give_up<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    request: &FetchRequest,
    error: FetchError,
) -> Result<Outcome, FetchError> {
    let (mut report, class) = (chain(&error), error.class());
    let lost = matches!(error, FetchError::Store(StoreError::FenceLost(_)));
    let Ended { paused, outcome } = match lost {
        // The invocation that has the lease now reports on the run.
        true => Ended { paused: false, outcome: Err(error) },
        false if error.is_silence() => {
            // Best effort: where Postgres itself fails, the lease runs out, and `relay` asks again.
            let asked_for = Duration::ZERO;
            if let Ok(rest) = circuit::open(ports, run.key, &run.lease, &report, asked_for).await {
                report = format!("{report}; asked again after {} s", rest.lasts.as_secs());
                if let Err(error) = resume_after(ports, run, request, rest).await {
                    tracing::warn!(event = "requests_not_sent", error = chain(&error));
                }
            }
            Ended { paused: false, outcome: Err(error) }
        }
        false => pausing::end(ports, run.key, &run.lease, error).await,
    };
    let Key { source, entity, mode } = run.key;
    if outcome.is_err() {
        let mode = mode.as_str();
        tracing::error!(event = "run_failed", run = %run.at.id, source, entity, mode, halted = paused, error = report);
    }
    // Best effort: where Postgres itself fails, nothing can be reported.
    if !lost && let Ok(connection) = ports.database.connection().await {
        let now = ports.clock.now();
        drop(
            sync_runs::record_error(&**connection, run.at.id, (class, &report), paused, now).await,
        );
    }
    outcome
}

/// Leaves the run as it is, with the vendor's reason in its report. `relay` asks for it again when
/// the limit may be over.
pub(crate) async fn stop<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    run: &Run<'_>,
    reason: String,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let Key { source, entity, mode } = run.key;
    tracing::warn!(event = "run_stopped", run = %run.at.id, source, entity, mode = mode.as_str(), reason);
    let connection = ports.database.connection().await?;
    sync_runs::record_error(
        &**connection,
        run.at.id,
        (FailureClass::Dependency, &reason),
        true,
        now,
    )
    .await?;
    sync_state::release(&**connection, run.key, &run.lease, now, now + LIMITED).await?;
    Ok(Outcome::Stopped { run: run.at.id, reason })
}

/// Tells that a list ended without what a complete one ends with. The run ends all the same, and
/// the next one begins anew from the cursor that was there before.
pub(crate) async fn note_incomplete(
    tx: &Transaction<'_>,
    run: &Run<'_>,
    reason: &'static str,
) -> Result<(), StoreError> {
    let Key { source, entity, mode } = run.key;
    tracing::warn!(event = "list_incomplete", run = %run.at.id, source, entity, mode = mode.as_str(), reason);
    sync_runs::note(tx, run.at.id, &format!("kept what came, marked nothing as gone: {reason}"))
        .await
}

/// Ends a run whose cursor has expired, and requests full runs in the same transaction.
pub(crate) async fn start_over<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    run: &Run<'_>,
    reason: String,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let Key { source: name, entity, mode } = run.key;
    tracing::warn!(event = "run_starts_over", run = %run.at.id, source = name, entity, mode = mode.as_str(), reason);
    let mut connection = ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    // A full run is itself under way until it is abandoned below, and must be requested all the
    // same.
    let unless = if mode == Mode::Full { Unless::Never } else { Unless::RequestedOrUnderWay };
    let requested = full_runs::request(&tx, vendor, entity, &reason, unless, now).await?;
    sync_state::abandon(&tx, run.key, &run.lease, now).await?;
    sync_runs::record_error(&tx, run.at.id, (FailureClass::Transient, &reason), true, now).await?;
    commit(tx).await?;
    drop(connection);
    if mode != Mode::Full {
        // A full run that starts over waits for `relay`: at once it would be refused again.
        ports.ask_for_runs(name, &requested, Mode::Full).await;
    }
    Ok(Outcome::StartsOver { run: run.at.id, reason })
}

/// Frees the lease where there is nothing to page through before full runs have brought a cursor.
/// They are requested, once.
pub(crate) async fn leave_to_full_runs<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    vendor: &Vendor<C>,
    key: Key<'_>,
    lease: &Lease,
    reason: String,
) -> Result<Outcome, FetchError> {
    let now = ports.clock.now();
    let Key { source: name, entity, mode } = key;
    tracing::info!(
        event = "left_to_full_runs",
        source = name,
        entity,
        mode = mode.as_str(),
        reason
    );
    let mut connection = ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    let unless = Unless::RequestedOrUnderWay;
    let requested = full_runs::request(&tx, vendor, entity, &reason, unless, now).await?;
    sync_state::abandon(&tx, key, lease, now).await?;
    if let Some(left) = &lease.run {
        sync_runs::record_error(&tx, left.id, (FailureClass::Transient, &reason), true, now)
            .await?;
    }
    commit(tx).await?;
    drop(connection);
    ports.ask_for_runs(name, &requested, Mode::Full).await;
    Ok(Outcome::LeftToFullRuns { reason })
}
