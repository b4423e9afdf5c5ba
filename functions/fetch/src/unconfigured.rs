//! Requests for a source that this deployment does not pull, or no longer pulls.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_store::sync_state::Key;
use penstock_store::sync_state::pauses::Scope;
use penstock_store::{sync_runs, sync_state};

use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::pausing;
use crate::ports::Ports;

/// Stored as the reason for which the run waits.
const NOT_CONFIGURED: &str = "the source is not configured in this deployment";

/// Leaves a requested run as it is until the source is configured. The run is paused, because
/// `relay` would ask for it again each few minutes.
///
/// # Errors
/// [`FetchError::Unknown`] where only the message says that there is such a source or entity.
pub(crate) async fn leave<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    request: &FetchRequest,
) -> Result<Outcome, FetchError> {
    let FetchRequest { source, entity, mode, .. } = request;
    let known = source::find(source)
        .is_some_and(|source| source.entities(*mode).contains(&entity.as_str()));
    let configured = ports.vendors.iter().any(|vendor| vendor.source().name() == source);
    if !known || configured || !(request.resume || *mode == Mode::Refetch) {
        return Err(FetchError::unknown(request));
    }
    tracing::warn!(event = "not_configured", source, entity, mode = mode.as_str());
    pause(ports, Key { source, entity, mode: *mode }).await?;
    Ok(Outcome::NotConfigured)
}

async fn pause<C: Clock, Q: Outlet>(ports: &Ports<C, Q>, key: Key<'_>) -> Result<(), FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    if let Some(lease) = sync_state::acquire(&**connection, key, now, now).await? {
        if let Some(left) = &lease.run {
            sync_runs::record_error(&**connection, left.id, NOT_CONFIGURED, true, now).await?;
        }
        drop(connection);
        let (database, clock) = (&ports.database, &ports.clock);
        pausing::pause(database, key, &lease, NOT_CONFIGURED, Scope::Pull, clock).await?;
    }
    Ok(())
}
