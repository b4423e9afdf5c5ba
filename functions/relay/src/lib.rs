//! `relay`: sends messages again for all work that waits in Postgres, in case a queue has lost
//! them.
//!
//! It sends tickets for rows, requests for runs that are requested or unfinished and for objects
//! that wait for a refetch, and messages for steps of transactions. It works jobs that somebody has
//! started. It also makes the outbox' leaves of the next days, folds what has changed revenue,
//! deletes rows that are older than their retention, and those of connections that are erased, and
//! logs which pull has been silent for longest. Rows that are copied for analysts are kept until
//! they are.

mod erasing;
mod folding;
mod gauges;
mod held;
mod jobs;
mod leaves;
mod people;
mod purging;
mod queues;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::depths::Depths;
use penstock_clients::queue::{Outlet, QueueError};
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::{chain, whole_ms};
use penstock_store::freshness::Pull;
use penstock_store::sync_state::pending;
use penstock_store::{Database, StoreError, freshness, outbox, refetch};
use serde::Serialize;

use erasing::Erased;
use folding::Folded;
use gauges::{Gauges, Silence};
use jobs::Worked;
use purging::Purged;
pub use purging::Retention;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "relay";

/// Everything that `relay` uses.
pub struct Ports<C, Q> {
    /// All waiting work is read from here.
    pub database: Database,
    /// The queue of `process`.
    pub tickets: Q,
    /// The queues of `fetch`.
    pub requests: Q,
    /// The queue of `settle`.
    pub transactions: Q,
    /// Counts the messages in all queues.
    pub depths: Arc<dyn Depths>,
    /// How long rows are kept.
    pub retention: Retention,
    /// The names of the sources whose first connections the template declares.
    pub sources: Vec<&'static str>,
    /// The time.
    pub clock: C,
}

/// The counts of one round.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Rows that got a new ticket.
    pub ticketed: usize,
    /// Runs that were requested again.
    pub runs: usize,
    /// Entities whose refetches were requested again. The field is `looks`, as in older releases.
    #[serde(rename = "looks")]
    pub refetches: usize,
    /// Steps of transactions, and attempts to tell their clients, that got another message.
    pub steps: usize,
    /// Items of jobs that were begun.
    pub items: u64,
    /// Changes of revenue that were folded into the sums.
    pub folded: u64,
    /// Changes of revenue that are not folded yet.
    pub unfolded: u64,
    /// Rows that were deleted, of all tables.
    pub purged: u64,
    /// Rows that were deleted with their connections.
    pub erased: u64,
    /// How long the oldest pending row has waited, in seconds; 0 if nothing waits. An alarm watches
    /// it.
    pub oldest_pending_s: u64,
    /// How long the pull has been silent that was silent for longest, in seconds; 0 if there is
    /// none. An alarm watches it.
    pub stalest_s: u64,
    /// For how many days after today the outbox has leaves; -1 is none for today. An alarm watches
    /// it.
    pub partition_days_ahead: i32,
}

/// Why a round stopped half-way. The next goes on.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQS.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A request does not become JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Rows of these tables could not be deleted, folded or worked. All else of the round was done.
    #[error("not purged: {0}")]
    NotPurged(String),
}

/// A row that got a ticket is left alone this long; SQS and `process` need seconds.
const TICKET_PAUSE: Duration = Duration::from_secs(300);

/// A run that has not changed for this long has lost its message.
const RUN_QUIET: Duration = Duration::from_secs(180);

/// Rows a statement: short transactions (rule 8).
const ROWS: i64 = 1_000;

/// A statement that takes longer is given up: the next round tries it again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A round ends this long before Lambda would end it.
const MARGIN: Duration = Duration::from_secs(10);

/// A round that goes on all the same is given up this long before Lambda would end it.
const RESERVE: Duration = Duration::from_secs(5);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Runs one round, and gives it up before `deadline`, at which Lambda would end the process.
    ///
    /// # Errors
    /// As [`Self::run_once`], or the time is over.
    pub async fn run_in_time(&self, deadline: Timestamp) -> Result<Round, RelayError> {
        let began = self.clock.now();
        let left = elapsed(began, earlier(deadline, RESERVE));
        let (mut round, mut gauges) = (Round::default(), Gauges::default());
        let working = Box::pin(self.work(deadline, &mut round, &mut gauges));
        let outcome = self.database.within(left, working).await;
        self.tell(began, round, gauges, outcome)
    }

    /// Runs one round, and stops before `deadline`.
    ///
    /// # Errors
    /// [`RelayError`] if Postgres or SQS fails. Messages that were sent before stay sent.
    pub async fn run_once(&self, deadline: Timestamp) -> Result<Round, RelayError> {
        let began = self.clock.now();
        let (mut round, mut gauges) = (Round::default(), Gauges::default());
        let outcome = self.work(deadline, &mut round, &mut gauges).await;
        self.tell(began, round, gauges, outcome)
    }

    /// Does the work of a round, and notes what is done and measured as it goes.
    async fn work(
        &self,
        deadline: Timestamp,
        round: &mut Round,
        gauges: &mut Gauges,
    ) -> Result<(), RelayError> {
        let stop_at = deadline - MARGIN;
        // First, and its failure last: the alarm does not depend on the queues, nor they on it.
        let silence = self.log_stalest().await;
        if let Ok(silence) = &silence {
            round.stalest_s = silence.longest.as_secs();
            gauges.silence = Some(silence.clone());
        }
        let leaves = self.make_leaves().await;
        gauges.partition_days_ahead = leaves.as_ref().copied().ok();
        self.measure(gauges).await;
        // Before the tickets, which go to the rows that these put back to work.
        let Worked { items, failed: jobs_failed } = self.work_jobs(self.half_way(stop_at)).await;
        round.items = items;
        let waiting = Box::pin(self.send_what_waits(round, stop_at));
        let refused = Box::pin(self.send_by_circuit(waiting)).await?;
        // Before the purge: the alarm does not depend on it.
        let oldest_pending = self.oldest_pending().await?;
        round.oldest_pending_s = oldest_pending.as_secs();
        gauges.oldest_pending = Some(oldest_pending);
        let (unfinished, unread) = self.unfinished().await;
        // None takes all of the time while another has work.
        let folding = self.fold(self.half_way(stop_at)).await;
        let Folded { deltas: folded, left: unfolded, failed: not_folded } = folding;
        (round.folded, round.unfolded) = (folded, unfolded);
        let half = if unfinished.is_empty() { stop_at } else { self.half_way(stop_at) };
        let Purged { rows: purged, failed } = self.purge(half).await;
        round.purged = purged;
        let Erased { rows: erased, failed: not_erased } = self.erase(unfinished, stop_at).await;
        round.erased = erased;
        silence?;
        round.partition_days_ahead = leaves?;
        // Last, so that the round fails for Lambda and its alarm.
        let failed: Vec<&str> = failed
            .into_iter()
            .chain(unread.iter().chain(&not_erased).map(String::as_str))
            .chain(not_folded.then_some("revenue_deltas"))
            .chain(jobs_failed.then_some("jobs"))
            .collect();
        match refused {
            Some(error) => Err(error.into()),
            None if failed.is_empty() => Ok(()),
            None => Err(RelayError::NotPurged(failed.join(", "))),
        }
    }

    /// Tells how a round ended, also one that failed half-way: by one line, and by the gauges that
    /// it has read.
    fn tell(
        &self,
        began: Timestamp,
        round: Round,
        gauges: Gauges,
        outcome: Result<(), RelayError>,
    ) -> Result<Round, RelayError> {
        let now = self.clock.now();
        let Round { ticketed, runs, refetches, steps, .. } = round;
        let Round { items, folded, unfolded, purged, erased, .. } = round;
        tracing::info!(
            event = "relayed",
            outcome = if outcome.is_ok() { "done" } else { "failed" },
            ticketed,
            runs,
            looks = refetches,
            steps,
            items,
            folded,
            unfolded,
            purged,
            erased,
            oldest_pending_s = gauges.oldest_pending.map(|waited| waited.as_secs()),
            partition_days_ahead = gauges.partition_days_ahead,
            ms = whole_ms(elapsed(began, now)),
            error = outcome.as_ref().err().map(|error| chain(error))
        );
        gauges.write(now);
        outcome.map(|()| round)
    }

    /// Sends messages again for runs, objects, transactions and rows that wait.
    async fn send_what_waits(
        &self,
        round: &mut Round,
        stop_at: Timestamp,
    ) -> Result<(), RelayError> {
        round.runs = self.ask_for_runs().await?;
        round.refetches = self.ask_for_refetches().await?;
        while self.clock.now() < stop_at {
            let (sent, steps) = (self.send_tickets().await?, self.send_steps().await?);
            round.ticketed += sent;
            round.steps += steps;
            if sent + steps == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Returns the middle of the time that is left.
    fn half_way(&self, stop_at: Timestamp) -> Timestamp {
        let now = self.clock.now();
        now + elapsed(now, stop_at) / 2
    }

    /// Logs which pull has been silent for longest, of all active connections. Returns for how
    /// long.
    async fn log_stalest(&self) -> Result<Silence, RelayError> {
        let now = self.clock.now();
        let pulls = async {
            let connection = self.database.connection().await?;
            freshness::expect(&**connection, &self.sources, now).await?;
            freshness::pulls(&**connection, &self.sources).await
        };
        let pulls = self.database.within(PATIENCE, pulls).await?;
        let stalest = freshness::stalest(&pulls, now);
        let name = |of: fn(&Pull) -> &String| stalest.map(|pull| of(pull).as_str());
        let silence = Silence::of(&pulls, now);
        tracing::info!(
            event = "stalest_pull",
            stalest_s = silence.longest.as_secs(),
            source = name(|pull| &pull.source),
            connection = name(|pull| &pull.connection),
            entity = name(|pull| &pull.entity)
        );
        Ok(silence)
    }

    async fn send_tickets(&self) -> Result<usize, RelayError> {
        let now = self.clock.now();
        let due = async {
            let connection = self.database.connection().await?;
            outbox::due(&**connection, now, now + TICKET_PAUSE, ROWS).await
        };
        let ids = self.database.within(PATIENCE, due).await?;
        if !ids.is_empty() {
            let bodies = Ticket::split(&ids).map(|ticket| ticket.to_body()).collect();
            self.send(&self.tickets, bodies).await?;
        }
        Ok(ids.len())
    }

    async fn ask_for_runs(&self) -> Result<usize, RelayError> {
        let now = self.clock.now();
        let stalled = async {
            let connection = self.database.connection().await?;
            pending::stalled(&**connection, now, now - RUN_QUIET).await
        };
        let stalled = self.database.within(PATIENCE, stalled).await?;
        self.send_requests(&stalled).await
    }

    async fn ask_for_refetches(&self) -> Result<usize, RelayError> {
        let now = self.clock.now();
        let due = async {
            let connection = self.database.connection().await?;
            refetch::due(&**connection, now).await
        };
        let due = self.database.within(PATIENCE, due).await?;
        let requests = due.iter().map(|r| FetchRequest::refetches(&r.source, &r.entity));
        self.send_requests(&requests.collect::<Vec<_>>()).await
    }

    async fn send_requests(&self, requests: &[FetchRequest]) -> Result<usize, RelayError> {
        let bodies = requests.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        self.send(&self.requests, bodies).await?;
        Ok(requests.len())
    }

    async fn oldest_pending(&self) -> Result<Duration, RelayError> {
        let oldest = async {
            let connection = self.database.connection().await?;
            outbox::oldest_pending(&**connection).await
        };
        let oldest = self.database.within(PATIENCE, oldest).await?;
        Ok(oldest.map_or(Duration::ZERO, |since| elapsed(since, self.clock.now())))
    }
}
