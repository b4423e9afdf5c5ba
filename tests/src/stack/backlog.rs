//! Counts the work that is left, in the queues and in the database.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio_postgres::Client;

use super::{Depth, Stack, StackError, eventually};

/// The rows of the outbox, counted by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outbox {
    /// All rows, of any status.
    pub fetched: i64,
    pub waiting: i64,
    pub processed: i64,
    pub dead: i64,
}

impl Outbox {
    /// Counts the rows of the outbox.
    ///
    /// # Errors
    ///
    /// [`StackError::Database`] if Postgres refuses the query or cannot be reached.
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

/// All work that is not done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    pub tickets: Depth,
    pub requests: Depth,
    /// Requests that are served within a minute.
    pub quick: Depth,
    /// Outbox rows that wait to be processed.
    pub pending: i64,
    /// Runs that are open or requested, and not paused.
    pub runs: i64,
    /// Objects that wait to be refetched now, and whose refetches are not paused. Those that are to
    /// be read at a later time are no work that is left.
    pub refetches: i64,
    /// The pulls that a vendor refuses, with its reasons. They are no work that is left: each is
    /// tried again when its time comes.
    pub paused: Vec<String>,
}

impl Backlog {
    /// Reads the queues first and then the database. A worker commits before it deletes its
    /// message, so work that has left a queue is already in the database, and none is missed
    /// between the two.
    ///
    /// # Errors
    ///
    /// Errors of SQS and Postgres are passed on.
    pub async fn look(stack: &Stack, on: &Client) -> Result<Self, StackError> {
        let tickets = stack.tickets().depth().await?;
        let requests = stack.fetch_requests().depth().await?;
        let quick = stack.quick_requests().depth().await?;
        let sql = "select (select count(*) from outbox where status = 'pending'), \
                   count(*) filter (where halted is null and (run_id is not null or requested_at is not null)), \
                   (select count(*) from refetch_requests r where (r.tries = 0 or r.next_send_at <= now()) and not exists ( \
                        select from sync_state s where (s.source, s.entity, s.mode) = (r.source, r.entity, 'object') \
                        and s.halted is not null)), \
                   coalesce(array_agg(format('%s %s (%s): %s', source, entity, mode, halted) order by source, entity, mode) \
                        filter (where halted is not null), '{}') \
                   from sync_state";
        let row = on.query_one(sql, &[]).await?;
        Ok(Self {
            tickets,
            requests,
            quick,
            paused: row.try_get(3)?,
            pending: row.try_get(0)?,
            runs: row.try_get(1)?,
            refetches: row.try_get(2)?,
        })
    }

    /// Returns whether no work is left.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.tickets.is_empty()
            && self.requests.is_empty()
            && self.quick.is_empty()
            && self.pending + self.runs + self.refetches == 0
    }

    /// Waits until no work is left.
    ///
    /// # Errors
    ///
    /// [`StackError::TimedOut`] after `limit`, with the work that is left. Otherwise as
    /// [`Backlog::look`].
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
