//! Rows whose message has come before. Each attempt at them is committed before it is made, and is
//! taken back unless it ended. Known deaths of processes count against a row, and in the end the
//! attempts that nobody took back (docs/adr/0034-evidence.md).

use std::time::Duration;

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::FailureClass;
use penstock_domain::ids::OutboxId;
use penstock_edge::telemetry::chain;
use penstock_store::outbox::{self, DeadRow, PendingRow};
use penstock_store::{Database, StoreError};
use tokio::time::timeout;

use crate::{Ports, Reader, Tally, UNKNOWN_VENDOR, Witness};

/// The time for taking attempts back, or for counting deaths. It fits into the reserve.
const PATIENCE: Duration = Duration::from_secs(3);

impl<C: Clock, Q: Outlet, R: Reader> Ports<C, Q, R> {
    /// Brings Postgres up to date with what earlier invocations of this environment left: deaths
    /// that are known, and attempts that could not be taken back.
    pub(crate) async fn prepare(&self) {
        match timeout(PATIENCE, count_deaths(&self.database, &self.witness)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(held)) => tracing::warn!(event = "deaths_not_counted", held),
            Ok(Err(error)) => tracing::warn!(event = "deaths_not_counted", error = chain(&error)),
            Err(_) => {
                // The next statement would wait behind this one.
                self.database.end_idle().await;
                tracing::warn!(event = "deaths_not_counted", patience_s = PATIENCE.as_secs());
            }
        }
        self.return_attempts().await;
    }

    /// Takes back the attempts that did not end. What cannot be taken back now is at the next
    /// invocation.
    pub(crate) async fn return_attempts(&self) {
        self.witness.erase();
        let begun = self.witness.begun();
        if begun.is_empty() {
            return;
        }
        // Over a new connection: the one that was used may just have been ended.
        self.database.close_idle();
        let returning = async {
            let connection = self.database.connection().await?;
            outbox::return_attempt(&**connection, &begun).await
        };
        match timeout(PATIENCE, returning).await {
            Ok(Ok(settled)) => self.witness.ended(&settled),
            Ok(Err(error)) => {
                tracing::warn!(
                    event = "attempts_not_returned",
                    rows = begun.len(),
                    error = chain(&error)
                );
            }
            Err(_) => {
                self.database.end_idle().await;
                tracing::warn!(event = "attempts_not_returned", rows = begun.len());
            }
        }
    }

    /// Notes on rows that Postgres could not take now why they are still pending, for the operator
    /// who asks. While it cannot be reached, there is nothing to note that on.
    pub(crate) async fn note_blocked(&self, ids: &[OutboxId], outcome: Result<&(), &StoreError>) {
        let Err(error) = outcome else { return };
        if error.class() != FailureClass::Transient {
            return;
        }
        let noting = async {
            let connection = self.database.connection().await?;
            outbox::note_blocked(&**connection, ids, &error.reason(), self.clock.now()).await
        };
        if let Err(error) = self.database.within(PATIENCE, noting).await {
            let error: StoreError = error;
            tracing::warn!(event = "failure_not_noted", rows = ids.len(), error = chain(&error));
        }
    }

    /// Works rows whose message has come before: an earlier receive failed, or the process died in
    /// it.
    ///
    /// Returns the rows that are to be given up. Rows without an attempt are worked as a batch once
    /// more; after an outage these are all. If the process dies of that, they are worked alone the
    /// next time. Rows that never brought a process down alone go first, so that the row to blame
    /// cannot hold them up.
    pub(crate) async fn work_carefully(
        &self,
        ids: &[OutboxId],
        tally: &mut Tally,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let pending = outbox::pending(&**self.database.connection().await?, ids).await?;
        let (guilty, others): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(PendingRow::is_guilty);
        let (untried, tried): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|row| row.attempts == 0 && row.crashes == 0);
        self.attempt(untried.into_iter().map(|row| row.id).collect(), tally).await?;
        for row in tried {
            let alone = self.witness.alone(row.id);
            self.attempt(vec![row.id], tally).await?;
            drop(alone);
        }
        Ok(guilty)
    }

    /// Marks rows dead that brought the process down, and their objects unreadable.
    ///
    /// Letter and mark are one transaction, and it counts as an attempt. If the process dies of it,
    /// the row is pending and comes again. After as many deaths again it gets its letter only.
    pub(crate) async fn give_up(
        &self,
        rows: Vec<PendingRow>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        for row in rows {
            let (id, reason) = (row.id, row.reason());
            let alone = self.witness.alone(id);
            let begun = self.begin(&[id], tally).await?;
            if begun.is_empty() {
                continue;
            }
            if row.is_guilty_of_all() {
                tally.log_dead(id, reason.kind);
                self.bury_alone(&DeadRow { id, reason }).await?;
                tally.count_dead(UNKNOWN_VENDOR, 1);
            } else {
                self.bury(id, reason, tally).await?;
            }
            self.witness.ended(&begun);
            drop(alone);
        }
        Ok(())
    }

    /// Works rows under an attempt. One that fails is taken back when the invocation ends, and so
    /// are those of rows that wait: they were not tried.
    async fn attempt(&self, ids: Vec<OutboxId>, tally: &mut Tally) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let begun = self.begin(&ids, tally).await?;
        self.work(begun.clone(), tally).await?;
        let tried: Vec<OutboxId> =
            begun.into_iter().filter(|id| !tally.waiting.contains(id)).collect();
        self.witness.ended(&tried);
        Ok(())
    }

    /// Begins an attempt. Rows that another worker holds are left to it.
    async fn begin(
        &self,
        ids: &[OutboxId],
        tally: &mut Tally,
    ) -> Result<Vec<OutboxId>, StoreError> {
        let connection = self.database.connection().await?;
        // Before the statement: whether it was committed is not known if it fails.
        self.witness.begins(ids);
        let begun = outbox::begin_attempt(&**connection, ids, self.clock.now()).await?;
        let not_begun: Vec<OutboxId> =
            ids.iter().copied().filter(|id| !begun.contains(id)).collect();
        self.witness.ended(&not_begun);
        if !not_begun.is_empty() {
            let held = outbox::pending(&**connection, &not_begun).await?;
            tally.left.extend(held.into_iter().map(|row| row.id));
        }
        Ok(begun)
    }
}

/// Counts the deaths of earlier processes of this environment, each once. Returns the number of
/// those whose rows another connection holds: their notes are kept for the next invocation.
async fn count_deaths(database: &Database, witness: &Witness) -> Result<usize, StoreError> {
    let mut held = 0;
    for death in witness.deaths() {
        let id = death.row;
        if outbox::count_crash(&**database.connection().await?, id).await? {
            tracing::error!(event = "process_died", outbox_id = %id);
            death.counted();
        } else {
            held += 1;
        }
    }
    Ok(held)
}
