//! One batch in one transaction. It takes one round trip per kind of fact and three more, whatever
//! its size and however many sources its rows come from.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::Tie;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::record::RowView;
use penstock_store::facts::{Batch, FactSet};
use penstock_store::outbox::{self, Claimed, DeadRow};
use penstock_store::refetch::{self, Cause};
use penstock_store::sync_runs::{self, RunTally};
use penstock_store::{StoreError, Transaction, begin, commit};

use crate::{Ports, Reader, Tally};

/// The time that `relay` waits for the message that was sent with a request to refetch an object.
const REFETCH_PAUSE: Duration = Duration::from_secs(300);

/// The rows of a batch, read.
#[derive(Default)]
struct Readings<F> {
    facts: F,
    dead: Vec<DeadRow>,
    runs: BTreeMap<RunId, RunTally>,
}

impl<C: Clock, Q: Outlet, R: Reader> Ports<C, Q, R> {
    /// Claims, reads, writes, marks and commits, or leaves everything as it was.
    pub(crate) async fn work_part(
        &self,
        ids: &[OutboxId],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let rows = outbox::claim(&tx, ids, now).await?;
        let claimed = rows.read()?;
        let Readings { facts, dead, runs } = read(&claimed, &self.reader);
        let held: Vec<OutboxId> = claimed.iter().map(|claimed| claimed.row.id).collect();
        let batch = Batch { rows: &held, find_ties: self.refetches.is_some(), now };
        let ties = facts.write(&tx, &batch).await?;
        request_refetches(&tx, &ties, &batch).await?;
        outbox::bury(&tx, &dead, now).await?;
        sync_runs::count_processed(&tx, &runs.into_iter().collect::<Vec<_>>(), now).await?;
        commit(tx).await?;

        for row in &dead {
            // The reason is in the dead letter. It can repeat the body, so it is not logged (rule
            // 12).
            let kind = row.reason.kind.as_str();
            tracing::warn!(event = "row_dead", outbox_id = %row.id, kind);
        }
        tally.dead += dead.len();
        tally.processed += claimed.len() - dead.len();
        tally.ties.extend(ties);
        if claimed.len() < ids.len() {
            // The missing rows were processed before, or another worker holds them. Only the latter
            // come again.
            let pending = outbox::pending(&**connection, ids).await?;
            tally.left.extend(pending.into_iter().map(|(id, _)| id));
        }
        Ok(())
    }
}

/// Requests the objects of `ties` from `fetch`, in the transaction that found them.
async fn request_refetches(
    tx: &Transaction<'_>,
    ties: &[Tie],
    batch: &Batch<'_>,
) -> Result<(), StoreError> {
    if ties.is_empty() {
        return Ok(());
    }
    let objects: Vec<_> = ties
        .iter()
        .map(|tie| (tie.source.as_str(), tie.entity.as_str(), tie.external_id.as_str()))
        .collect();
    refetch::request(tx, &objects, Cause::Tied, batch.now, batch.now + REFETCH_PAUSE).await
}

fn read<'a, R: Reader>(claimed: &[Claimed<'a>], reader: &R) -> Readings<R::Facts<'a>> {
    let mut readings = Readings::<R::Facts<'a>>::default();
    for Claimed { row, run } in claimed {
        let result = read_one(*row, reader);
        let outcome = run.map(|run| readings.runs.entry(run).or_default());
        match result {
            Ok(facts) => {
                if let Some(outcome) = outcome {
                    outcome.processed += 1;
                    outcome.unmapped.extend(facts.unmapped());
                }
                readings.facts.append(facts);
            }
            Err(reason) => {
                if let Some(outcome) = outcome {
                    outcome.dead += 1;
                }
                readings.dead.push(DeadRow { id: row.id, reason });
            }
        }
    }
    readings
}

/// Reads one row. A panic makes this row dead and no other.
fn read_one<'a, R: Reader>(row: RowView<'a>, reader: &R) -> Result<R::Facts<'a>, Reason> {
    catch_unwind(AssertUnwindSafe(|| reader.read(row))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Reason::new(ReasonKind::Panicked, format!("our code panicked: {said}")))
    })
}
