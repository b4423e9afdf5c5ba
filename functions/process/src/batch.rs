//! One batch in one transaction. It takes one round trip per kind of fact and five more. Neither
//! its size nor the number of sources adds any.

use std::collections::BTreeMap;
use std::time::Duration;

use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::facts::Tie;
use penstock_domain::ids::OutboxId;
use penstock_store::facts::{Batch, FactSet};
use penstock_store::not_ours::{self, Note};
use penstock_store::outbox::{self, Claimed, DeadRow};
use penstock_store::refetch::{self, Cause};
use penstock_store::{StoreError, Transaction, begin, commit, erased_names, sync_runs};

use crate::reading::{Readings, Screened, read};
use crate::tally::{Done, Tally};
use crate::{Ports, Reader};

/// The time that `relay` waits for the message that was sent with a request to refetch an object.
const REFETCH_PAUSE: Duration = Duration::from_secs(300);

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
        self.learn(&tx, &claimed).await?;
        let names = self.erased.names(&tx).await?;
        let screened: Vec<_> = claimed.iter().map(|row| Screened::of(*row, &names)).collect();
        let readings = read(&screened, &self.reader, &names);
        let Readings { facts, dead, not_ours, strangers, waiting, runs, replaced, forgotten } =
            readings;
        let held: Vec<OutboxId> = claimed.iter().map(|claimed| claimed.row.id).collect();
        let batch = Batch { rows: &held, find_ties: self.refetches.is_some(), now };
        // Before the facts, which take their objects from the payloads.
        erased_names::replace(&tx, &replaced).await?;
        let ties = facts.write(&tx, &batch).await?;
        request_refetches(&tx, &ties, &batch).await?;
        outbox::bury(&tx, &dead, now).await?;
        not_ours::insert(&tx, &not_ours, now).await?;
        let joined = strangers.write(&tx, now).await?;
        outbox::hold(&tx, &waiting, now).await?;
        sync_runs::count_processed(&tx, &runs.into_iter().collect::<Vec<_>>(), now).await?;
        erased_names::forget(&tx, &forgotten).await?;
        commit(tx).await?;
        self.backlog.grow(claimed.len());

        for row in &dead {
            // The reason is in the dead letter. It can repeat the body, so it is not logged (rule
            // 12).
            tally.log_dead(row.id, row.reason.kind);
        }
        log_others(&not_ours, &waiting);
        if !replaced.is_empty() || !forgotten.is_empty() {
            let (kept_without, forgotten) = (replaced.len(), forgotten.len());
            tracing::info!(event = "rows_of_erased_people", kept_without, forgotten);
        }
        for connection in &joined {
            tracing::info!(event = "account_connected", connection);
        }
        tally.not_ours += not_ours.len();
        let waits = |id| waiting.iter().any(|(waiting, _)| *waiting == id);
        for Claimed { row, received_at, attempts, .. } in
            claimed.iter().filter(|it| !waits(it.row.id))
        {
            let is_dead = dead.iter().any(|dead| dead.id == row.id);
            let done =
                Done { lag: elapsed(*received_at, now), attempts: *attempts.max(&1), is_dead };
            tally.count(self.reader.vendor(row.source), done);
        }
        tally.waiting.extend(waiting.into_iter().map(|(id, _)| id));
        tally.ties.extend(ties);
        if claimed.len() < ids.len() {
            // The missing rows were processed before, or another worker holds them. Only the latter
            // come again.
            let pending = outbox::pending(&**connection, ids).await?;
            let missing = pending.into_iter().map(|row| row.id);
            tally.left.extend(missing.filter(|id| !held.contains(id)));
        }
        Ok(())
    }

    /// Has the reader learn how rows of connections are read that were made while the system runs.
    async fn learn(&self, tx: &Transaction<'_>, rows: &[Claimed<'_>]) -> Result<(), StoreError> {
        let made = rows.iter().filter_map(|claimed| Some((claimed.row.source, claimed.stamp?)));
        let made: BTreeMap<&str, i64> = made.collect();
        if made.is_empty() { Ok(()) } else { self.reader.learn(tx, &made).await }
    }

    /// Marks a row dead and its object unreadable, in one transaction. It reads no payload: that
    /// may be what brought the process down. Returns the row's vendor, if the row is still there.
    pub(crate) async fn bury_with_object(
        &self,
        dead: &DeadRow,
    ) -> Result<Option<&'static str>, StoreError> {
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let rows = outbox::heads(&tx, &[dead.id]).await?;
        let mut facts = R::Facts::default();
        let heads = rows.read()?;
        self.learn(&tx, &heads).await?;
        let vendor = heads.first().map(|head| self.reader.vendor(head.row.source));
        for Claimed { row, .. } in heads {
            facts.append(self.reader.unreadable(row, dead.reason.kind));
        }
        facts.write(&tx, &Batch { rows: &[dead.id], find_ties: false, now }).await?;
        outbox::bury(&tx, std::slice::from_ref(dead), now).await?;
        commit(tx).await?;
        Ok(vendor)
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

/// Says how many rows of the batch are not ours or wait, by reason.
fn log_others(not_ours: &[Note<'_>], waiting: &[(OutboxId, &'static str)]) {
    let mut others: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for note in not_ours {
        *others.entry((note.source, note.reason.as_str())).or_default() += 1;
    }
    for ((source, reason), rows) in others {
        tracing::info!(event = "rows_not_ours", source, reason, rows);
    }
    if let Some((_, reason)) = waiting.first() {
        tracing::warn!(event = "rows_wait", rows = waiting.len(), reason);
    }
}
