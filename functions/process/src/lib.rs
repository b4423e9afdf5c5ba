//! `process`: takes tickets, reads the rows that they name as facts, and writes the facts:
//! payments, contacts, calendar events, leads, events.
//!
//! The database is the truth; a ticket only names rows. Rows are worked as one batch in one
//! transaction. A row that cannot be read is dead at once and alone. A statement that Postgres
//! refuses is bisected. If the process died on an earlier receive of the message, its rows are
//! worked more carefully. In the end they are worked one by one, so that the row to blame is found.

use std::collections::{BTreeSet, HashSet};

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::disposition::{Disposition, MAX_ATTEMPTS, MAX_CRASHES, Reason, ReasonKind};
use penstock_domain::facts::Tie;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::RowView;
use penstock_domain::source::Whose;
use penstock_domain::ticket::Ticket;
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::chain;
use penstock_store::facts::FactSet;
use penstock_store::outbox::{self, DeadRow};
use penstock_store::{Database, StoreError};

mod batch;
mod config;
mod normalizers;
mod reading;

pub use config::refetches_ties;
pub use normalizers::Normalizers;

/// Reads rows of the outbox as facts. Generic, so that tests can add a kind of their own.
pub trait Reader: Send + Sync {
    /// The kinds of facts that rows are read as.
    type Facts<'a>: FactSet;

    /// Reads one row.
    ///
    /// # Errors
    /// The reason for its dead letter.
    fn read<'a>(&self, row: RowView<'a>) -> Result<Self::Facts<'a>, Reason>;

    /// Says whose a row is. Only rows that are the deployment's own are read.
    fn whose(&self, row: RowView<'_>) -> Whose;

    /// Returns what is to be said of the object of a row that became a dead letter. The row's
    /// payload may be missing.
    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Self::Facts<'a>;
}

/// Everything that `process` uses.
pub struct Ports<C, Q, R = Normalizers> {
    /// The outbox and the tables of the facts.
    pub database: Database,
    /// Reads rows: [`Normalizers`], or a test's own reader.
    pub reader: R,
    /// The queue of requests to `fetch`, for objects with ties; `None` leaves ties to the
    /// precedence.
    pub refetches: Option<Q>,
    pub clock: C,
}

/// A batch that collided with another transaction is worked again at once, this many times at most.
const COLLISIONS: u32 = 3;

/// The outcome of an invocation's rows.
#[derive(Debug, Default)]
struct Tally {
    processed: usize,
    dead: usize,
    /// Rows that are processed and are not the deployment's own.
    not_ours: usize,
    /// Rows that wait until it is known whose they are. `relay` sends their tickets again.
    waiting: HashSet<OutboxId>,
    /// Rows that another worker holds.
    left: HashSet<OutboxId>,
    ties: Vec<Tie>,
}

/// A row that brought the process down alone, with the attempts that it had.
type Guilty = (OutboxId, i32);

impl<C: Clock, Q: Outlet, R: Reader> Ports<C, Q, R> {
    /// Works a batch of messages. It never fails as a whole: messages that could not be done are
    /// reported.
    pub async fn handle(&self, event: SqsEvent) -> BatchResponse {
        let mut response = BatchResponse::all_done();
        let mut tally = Tally::default();
        let (mut fresh, mut suspicious) = (Vec::new(), Vec::new());
        for message in &event.records {
            match Ticket::parse(&message.body) {
                Ok(ticket) if message.receives() > 1 => suspicious.push((message, ticket.ids)),
                Ok(ticket) => fresh.push((message, ticket.ids)),
                Err(error) => {
                    let (message_id, bytes) = (&message.message_id, message.body.len());
                    tracing::error!(
                        event = "not_a_ticket",
                        message_id,
                        bytes,
                        reason = error.without_values()
                    );
                    response.fail(message);
                }
            }
        }
        self.work_at_once(&fresh, &mut tally, &mut response).await;
        let mut guilty = Vec::new();
        for (message, ids) in suspicious {
            match self.work_carefully(&ids, &mut tally).await {
                Ok(found) => guilty.push((message, ids, found)),
                Err(error) => {
                    self.report(&error, message);
                    response.fail(message);
                }
            }
        }
        self.ask_for_refetches(&tally.ties).await;
        // Last, because the process may die of their marks too.
        for (message, ids, rows) in guilty {
            let outcome = self.give_up(rows, &mut tally).await;
            self.settle(message, &ids, outcome.as_ref(), &tally, &mut response);
        }
        tracing::info!(
            event = "batch_processed",
            messages = event.records.len(),
            processed = tally.processed,
            dead = tally.dead,
            not_ours = tally.not_ours,
            waiting = tally.waiting.len(),
            ties = tally.ties.len(),
            failed_messages = response.failures(),
        );
        response
    }

    async fn work_at_once(
        &self,
        tickets: &[(&SqsMessage, Vec<OutboxId>)],
        tally: &mut Tally,
        response: &mut BatchResponse,
    ) {
        let mut ids: Vec<OutboxId> = tickets.iter().flat_map(|(_, ids)| ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let outcome = if ids.is_empty() { Ok(()) } else { self.work(ids, tally).await };
        for (message, ids) in tickets {
            self.settle(message, ids, outcome.as_ref(), tally, response);
        }
    }

    /// Reports the message as failed if its work failed, or if another worker holds rows of it.
    fn settle(
        &self,
        message: &SqsMessage,
        ids: &[OutboxId],
        outcome: Result<&(), &StoreError>,
        tally: &Tally,
        response: &mut BatchResponse,
    ) {
        if let Err(error) = outcome {
            self.report(error, message);
            response.fail(message);
        } else if ids.iter().any(|id| tally.left.contains(id)) {
            response.fail(message);
        }
    }

    /// Works rows as one batch or, if Postgres refuses a value, as two halves.
    async fn work(&self, ids: Vec<OutboxId>, tally: &mut Tally) -> Result<(), StoreError> {
        let mut parts = vec![ids];
        let mut collisions = 0;
        while let Some(mut part) = parts.pop() {
            let Err(error) = self.work_part(&part, tally).await else { continue };
            match error.disposition() {
                Disposition::Dead(reason) if part.len() == 1 => {
                    self.bury(part[0], reason).await?;
                    tally.dead += 1;
                }
                Disposition::Dead(_) => {
                    let half = part.split_off(part.len() / 2);
                    parts.push(half);
                    parts.push(part);
                }
                Disposition::Retry(after) if after.is_zero() && collisions < COLLISIONS => {
                    collisions += 1;
                    parts.push(part);
                }
                Disposition::Retry(_) | Disposition::Done => return Err(error),
            }
        }
        Ok(())
    }

    /// Works rows whose message has come before: an earlier receive failed, or the process died in
    /// it.
    ///
    /// Returns the rows that are to be given up. Each attempt is committed before it is made. Rows
    /// without an attempt are worked as a batch once more; after an outage these are all. If the
    /// process dies of that, they are worked alone the next time. Rows that never brought a process
    /// down alone go first, so that the row to blame cannot hold them up.
    async fn work_carefully(
        &self,
        ids: &[OutboxId],
        tally: &mut Tally,
    ) -> Result<Vec<Guilty>, StoreError> {
        let pending = outbox::pending(&**self.database.connection().await?, ids).await?;
        let (untried, tried): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|(_, attempts)| *attempts == 0);
        self.attempt(untried.into_iter().map(|(id, _)| id).collect(), tally).await?;
        let (guilty, tried): (Vec<_>, Vec<_>) =
            tried.into_iter().partition(|(_, attempts)| *attempts > MAX_CRASHES);
        for (id, _) in tried {
            self.attempt(vec![id], tally).await?;
        }
        Ok(guilty)
    }

    /// Marks rows dead that brought the process down, and their objects unreadable.
    ///
    /// Letter and mark are one transaction, and it counts as an attempt. If the process dies of it,
    /// the row is pending and comes again. A row without attempts left gets its letter only.
    async fn give_up(&self, rows: Vec<Guilty>, tally: &mut Tally) -> Result<(), StoreError> {
        for (id, attempts) in rows {
            let begun = outbox::begin_attempt(&**self.database.connection().await?, &[id]).await?;
            if begun.is_empty() {
                continue;
            }
            let outcome = if attempts < MAX_ATTEMPTS {
                self.bury(id, Reason::crashed()).await
            } else {
                let row = DeadRow { id, reason: Reason::crashed() };
                tracing::warn!(event = "row_dead", outbox_id = %id, kind = row.reason.kind.as_str());
                self.bury_alone(&row).await
            };
            if let Err(e) = outcome {
                self.return_attempt(&begun).await;
                return Err(e);
            }
            tally.dead += 1;
        }
        Ok(())
    }

    async fn attempt(&self, ids: Vec<OutboxId>, tally: &mut Tally) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let begun = outbox::begin_attempt(&**self.database.connection().await?, &ids).await?;
        if let Err(e) = self.work(begun.clone(), tally).await {
            self.return_attempt(&begun).await;
            return Err(e);
        }
        // A row that waits has not been tried.
        let waiting: Vec<OutboxId> =
            begun.into_iter().filter(|id| tally.waiting.contains(id)).collect();
        if !waiting.is_empty() {
            let connection = self.database.connection().await?;
            outbox::return_attempt(&**connection, &waiting).await?;
        }
        Ok(())
    }

    /// Gives rows their attempt back, because circumstances are to blame. Best effort: the error of
    /// the attempt counts.
    async fn return_attempt(&self, ids: &[OutboxId]) {
        if let Ok(connection) = self.database.connection().await {
            drop(outbox::return_attempt(&**connection, ids).await);
        }
    }

    /// Marks a row dead that could not be worked, and its object unreadable.
    async fn bury(&self, id: OutboxId, reason: Reason) -> Result<(), StoreError> {
        tracing::warn!(event = "row_dead", outbox_id = %id, kind = reason.kind.as_str());
        let row = DeadRow { id, reason };
        match self.bury_with_object(&row).await {
            // Postgres refuses what was to be said of the object. The dead letter still counts.
            Err(error) if matches!(error.disposition(), Disposition::Dead(_)) => {
                self.bury_alone(&row).await
            }
            outcome => outcome,
        }
    }

    /// Marks a row dead, and not its object.
    async fn bury_alone(&self, row: &DeadRow) -> Result<(), StoreError> {
        tracing::error!(event = "object_not_marked", outbox_id = %row.id);
        let connection = self.database.connection().await?;
        outbox::bury(&**connection, std::slice::from_ref(row), self.clock.now()).await
    }

    fn report(&self, error: &StoreError, message: &SqsMessage) {
        tracing::error!(
            event = "batch_failed",
            message_id = message.message_id,
            error = chain(error)
        );
    }

    /// Asks for refetches, after the commit that stored the requests. `relay` sends a lost message
    /// again.
    async fn ask_for_refetches(&self, ties: &[Tie]) {
        let Some(queue) = &self.refetches else { return };
        // The objects are in Postgres: one message an entity has all of them read.
        let kinds: BTreeSet<(&str, &str)> =
            ties.iter().map(|tie| (tie.source.as_str(), tie.entity.as_str())).collect();
        let requests =
            kinds.into_iter().map(|(source, entity)| FetchRequest::refetches(source, entity));
        let bodies: Vec<String> = requests.filter_map(|r| serde_json::to_string(&r).ok()).collect();
        if bodies.is_empty() {
            return;
        }
        if let Err(error) = queue.send_all(bodies).await {
            tracing::warn!(event = "refetch_not_sent", error = chain(&error));
        }
    }
}
