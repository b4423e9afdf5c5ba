//! What is still to be done, in the queues and in the database.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio_postgres::Client;

use super::{Depth, Stack, StackError, eventually};

/// What the outbox holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Rows that entered.
    pub fetched: i64,
    /// Of which wait to be processed.
    pub waiting: i64,
    /// Of which are processed.
    pub processed: i64,
    /// Of which are dead.
    pub dead: i64,
}

impl Outbox {
    /// Counts.
    ///
    /// # Errors
    /// Postgres' own.
    pub async fn count(on: &Client) -> Result<Self, StackError> {
        let sql = "select count(*), count(*) filter (where status = 'pending'), \
                   count(*) filter (where status = 'processed'), count(*) filter (where status = 'dead') from outbox";
        let row = on.query_one(sql, &[]).await?;
        Ok(Self {
            fetched: row.try_get(0)?,
            waiting: row.try_get(1)?,
            processed: row.try_get(2)?,
            dead: row.try_get(3)?,
        })
    }
}

/// All that is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tickets.
    pub tickets: Depth,
    /// Requests to fetch.
    pub requests: Depth,
    /// Rows that wait to be processed.
    pub pending: i64,
    /// Runs that are under way, or owed.
    pub runs: i64,
    /// Objects that are to be read again.
    pub looks: i64,
}

impl Backlog {
    /// Looks at the queues first and then at the database: whatever leaves a queue has been committed
    /// before, so that nothing can slip by between the two.
    ///
    /// # Errors
    /// [`StackError::Halted`] where a run will not go on by itself.
    pub async fn look(stack: &Stack, on: &Client) -> Result<Self, StackError> {
        let (tickets, requests) =
            (stack.tickets().depth().await?, stack.fetch_requests().depth().await?);
        let sql = "select (select count(*) from outbox where status = 'pending'), \
                   count(*) filter (where run_id is not null or requested_at is not null), \
                   (select count(*) from refetch_requests), max(halted) from sync_state";
        let row = on.query_one(sql, &[]).await?;
        if let Some(why) = row.try_get(3)? {
            return Err(StackError::Halted(why));
        }
        Ok(Self {
            tickets,
            requests,
            pending: row.try_get(0)?,
            runs: row.try_get(1)?,
            looks: row.try_get(2)?,
        })
    }

    /// Whether nothing is left to be done.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.tickets.is_empty()
            && self.requests.is_empty()
            && self.pending + self.runs + self.looks == 0
    }

    /// Waits until nothing is left to be done.
    ///
    /// # Errors
    /// [`StackError::TimedOut`] after `limit`, with what is left.
    pub async fn drain(stack: &Stack, on: &Client, limit: Duration) -> Result<(), StackError> {
        eventually("an empty backlog", limit, async || {
            let backlog = Self::look(stack, on).await?;
            Ok(if backlog.is_drained() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(backlog)
            })
        })
        .await
    }
}
