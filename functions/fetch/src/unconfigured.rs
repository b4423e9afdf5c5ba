//! Requests for a source that this deployment does not pull, or no longer pulls.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source::{self, Source};
use penstock_store::sync_state::Key;
use penstock_store::sync_state::pauses::Scope;
use penstock_store::{sync_runs, sync_state};

use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::pausing;
use crate::ports::Ports;

/// Stored as the reason for which the run waits.
const NOT_CONFIGURED: &str = "the source is not configured in this deployment";

/// Leaves a requested run as it is until the source is configured.
///
/// # Errors
/// [`FetchError::Unknown`] if the connection or entity is known from the message only.
pub(crate) async fn leave_unknown<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    request: &FetchRequest,
) -> Result<Outcome, FetchError> {
    let source = source::find(&request.source).map(|source| source as &dyn Source);
    if request.resume || request.mode == Mode::Refetch {
        return leave(ports, source, request, NOT_CONFIGURED).await;
    }
    Err(FetchError::unknown(source, request))
}

/// Leaves a run of a connection that cannot be reached as its variables are. The run is paused for
/// this reason, because `relay` would request it again every few minutes.
///
/// # Errors
/// [`FetchError::Unknown`] if the source has no such entity.
pub(crate) async fn leave<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    known: Option<&dyn Source>,
    request: &FetchRequest,
    why: &str,
) -> Result<Outcome, FetchError> {
    let FetchRequest { source, entity, mode, .. } = request;
    if !known.is_some_and(|known| known.entities(*mode).contains(&entity.as_str())) {
        return Err(FetchError::unknown(known, request));
    }
    tracing::warn!(event = "not_configured", source, entity, mode = mode.as_str(), why);
    pause(ports, Key { source, entity, mode: *mode }, why).await?;
    Ok(Outcome::NotConfigured)
}

async fn pause<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    why: &str,
) -> Result<(), FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    if let Some(lease) = sync_state::acquire(&**connection, key, now, now).await? {
        if let Some(left) = &lease.run {
            sync_runs::record_error(
                &**connection,
                left.id,
                (FailureClass::Permanent, why),
                true,
                now,
            )
            .await?;
        }
        drop(connection);
        let (database, clock) = (&ports.database, &ports.clock);
        pausing::pause(database, key, &lease, why, Scope::Pull, clock).await?;
    }
    Ok(())
}
