//! Sweeps that are too large to be made without a person (docs/adr/0033-a-list-buries-nothing.md).

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::sweep::SweepLimit;
use penstock_store::held_sweeps::{self, HeldSweep};
use penstock_store::{GenericClient, StoreError};

use crate::ports::Ports;

/// Lets the held sweep through, if the request says so.
pub(crate) async fn allow<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    request: &FetchRequest,
) -> Result<(), StoreError> {
    if request.allow_sweep {
        let (connection, now) = (ports.database.connection().await?, ports.clock.now());
        held_sweeps::allow(&**connection, &request.source, &request.entity, now).await?;
    }
    Ok(())
}

/// Returns whether a sweep waits for a person, and holds it then.
pub(crate) async fn is_held(
    on: &impl GenericClient,
    limit: SweepLimit,
    sweep: HeldSweep<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let HeldSweep { source, entity, run, unseen, accounted } = sweep;
    if !limit.holds(unseen, accounted) || held_sweeps::is_allowed(on, source, entity).await? {
        return Ok(false);
    }
    if held_sweeps::hold(on, sweep, now).await? {
        tracing::error!(event = "sweep_held", %run, source, entity, unseen, accounted);
    }
    Ok(true)
}
