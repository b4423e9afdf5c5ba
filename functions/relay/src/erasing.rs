//! The deletion of all rows of connections that are erased.

use std::collections::VecDeque;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::connection::State;
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::connections::erasing::{self, LATE, Step, Table, Unfinished};

use crate::{PATIENCE, Ports, ROWS};

/// Connections that are worked side by side. The others wait for the next round.
const CONNECTIONS: i64 = 10;

/// The outcome of the erasing of a round.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    /// The number of rows that were deleted, of all tables and connections.
    pub rows: u64,
    /// Steps that failed, or took too long: the tables with their connections.
    pub failed: Vec<String>,
}

/// A connection as this round erases it.
struct Job {
    connection: Unfinished,
    rows: u64,
    /// The tables that may have more rows.
    open: Vec<Table>,
    /// Whether the tables that are searched as a whole have had their turn.
    searched: bool,
    /// Whether rows are left that only a later round can delete.
    waits: bool,
    failed: bool,
}

impl Job {
    /// Whether this round has looked through everything and found nothing.
    fn found_nothing(&self) -> bool {
        self.open.is_empty() && self.rows == 0 && !self.waits && !self.failed
    }
}

/// The next step of a table of a job.
type Turn = (usize, Table, Vec<String>);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Returns the connections that have rows to delete, and which of their two lists cannot be
    /// read. The other one counts all the same.
    pub(crate) async fn unfinished(&self) -> (Vec<Unfinished>, Vec<String>) {
        let erasing = async {
            let connection = self.database.connection().await?;
            erasing::unfinished(&connection, CONNECTIONS).await
        };
        let late = async {
            let connection = self.database.connection().await?;
            erasing::late(&connection, CONNECTIONS).await
        };
        let (mut all, mut failed) = (Vec::new(), Vec::new());
        let erasing: Result<_, StoreError> = self.database.within(PATIENCE, erasing).await;
        let late: Result<_, StoreError> = self.database.within(PATIENCE, late).await;
        for (list, found) in [("erasing", erasing), ("erased", late)] {
            match found {
                Ok(connections) => all.extend(connections),
                Err(error) => {
                    tracing::error!(event = "not_erased", table = list, error = chain(&error));
                    failed.push(format!("connections that are {list}"));
                }
            }
        }
        (all, failed)
    }

    /// Deletes rows of these connections until `stop_at`, in turn a step of each table that may
    /// have more. A connection of which a whole round finds nothing is erased, once no function can
    /// be at work any more that took it for active.
    pub(crate) async fn erase(&self, connections: Vec<Unfinished>, stop_at: Timestamp) -> Erased {
        let mut all = Erased::default();
        let (mut jobs, mut turns) = (Vec::new(), VecDeque::new());
        for (place, connection) in connections.into_iter().enumerate() {
            let open = Table::INDEXED.to_vec();
            turns.extend(Table::INDEXED.map(|table| (place, table, table.beginning())));
            jobs.push(Job {
                connection,
                rows: 0,
                open,
                searched: false,
                waits: false,
                failed: false,
            });
        }
        while let Some(turn) = turns.pop_front() {
            if elapsed(self.clock.now(), stop_at).is_zero() {
                break;
            }
            if let Err((table, error)) = self.take(turn, &mut jobs, &mut turns, stop_at).await {
                tracing::error!(event = "not_erased", table, error = chain(&error));
                all.failed.push(table);
            }
        }
        for job in jobs {
            all.rows += job.rows;
            self.report(&job).await.unwrap_or_else(|error| {
                let connection = job.connection.name;
                tracing::error!(event = "not_erased", connection, error = chain(&error));
                all.failed.push(format!("connections of {connection}"));
            });
        }
        all
    }

    /// Takes one step, and puts what follows from it at the end of `turns`.
    async fn take(
        &self,
        (place, table, after): Turn,
        jobs: &mut [Job],
        turns: &mut VecDeque<Turn>,
        stop_at: Timestamp,
    ) -> Result<(), (String, StoreError)> {
        let Some(job) = jobs.get_mut(place) else { return Ok(()) };
        let name = &job.connection.name;
        let left = elapsed(self.clock.now(), stop_at).min(PATIENCE);
        let step = async {
            let mut connection = self.database.connection().await?;
            erasing::step(&mut connection, name, table, &after, ROWS).await
        };
        match self.database.within(left, step).await {
            Ok(Some(Step { rows, next, waits })) => {
                job.rows += rows;
                job.waits |= waits;
                match next {
                    Some(after) => turns.push_back((place, table, after)),
                    None => job.open.retain(|open| *open != table),
                }
            }
            // It is in use again.
            Ok(None) => {
                job.open.clear();
                job.failed = true;
                turns.retain(|(other, ..)| *other != place);
            }
            Err(error) => {
                job.failed = true;
                return Err((format!("{} of {name}", table.name()), error));
            }
        }
        if job.open.is_empty() && !job.failed && !job.searched {
            job.searched = true;
            job.open = Table::SEARCHED.to_vec();
            turns.extend(Table::SEARCHED.map(|table| (place, table, table.beginning())));
        }
        Ok(())
    }

    /// Logs what was done, and ends the erasing if nothing is left.
    async fn report(&self, job: &Job) -> Result<(), StoreError> {
        let (connection, rows) = (&job.connection.name, job.rows);
        let mut left: Vec<&str> = job.open.iter().map(|table| table.name()).collect();
        if left.is_empty() && job.waits {
            left.push(Table::RevenueSums.name());
        }
        tracing::info!(event = "erasing", connection, rows, tables_left = left.join(", "));
        if !job.found_nothing() || job.connection.state != State::Erasing {
            return Ok(());
        }
        let now = self.clock.now();
        let end = async {
            let on = self.database.connection().await?;
            erasing::end(&on, connection, now - LATE, now).await
        };
        if self.database.within(PATIENCE, end).await? {
            tracing::warn!(event = "erased", connection);
        }
        Ok(())
    }
}
