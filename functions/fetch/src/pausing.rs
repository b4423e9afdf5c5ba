//! Pulls that a vendor refuses: told once, tried again by themselves, and more and more seldom.

use penstock_clients::queue::Outlet;
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::pauses::{self, Pause, Scope};
use penstock_store::sync_state::{self, Key, Lease};
use penstock_store::{Database, StoreError, begin, commit};

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
    }
    if let Some(lease) = sync_state::acquire(&**connection, key, now, now + LEASE).await? {
        return Ok(Taken::Lease(lease));
    }
    let Key { source, entity, mode } = key;
    let mode = mode.as_str();
    Ok(Taken::Ended(match pauses::of(&**connection, key).await? {
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

/// Pauses a pull that was refused, and frees its lease. Returns the pause if it has lasted already:
/// it was told then, and is no error now.
pub(crate) async fn pause(
    database: &Database,
    key: Key<'_>,
    lease: &Lease,
    why: &str,
    scope: Scope,
    clock: &impl Clock,
) -> Result<Option<Outcome>, StoreError> {
    let mut connection = database.connection().await?;
    let tx = begin(&mut connection).await?;
    let paused = pauses::pause(&tx, key, lease, why, scope, clock.now()).await?;
    commit(tx).await?;
    let Some(Pause { since, next_try_at, .. }) = paused else { return Ok(None) };
    let Key { source, entity, mode } = key;
    let mode = mode.as_str();
    if lease.paused {
        tracing::info!(event = "pull_still_paused", source, entity, mode, %since, %next_try_at, why);
        return Ok(Some(Outcome::Paused { since, next_try_at }));
    }
    tracing::error!(event = "pull_paused", source, entity, mode, %next_try_at, why);
    Ok(None)
}

/// Notes that a pull is no longer paused, and tells it. [`pauses::heal`] is in the transaction
/// before.
pub(crate) fn note_healed(key: Key<'_>, lease: &mut Lease) {
    lease.paused = false;
    let Key { source, entity, mode } = key;
    tracing::info!(event = "pull_resumed", source, entity, mode = mode.as_str());
}

/// Ends a lease after an error: pauses what was refused, and otherwise frees the lease. Returns the
/// outcome of a pause that was told before, and else the error.
pub(crate) async fn end<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    lease: &Lease,
    error: FetchError,
) -> Result<Outcome, FetchError> {
    if let Some(scope) = refused(&error) {
        let why = chain(&error);
        let paused = pause(&ports.database, key, lease, &why, scope, &ports.clock).await;
        return paused.ok().flatten().ok_or(error);
    }
    Err(let_go(ports, key, lease, error).await)
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
