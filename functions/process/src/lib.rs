//! `process`: takes tickets, reads the rows that they name as facts, and writes the facts:
//! payments, contacts, calendar events, leads, events.
//!
//! The database is the truth; a ticket only names rows. Rows are worked as one batch in one
//! transaction. A row that cannot be read is dead at once and alone. A statement that Postgres
//! refuses is bisected. If an earlier receive of the message did not end, its rows are worked more
//! carefully. In the end they are worked one by one, so that the row to blame is found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::disposition::{Disposition, Reason, ReasonKind};
use penstock_domain::facts::Tie;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::RowView;
use penstock_domain::source::{Stranger, Whose};
use penstock_domain::ticket::Ticket;
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::{chain, whole_ms};
use penstock_store::erased_names::Known;
use penstock_store::facts::FactSet;
use penstock_store::outbox::{self, DeadRow};
use penstock_store::{Database, StoreError, Transaction};
use tokio::time::timeout;

mod attempts;
mod backlog;
mod batch;
mod config;
mod normalizers;
mod reading;
mod strangers;
mod tally;
mod witness;

pub use backlog::Backlog;
pub use config::refetches_ties;
pub use normalizers::Normalizers;
use tally::Tally;
pub use witness::Witness;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "process";

/// Reads rows of the outbox as facts. Generic, so that tests can add a kind of their own.
pub trait Reader: Send + Sync {
    /// The kinds of facts that rows are read as.
    type Facts<'a>: FactSet;

    /// Learns how the rows of connections are read, of which it does not know these versions.
    ///
    /// # Errors
    /// Returns [`StoreError`] if Postgres does not say.
    fn learn(
        &self,
        _on: &Transaction<'_>,
        _connections: &BTreeMap<&str, i64>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Reads one row.
    ///
    /// # Errors
    /// The reason for its dead letter.
    fn read<'a>(&self, row: RowView<'a>) -> Result<Self::Facts<'a>, Reason>;

    /// Says whose a row is. Only rows that are the deployment's own are read.
    fn whose(&self, row: RowView<'_>) -> Whose;

    /// Returns the name of the vendor, or of the kind of sender, whose rows come by a connection.
    fn vendor(&self, _connection: &str) -> &'static str {
        UNKNOWN_VENDOR
    }

    /// Returns the connected account that a row is of which is not the deployment's own.
    fn stranger(&self, _row: RowView<'_>) -> Option<Stranger> {
        None
    }

    /// Returns what is to be said of the object of a row that became a dead letter. The row's
    /// payload may be missing.
    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Self::Facts<'a>;
}

/// The vendor, for metrics, of a row that no source is known for.
pub const UNKNOWN_VENDOR: &str = "unknown";

/// Everything that `process` uses.
pub struct Ports<C, Q, R = Normalizers> {
    /// The outbox and the tables of the facts.
    pub database: Database,
    /// Tells the rows on which a process died from those that an outage kept from being done.
    pub witness: Witness,
    /// The rows that were processed since this environment folded revenue last.
    pub backlog: Backlog,
    /// The names of people who were erased.
    pub erased: Known,
    /// Reads rows: [`Normalizers`], or a test's own reader.
    pub reader: R,
    /// The queue of requests to `fetch`, for objects with ties; `None` leaves ties to the
    /// precedence.
    pub refetches: Option<Q>,
    pub clock: C,
}

/// An invocation gives up this long before Lambda would end it. That leaves time to take attempts
/// back, and to answer.
pub const RESERVE: Duration = Duration::from_secs(5);

/// A batch that collided with another transaction is worked again at once, this many times at most.
const COLLISIONS: u32 = 3;

/// The work that an invocation has done so far, and the messages that it has yet to answer.
struct Progress<'a> {
    tally: Tally,
    response: BatchResponse,
    open: Vec<(&'a SqsMessage, Vec<OutboxId>)>,
}

impl<C: Clock, Q: Outlet, R: Reader> Ports<C, Q, R> {
    /// Works a batch of messages. It never fails as a whole: messages that could not be done are
    /// reported. It gives up in time before `deadline`, at which Lambda would end the process.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> BatchResponse {
        let began = self.clock.now();
        let mut progress = Self::parse(&event);
        let stop_at = earlier(deadline, RESERVE);
        let left = elapsed(self.clock.now(), stop_at);
        if timeout(left, Box::pin(self.work_all(&mut progress))).await.is_err() {
            self.give_up_in_time(&mut progress).await;
        }
        self.return_attempts().await;
        self.fold_backlog(stop_at).await;
        let Progress { tally, response, .. } = progress;
        let now = self.clock.now();
        let took = elapsed(began, now);
        tracing::info!(
            event = "batch_processed",
            messages = event.records.len(),
            processed = tally.processed,
            dead = tally.dead,
            not_ours = tally.not_ours,
            waiting = tally.waiting.len(),
            ties = tally.ties.len(),
            failed_messages = response.failures(),
            ms = whole_ms(took)
        );
        tally.tell(&event, &response, now, took);
        response
    }

    fn parse(event: &SqsEvent) -> Progress<'_> {
        let (mut response, mut open) = (BatchResponse::all_done(), Vec::new());
        let mut tally = Tally::default();
        for message in &event.records {
            match Ticket::parse(&message.body) {
                Ok(ticket) => {
                    tally.hear(message, &ticket.ids);
                    open.push((message, ticket.ids));
                }
                Err(error) => message.work(NAME).enter(|| {
                    let (message_id, bytes) = (&message.message_id, message.body.len());
                    tracing::error!(
                        event = "not_a_ticket",
                        message_id,
                        bytes,
                        reason = error.without_values()
                    );
                    response.fail(message);
                }),
            }
        }
        Progress { tally, response, open }
    }

    async fn work_all(&self, progress: &mut Progress<'_>) {
        self.prepare().await;
        let (suspicious, fresh): (Vec<_>, Vec<_>) =
            progress.open.clone().into_iter().partition(|(message, _)| message.receives() > 1);
        self.work_at_once(&fresh, progress).await;
        let mut guilty = Vec::new();
        for (message, ids) in suspicious {
            match self.work_carefully(&ids, &mut progress.tally).await {
                Ok(found) => guilty.push((message, ids, found)),
                Err(error) => {
                    self.note_blocked(&ids, Err(&error)).await;
                    self.settle(message, &ids, Err(&error), progress);
                }
            }
        }
        self.ask_for_refetches(&progress.tally.ties).await;
        // Last, because the process may die of their marks too.
        for (message, ids, rows) in guilty {
            let outcome = self.give_up(rows, &mut progress.tally).await;
            self.settle(message, &ids, outcome.as_ref(), progress);
        }
    }

    /// Has the messages that are not answered yet delivered again. The connection is closed,
    /// and its statement ended.
    async fn give_up_in_time(&self, progress: &mut Progress<'_>) {
        self.database.end_idle().await;
        let messages = progress.open.len();
        tracing::error!(event = "batch_given_up", messages, reserve_s = RESERVE.as_secs());
        for (message, _) in progress.open.drain(..) {
            progress.response.fail(message);
        }
    }

    async fn work_at_once(
        &self,
        tickets: &[(&SqsMessage, Vec<OutboxId>)],
        progress: &mut Progress<'_>,
    ) {
        let mut ids: Vec<OutboxId> = tickets.iter().flat_map(|(_, ids)| ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let outcome =
            if ids.is_empty() { Ok(()) } else { self.work(ids.clone(), &mut progress.tally).await };
        self.note_blocked(&ids, outcome.as_ref()).await;
        for (message, ids) in tickets {
            self.settle(message, ids, outcome.as_ref(), progress);
        }
    }

    /// Answers a message. It has failed if its work failed, or if another worker holds rows of it.
    fn settle(
        &self,
        message: &SqsMessage,
        ids: &[OutboxId],
        outcome: Result<&(), &StoreError>,
        progress: &mut Progress<'_>,
    ) {
        progress.open.retain(|(open, _)| open.message_id != message.message_id);
        if let Err(error) = outcome {
            message.work(NAME).enter(|| self.report(error, message));
            progress.response.fail(message);
        } else if ids.iter().any(|id| progress.tally.left.contains(id)) {
            progress.response.fail(message);
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
                    self.bury(part[0], reason, tally).await?;
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

    /// Marks a row dead that could not be worked, and its object unreadable.
    async fn bury(
        &self,
        id: OutboxId,
        reason: Reason,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        tally.log_dead(id, reason.kind);
        let row = DeadRow { id, reason };
        let vendor = match self.bury_with_object(&row).await {
            // Postgres refuses what was to be said of the object. The dead letter still counts.
            Err(error) if matches!(error.disposition(), Disposition::Dead(_)) => {
                self.bury_alone(&row).await?;
                None
            }
            outcome => outcome?,
        };
        tally.count_dead(vendor.unwrap_or(UNKNOWN_VENDOR), 1);
        Ok(())
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
