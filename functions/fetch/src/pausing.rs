//! Pulls that a vendor refuses: told once, tried again by themselves, and more and more seldom.

use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::pauses::{self, Pause, Refusal, Scope};
use penstock_store::sync_state::{self, Key, Lease};
use penstock_store::{Database, StoreError, begin, circuits, commit};

use crate::circuit;
use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::ports::Ports;
use crate::run::LEASE;

/// The result of taking a lease.
pub(crate) enum Taken {
    Lease(Lease),
    /// The lease is held, or the pull is paused and not to be tried yet.
    Ended(Outcome),
}

/// Takes the lease on a pull, for `request`.
pub(crate) async fn take<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    request: &FetchRequest,
) -> Result<Taken, FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    if request.unpause {
        pauses::try_now(&**connection, key, now).await?;
        circuits::try_now(&**connection, key.source, now).await?;
    }
    if let Some(lease) = sync_state::acquire(&**connection, key, now, now + LEASE).await? {
        return Ok(Taken::Lease(lease));
    }
    let paused = pauses::of(&**connection, key).await?;
    drop(connection);
    if paused.is_none()
        && let Some(outcome) = circuit::rests(ports, key, request).await?
    {
        return Ok(Taken::Ended(outcome));
    }
    let Key { source, entity, mode } = key;
    let mode = mode.as_str();
    Ok(Taken::Ended(match paused {
        Some(Pause { since, next_try_at, .. }) if next_try_at > now => {
            tracing::info!(event = "pull_still_paused", source, entity, mode, %next_try_at);
            Outcome::Paused { since, next_try_at }
        }
        _ => {
            tracing::info!(event = "lease_busy", source, entity, mode);
            Outcome::Busy
        }
    }))
}

/// Returns what a refusal concerns; `None` if the error is no refusal and the next invocation tries
/// the same again.
pub(crate) fn refused(error: &FetchError) -> Option<Scope> {
    match error {
        FetchError::Vendor(VendorError::Refused { status: 400 | 401, .. }) => Some(Scope::Source),
        FetchError::Vendor(
            VendorError::Refused { .. } | VendorError::Rejected { .. } | VendorError::Setup(_),
        ) => Some(Scope::Pull),
        _ => None,
    }
}

/// Pauses a pull that was refused, and frees its lease. It only frees the lease if a request is
/// newer than that.
pub(crate) async fn pause(
    database: &Database,
    key: Key<'_>,
    lease: &Lease,
    why: &str,
    scope: Scope,
    clock: &impl Clock,
) -> Result<Refusal, StoreError> {
    let mut connection = database.connection().await?;
    let tx = begin(&mut connection).await?;
    let refusal = pauses::pause(&tx, key, lease, why, scope, clock.now()).await?;
    // A vendor that refuses answers.
    circuit::close(&tx, key, lease).await?;
    commit(tx).await?;
    let Key { source, entity, mode } = key;
    let mode = mode.as_str();
    match &refusal {
        Refusal::Paused(Pause { since, next_try_at, .. }) if lease.paused => {
            tracing::info!(event = "pull_still_paused", source, entity, mode, %since, %next_try_at, why);
        }
        Refusal::Paused(Pause { next_try_at, .. }) => {
            tracing::error!(event = "pull_paused", source, entity, mode, %next_try_at, why);
        }
        Refusal::Outdated => {
            tracing::info!(event = "refusal_outdated", source, entity, mode, why);
        }
        Refusal::Lost => {}
    }
    Ok(refusal)
}

/// Notes that a pull is no longer paused, and tells it. [`pauses::heal`] is in the transaction
/// before.
pub(crate) fn note_healed(key: Key<'_>, lease: &mut Lease) {
    lease.paused = false;
    let Key { source, entity, mode } = key;
    tracing::info!(event = "pull_resumed", source, entity, mode = mode.as_str());
}

/// How a lease ended after an error.
pub(crate) struct Ended {
    /// Whether the pull is paused now.
    pub paused: bool,
    /// The outcome of the invocation, or its error. A pause that was told before is no error.
    pub outcome: Result<Outcome, FetchError>,
}

/// Ends a lease after an error: pauses what was refused, and otherwise frees the lease. A refusal
/// that a request has outdated is no error either: the pull is asked for again.
pub(crate) async fn end<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    lease: &Lease,
    error: FetchError,
) -> Ended {
    let Some(scope) = refused(&error) else {
        return Ended { paused: false, outcome: Err(let_go(ports, key, lease, error).await) };
    };
    let why = chain(&error);
    // Best effort: where Postgres itself fails, the lease runs out.
    match pause(&ports.database, key, lease, &why, scope, &ports.clock).await {
        Ok(Refusal::Paused(Pause { since, next_try_at, .. })) => {
            let outcome = Outcome::Paused { since, next_try_at };
            Ended { paused: true, outcome: if lease.paused { Ok(outcome) } else { Err(error) } }
        }
        Ok(Refusal::Outdated) => {
            let Key { source, entity, mode } = key;
            ports.ask_for_runs(source, &[entity], mode).await;
            Ended { paused: false, outcome: Ok(Outcome::RefusalOutdated) }
        }
        Ok(Refusal::Lost) | Err(_) => Ended { paused: false, outcome: Err(error) },
    }
}

/// Frees a lease under which no run could be opened, so that the message finds it free when it
/// comes again. Returns the error that was passed in.
pub(crate) async fn let_go<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    lease: &Lease,
    error: FetchError,
) -> FetchError {
    let now = ports.clock.now();
    // Best effort: where Postgres itself fails, the lease runs out.
    if let Ok(connection) = ports.database.connection().await {
        drop(sync_state::release(&**connection, key, lease, now, now).await);
    }
    error
}
