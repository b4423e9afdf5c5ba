//! Circuits: a connection whose vendor does not answer, or makes it wait, rests. Meanwhile none of
//! its pulls holds an environment, and afterwards one request finds out
//! (docs/adr/0046-turns-and-circuits.md).

use std::time::Duration;

use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::FetchRequest;
use penstock_store::circuits::{self, Circuit, Failure};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::sync_state::{Key, Lease};
use penstock_store::{GenericClient, StoreError};

use crate::error::FetchError;
use crate::outcome::Outcome;
use crate::ports::Ports;

/// After a rest of up to this long, a message goes on with the pull that failed. After a longer one
/// `relay` asks for all pulls of the connection: one that fails by itself must not always be the
/// one that finds out.
const SOON: Duration = Duration::from_secs(60);

/// A connection that rests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    /// How long.
    pub lasts: Duration,
    /// Whether the pull that has failed is asked for by a message.
    pub by_message: bool,
}

/// Opens the circuit after an invocation that brought nothing since `lease` was taken, or keeps it
/// open for longer. `asked_for` is the pause that the vendor wants.
pub(crate) async fn open<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    lease: &Lease,
    why: &str,
    asked_for: Duration,
) -> Result<Rest, StoreError> {
    let (now, known) = (ports.clock.now(), lease.failures);
    let connection = ports.database.connection().await?;
    let failure = Failure { known, why, asked_for };
    let opened = circuits::open(&**connection, key.source, failure, now).await?;
    let lasts = match opened {
        Some(rest) => rest,
        // Another invocation has failed at the same time.
        None => circuits::of(&**connection, key.source)
            .await?
            .map_or(Duration::ZERO, |it| elapsed(now, it.rests_until))
            .max(asked_for.min(MAX_DELAY)),
    };
    let (source, rest_s) = (key.source, lasts.as_secs());
    if opened.is_some() {
        let failures = known.saturating_add(1);
        tracing::warn!(event = "connection_rests", source, failures, rest_s, why);
    }
    Ok(Rest { lasts, by_message: lasts <= SOON || lasts <= asked_for })
}

/// Closes the circuit if `lease` was taken to find out whether the vendor answers: it does.
pub(crate) async fn close(
    on: &impl GenericClient,
    key: Key<'_>,
    lease: &Lease,
) -> Result<(), StoreError> {
    if lease.failures > 0 {
        circuits::close(on, key.source).await?;
    }
    Ok(())
}

/// Notes that the circuit is closed, and tells it. [`close`] was committed before.
pub(crate) fn note_closed(key: Key<'_>, lease: &mut Lease) {
    if lease.failures > 0 {
        tracing::info!(
            event = "connection_answers",
            source = key.source,
            failures = lease.failures
        );
        lease.failures = 0;
    }
}

/// Returns the outcome of a request whose connection rests; `None` if it does not. The request is
/// kept: what a message does not resume is committed as requested, and `relay` asks for it.
pub(crate) async fn rests<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    key: Key<'_>,
    request: &FetchRequest,
) -> Result<Option<Outcome>, FetchError> {
    let now = ports.clock.now();
    let connection = ports.database.connection().await?;
    let Some(Circuit { rests_until, .. }) = circuits::of(&**connection, key.source).await? else {
        return Ok(None);
    };
    if rests_until <= now {
        return Ok(None);
    }
    let Key { source, entity, mode } = key;
    if !request.resume {
        let unless = Unless::GoingOn;
        pending::request(&**connection, source, &[entity], mode, None, unless, now).await?;
    }
    tracing::info!(event = "pull_rests", source, entity, mode = mode.as_str(), %rests_until);
    Ok(Some(Outcome::Rests { until: rests_until }))
}
