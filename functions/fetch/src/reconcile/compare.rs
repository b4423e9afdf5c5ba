//! Compares both sides, and decides how the reconciliation goes on.

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use penstock_domain::reconcile::{MendKey, Phase};
use penstock_store::reconciliations::{self, State, report};
use penstock_store::sync_state::Key;
use penstock_store::{StoreError, Transaction, sync_runs, sync_state};

use super::{Work, days};
use crate::report::MOST;

/// The two sides are compared at most this often: on an account in use, one may move on between the
/// list and the comparison.
const ROUNDS: i16 = 3;

/// Compares the two sides as they are now. A difference is mended, or after the last round
/// reported.
pub(super) async fn compare(
    tx: &Transaction<'_>,
    work: &mut Work<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let round = work.state.round;
    let differences = reconciliations::compare(tx, work.comparison(), round).await?;
    let Key { source, entity, .. } = work.run.key;
    let run = work.run.at.id;
    tracing::info!(event = "compared", run = %run, source, entity, look = round, differences);
    if differences > 0 && round < ROUNDS {
        begin_mending(tx, work, now).await?;
    } else {
        end(tx, work, differences, now).await?;
    }
    reconciliations::advance(tx, run, work.state).await
}

async fn begin_mending(
    tx: &Transaction<'_>,
    work: &mut Work<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    work.state = State {
        phase: Phase::Mending,
        round: work.state.round + 1,
        mend: Some((MendKey(RunId::new(now).0), now)),
    };
    if let Some(position) = days::first(tx, work).await? {
        work.run.at.position = position;
    }
    work.run.store_position(tx, now).await
}

async fn end(
    tx: &Transaction<'_>,
    work: &mut Work<'_>,
    differences: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Key { source, entity, .. } = work.run.key;
    let (run, round) = (work.run.at.id, work.state.round);
    let found = report::count(tx, run, 1).await?;
    for difference in report::differences(tx, run, round, MOST).await? {
        let day = difference.day.to_string();
        let (currency, status) = (&difference.currency, &difference.status);
        let (theirs, ours) = (&difference.theirs_sum, &difference.ours_sum);
        tracing::warn!(event = "differs", run = %run, source, kind = entity, day, currency, status, theirs, ours);
    }
    work.state.phase = Phase::Ended;
    // `relay` asks for another one, if it was requested meanwhile.
    let _requested = sync_state::finish(tx, work.run.key, &work.run.lease, None, now).await?;
    sync_runs::succeed(tx, run, work.run.at.upper_bound, now).await?;
    let note = format!("{found} differences found, {differences} remain");
    sync_runs::note(tx, run, &note).await?;
    tracing::info!(event = "reconciled", run = %run, source, entity, found, remaining = differences);
    Ok(())
}

/// Ends the mending. Payments that the differing days did not show come next, and then `process` is
/// waited for.
pub(super) async fn settle(
    tx: &Transaction<'_>,
    work: &mut Work<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    work.state.phase = Phase::Settling;
    reconciliations::advance(tx, work.run.at.id, work.state).await?;
    work.run.store_position(tx, now).await
}
