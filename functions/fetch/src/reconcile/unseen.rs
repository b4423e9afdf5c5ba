//! Payments of ours that the vendor's lists did not show: each is asked for by its id, and gets a
//! tombstone only if the vendor does not have it (trap 72).

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::vendor::{Fetched, VendorError};
use penstock_domain::clock::{Clock, earlier};
use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::Reply;
use penstock_domain::reconcile::MendKey;
use penstock_domain::record::{Item, full_run_key, vanished_movement};
use penstock_edge::telemetry::chain;
use penstock_store::held_sweeps::{self, HeldSweep};
use penstock_store::reconciliations::{self, Answered, Unseen};
use penstock_store::{begin, outbox};

use super::Reconciliation;
use crate::error::FetchError;
use crate::held;
use crate::ports::Shown;
use crate::refetch::of_kind;

/// Payments a statement.
const CHUNK: i64 = 500;

/// Asks for each payment that the differing days' lists did not show. Returns the pause after which
/// it goes on if the time is up, and `None` if nothing is left to ask for.
///
/// Only payments older than the lists' lag are asked for. If they are more than the deployment
/// allows, a person must say that they are gone. Until then the report shows the difference.
pub(super) async fn ask<C: Clock, Q: Outlet>(
    of: &mut Reconciliation<'_, C, Q>,
    stop_at: Timestamp,
) -> Result<Option<Duration>, FetchError> {
    let Some((key, since)) = of.work.state.mend else { return Ok(None) };
    // After a clock that was ahead this one says nothing.
    let begun = if since > of.ports.clock.now() { Timestamp::UNIX_EPOCH } else { since };
    let shown_as = full_run_key(key.as_run());
    let answered = Answered { shown_as, gone_as: gone_key(key), since: begun };
    let older_than = earlier(since, of.vendor.source().list_lag());
    if is_held(of, &answered, older_than).await? {
        return Ok(None);
    }
    let (mut gone, mut after) = (0_usize, String::new());
    loop {
        let connection = of.ports.database.connection().await?;
        let (on, round) = (&**connection, of.work.state.round - 1);
        let unseen = reconciliations::unseen(
            on,
            of.work.comparison(),
            round,
            (&answered, older_than),
            (&after, CHUNK),
        );
        let unseen = unseen.await?;
        drop(connection);
        let Some(last) = unseen.last() else { break };
        after.clone_from(&last.external_id);
        for payment in &unseen {
            if of.ports.clock.now() >= stop_at {
                return Ok(Some(Duration::ZERO));
            }
            match ask_one(of, &answered, payment, stop_at).await {
                Ok(is_gone) => gone += usize::from(is_gone),
                Err(FetchError::Vendor(VendorError::OutOfTime(pause))) => return Ok(Some(pause)),
                // One that cannot be read keeps no other from its answer. It stays as it is, and
                // its day stays a difference in the report.
                Err(
                    error @ (FetchError::Page { .. }
                    | FetchError::Vendor(VendorError::Rejected { .. })),
                ) => {
                    let (id, error) = (&payment.external_id, chain(&error));
                    tracing::warn!(event = "payment_not_read", id, error);
                }
                Err(error) => return Err(error),
            }
        }
    }
    let (source, kind) = (of.work.run.key.source, of.work.run.key.entity);
    let connection = of.ports.database.connection().await?;
    held_sweeps::clear(&**connection, source, kind).await?;
    if gone > 0 {
        tracing::warn!(event = "ghosts_buried", run = %of.work.run.at.id, source, kind, rows = gone);
    }
    Ok(None)
}

/// The version key of the tombstones of one mending.
fn gone_key(key: MendKey) -> String {
    format!("gone:{}", key.0)
}

/// Returns whether the payments are too many to be asked for without a person.
async fn is_held<C: Clock, Q: Outlet>(
    of: &Reconciliation<'_, C, Q>,
    answered: &Answered,
    older_than: Timestamp,
) -> Result<bool, FetchError> {
    let (work, now) = (&of.work, of.ports.clock.now());
    let (source, entity, run) = (work.run.key.source, work.run.key.entity, work.run.at.id);
    let connection = of.ports.database.connection().await?;
    let round = work.state.round - 1;
    let (unseen, accounted) = reconciliations::count_unseen(
        &**connection,
        work.comparison(),
        round,
        (answered, older_than),
    )
    .await?;
    let sweep = HeldSweep { source, entity, run, unseen, accounted };
    Ok(held::is_held(&**connection, of.ports.limits.sweep, sweep, now).await?)
}

/// Asks for one payment and stores the answer: the object as the lists would have shown it, or a
/// tombstone of the moment when the vendor said that it is gone. Returns whether it is gone.
async fn ask_one<C: Clock, Q: Outlet>(
    of: &mut Reconciliation<'_, C, Q>,
    answered: &Answered,
    payment: &Unseen,
    stop_at: Timestamp,
) -> Result<bool, FetchError> {
    let (source, kind) = (of.vendor.source(), of.work.run.key.entity);
    let request = source.object_request(kind, &payment.external_id, &of.vendor.paging);
    let fetched: Result<Fetched, Timestamp> =
        match of.vendor.client.ask(Mode::Reconcile, &request, stop_at).await {
            Ok(fetched) => Ok(fetched),
            Err(VendorError::Gone { as_of, .. }) => Err(as_of),
            Err(error) => return Err(error.into()),
        };
    let Unseen { external_id, amount, currency, occurred_at } = payment;
    let tombstone = vanished_movement(kind, external_id, *amount, currency, *occurred_at);
    let item = match &fetched {
        Ok(Fetched { as_of, body }) => {
            let run = of.work.reads_as();
            let item = source.object(kind, run, Reply { as_of: *as_of, body });
            let item =
                item.and_then(|item| of_kind(source, item, kind, &payment.external_id)).map_err(
                    |error| FetchError::Page { source_name: of.vendor.name().to_owned(), error },
                )?;
            let (external_id, version_key) = (external_id.clone(), answered.shown_as.clone());
            Item { external_id, version_key, ..item }
        }
        Err(as_of) => Item {
            entity: kind.to_owned(),
            external_id: external_id.clone(),
            version_key: answered.gone_as.clone(),
            version_at: *as_of,
            api_version: None,
            payload: &tombstone,
        },
    };
    let now = of.ports.clock.now();
    let mut connection = of.ports.database.connection().await?;
    let tx = begin(&mut connection).await?;
    of.work.run.store_position(&tx, now).await?;
    let rows = outbox::insert(&tx, of.work.run.arrival(now), &[item]).await?;
    of.ports.commit_rows(tx, &rows, Shown::object(of.vendor.source().name())).await?;
    of.work.run.progressed = true;
    of.work.run.new_rows += rows.len();
    Ok(fetched.is_err())
}
