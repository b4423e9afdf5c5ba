//! `load`: what `archive` has written goes into BigQuery, each row exactly once.
//!
//! A file is loaded by one job, whose id is committed before BigQuery hears of it. BigQuery takes
//! no id twice, so a request whose reply was lost is only sent again. A day of which a file was
//! rewritten is replaced as a whole (docs/adr/0068-bigquery.md).

mod decide;
mod file;
mod load;
mod rebuild;
mod request;
mod resting;
mod table;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_clients::bigquery::{BigQuery, TIMEOUT};
use penstock_clients::objects::Objects;
use penstock_domain::analytics::{self, TABLES};
use penstock_domain::bigquery::{Kind, Refusal};
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::retry::backoff;
use penstock_store::loads::{self, rebuilds, targets};
use penstock_store::{Database, StoreError, begin, commit};

use decide::Decided;
pub use request::{Report, Request};

/// The name of the function, for its log.
pub const NAME: &str = "load";

/// Everything that `load` uses.
pub struct Ports<C, O> {
    /// The batches, and what is known of them in BigQuery.
    pub database: Database,
    /// BigQuery; `None` if the deployment names no project.
    pub bigquery: Option<BigQuery<C>>,
    /// The store of the files that `archive` has written.
    pub objects: O,
    /// The time.
    pub clock: C,
    /// The tables that this environment has seen, and knows to have all columns.
    seen: Mutex<BTreeSet<&'static str>>,
}

/// The reason for which an invocation ends early.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// BigQuery. What follows from it is decided by its kind.
    #[error("BigQuery: {0}")]
    Refused(#[from] Refusal),
    /// A person has named a table that is not copied.
    #[error("no table {0} is copied")]
    NoTable(String),
}

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There was nothing to do.
    Nothing,
    /// A job runs.
    Running,
    /// Something has changed, and there may be more to do.
    Moved,
}

/// Nothing is begun so shortly before Lambda ends the function: a request takes as long as its
/// time-out, and its outcome is to be kept.
pub const MARGIN: Duration = Duration::from_secs(TIMEOUT.as_secs() + 20);

/// Work that goes on all the same is given up this long before Lambda would end it.
const RESERVE: Duration = Duration::from_secs(5);

/// The first pause before a job that runs is asked for again, and the longest.
const POLL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// So many faults in a row, and BigQuery rests.
const FAULTS: u32 = 4;

/// A file that waits for longer is told.
const BEHIND: Duration = Duration::from_secs(6 * 3600);

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Creates the ports of an environment.
    #[must_use]
    pub fn new(database: Database, bigquery: Option<BigQuery<C>>, objects: O, clock: C) -> Self {
        Self { database, bigquery, objects, clock, seen: Mutex::default() }
    }

    /// Serves an event, and begins nothing shortly before `deadline`, at which Lambda ends the
    /// process. Without BigQuery it does nothing.
    ///
    /// # Errors
    /// [`LoadError`] if Postgres fails, or BigQuery does not do what was asked for.
    pub async fn serve(&self, request: Request, deadline: Timestamp) -> Result<Report, LoadError> {
        let Some(bigquery) = &self.bigquery else { return Ok(Report::default()) };
        let left = elapsed(self.clock.now(), earlier(deadline, RESERVE));
        // Boxed: the futures of uploads are large.
        let served = Box::pin(self.serve_until(bigquery, request, earlier(deadline, MARGIN)));
        self.database.within(left, served).await
    }

    async fn serve_until(
        &self,
        bigquery: &BigQuery<C>,
        request: Request,
        stop_at: Timestamp,
    ) -> Result<Report, LoadError> {
        match request {
            Request::Due => {}
            Request::Retry => self.retry().await?,
            Request::Rebuild { table, from, to } => {
                self.want(table.as_deref(), (from, to)).await?;
            }
        }
        let mut report = Report::default();
        match self.admit().await? {
            Ok(known) => self.work(bigquery, known, stop_at, &mut report).await?,
            Err(rest) => report.rests_s = rest.as_secs(),
        }
        self.tell(&mut report).await?;
        Ok(report)
    }

    /// Works all tables in turn, until there is nothing to do or the time is over.
    async fn work(
        &self,
        bigquery: &BigQuery<C>,
        mut known: u32,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), LoadError> {
        let (mut faults, mut pause) = (0, POLL.0);
        loop {
            let (mut has_moved, mut runs) = (false, false);
            for table in TABLES {
                if self.clock.now() >= stop_at {
                    return Ok(());
                }
                match self.step(bigquery, table, stop_at, report).await {
                    Ok(Step::Nothing) => continue,
                    Ok(step) => {
                        (faults, has_moved) = (0, has_moved || step == Step::Moved);
                        runs |= step == Step::Running;
                        if known > 0 {
                            self.answers(known).await?;
                            known = 0;
                        }
                    }
                    Err(LoadError::Refused(refusal)) => {
                        faults += 1;
                        let may_pass = refusal.kind == Kind::Passing;
                        if !may_pass || known > 0 || faults >= FAULTS {
                            report.rests_s = self.rest(&refusal, known).await?.as_secs();
                            return Ok(());
                        }
                        tracing::warn!(event = "bigquery_fault", faults, error = refusal.words);
                        self.clock.sleep(backoff(faults, fastrand::u32(..))).await;
                        has_moved = true;
                    }
                    Err(error) => return Err(error),
                }
            }
            if has_moved {
                pause = POLL.0;
            } else if runs {
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(POLL.1);
            } else {
                return Ok(());
            }
        }
    }

    /// Takes the next step of a table.
    async fn step(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<Step, LoadError> {
        let Some(made) = self.is_due(bigquery, table).await? else { return Ok(Step::Nothing) };
        if let Some(step) = self.prepare(bigquery, table, made).await? {
            return Ok(step);
        }
        match self.decide(bigquery, table).await? {
            Decided::Nothing => Ok(Step::Nothing),
            Decided::Load(load) => self.load(bigquery, table, &load, stop_at, report).await,
            Decided::Rebuild(next) => self.rebuild(bigquery, table, next, report).await,
        }
    }

    /// Has everything tried at once that waits.
    async fn retry(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let retrying = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            loads::resume(&tx, now).await?;
            self.wake(&tx, now).await?;
            commit(tx).await
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.database.in_time(retrying).await
    }

    async fn want(&self, table: Option<&str>, days: (Date, Date)) -> Result<(), LoadError> {
        if let Some(name) = table.filter(|name| analytics::Table::named(name).is_none()) {
            return Err(LoadError::NoTable(name.to_owned()));
        }
        let now = self.clock.now();
        let wanting = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let planned = rebuilds::want(&tx, table, days, now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(planned)
        };
        let days = self.database.in_time(wanting).await?;
        tracing::info!(event = "rebuilds_planned", days);
        Ok(())
    }

    /// Completes the report, and tells what is behind.
    async fn tell(&self, report: &mut Report) -> Result<(), LoadError> {
        let reading = async {
            let connection = self.database.connection().await?;
            targets::standing(&**connection).await
        };
        let standing = self.database.in_time(reading).await?;
        (report.waiting, report.parked) = (standing.waiting, standing.parked);
        let age_s = standing.oldest.map_or(0, |at| elapsed(at, self.clock.now()).as_secs());
        tracing::info!(
            event = "bigquery_loaded",
            files = report.loaded,
            rows = report.rows,
            rebuilt = report.rebuilt,
            waiting = report.waiting,
            parked = report.parked,
            oldest_s = age_s
        );
        if age_s > BEHIND.as_secs() {
            tracing::error!(event = "bigquery_behind", waiting = report.waiting, oldest_s = age_s);
        }
        Ok(())
    }

    /// Has a table looked at again.
    fn forget_seen(&self, name: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
