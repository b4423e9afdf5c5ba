//! Reads the counts that the picture shows from the database.

use tokio_postgres::Client;

use super::money::grouped;
use crate::stack::{Outbox, StackError};

/// The number of runs by status, and the latest run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) running: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) latest: Option<String>,
    pub(super) last_error: Option<String>,
}

/// The number of transactions by status, and of the messages to their client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    pending: i64,
    submitted: i64,
    pub(super) completed: i64,
    pub(super) declined: i64,
    pub(super) failed: i64,
    needs_review: i64,
    told: i64,
    /// Messages that were not delivered yet.
    pub(super) untold: i64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) outbox: Outbox,
    pub(super) runs: Runs,
    pub(super) payments: i64,
    pub(super) contacts: i64,
    pub(super) calendar_events: i64,
    pub(super) leads: i64,
    pub(super) events: i64,
    pub(super) transactions: Transactions,
}

const RUNS: &str = "select count(*) filter (where status = 'running'), count(*) filter (where status = 'succeeded'), \
    count(*) filter (where status = 'failed'), \
    (select format('%s %s %s: %s new of %s rows', source, entity, mode, rows_new, rows_seen) \
     from sync_runs order by started_at desc, id desc limit 1), \
    (select last_error from sync_runs where last_error is not null and status <> 'succeeded' \
     order by started_at desc limit 1), \
    (select count(*) from payments), (select count(*) from contacts where deleted_at is null), \
    (select count(*) from calendar_events where deleted_at is null), \
    (select count(*) from leads), (select count(*) from events) from sync_runs";

impl Counts {
    pub(super) async fn read(on: &Client) -> Result<Self, StackError> {
        let outbox = Outbox::count(on).await?;
        let row = on.query_one(RUNS, &[]).await?;
        let runs = Runs {
            running: row.try_get(0)?,
            succeeded: row.try_get(1)?,
            failed: row.try_get(2)?,
            latest: row.try_get(3)?,
            last_error: row.try_get(4)?,
        };
        Ok(Self {
            outbox,
            runs,
            payments: row.try_get(5)?,
            contacts: row.try_get(6)?,
            calendar_events: row.try_get(7)?,
            leads: row.try_get(8)?,
            events: row.try_get(9)?,
            transactions: Transactions::read(on).await?,
        })
    }
}

const TRANSACTIONS: &str = "select count(*) filter (where status = 'pending'), count(*) filter (where status = 'submitted'), \
    count(*) filter (where status = 'completed'), count(*) filter (where status = 'declined'), \
    count(*) filter (where status = 'failed'), count(*) filter (where status = 'needs_review'), \
    (select count(*) from notifications where delivered_at is not null), \
    (select count(*) from notifications where delivered_at is null) from transactions";

impl Transactions {
    pub(super) async fn read(on: &Client) -> Result<Self, StackError> {
        let row = on.query_one(TRANSACTIONS, &[]).await?;
        Ok(Self {
            pending: row.try_get(0)?,
            submitted: row.try_get(1)?,
            completed: row.try_get(2)?,
            declined: row.try_get(3)?,
            failed: row.try_get(4)?,
            needs_review: row.try_get(5)?,
            told: row.try_get(6)?,
            untold: row.try_get(7)?,
        })
    }

    /// Returns the number of all transactions, in any state.
    pub(super) const fn all(&self) -> i64 {
        self.open() + self.completed + self.declined + self.failed
    }

    /// Returns the number of transactions that are not final.
    pub(super) const fn open(&self) -> i64 {
        self.pending + self.submitted + self.needs_review
    }

    /// Returns the line of the picture; none if there is no transaction.
    pub(super) fn line(&self) -> Option<String> {
        (self.all() > 0).then(|| format!("decided   {}", self.words("   ")))
    }

    /// Returns the counts in a few words, for output that is not a terminal; empty if there is no
    /// transaction.
    pub(super) fn short(&self) -> String {
        let words = || format!("; transactions: {}", self.words(", "));
        if self.all() > 0 { words() } else { String::new() }
    }

    fn words(&self, between: &str) -> String {
        let Self { pending, submitted, completed, declined, failed, needs_review, told, .. } =
            *self;
        let of = [
            (pending, "pending"),
            (submitted, "submitted"),
            (completed, "completed"),
            (declined, "declined"),
            (failed, "failed"),
            (needs_review, "for review"),
            (told, "told"),
        ];
        let words = of.map(|(count, word)| format!("{} {word}", grouped(&count.to_string())));
        words.join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_shown_and_nothing_before_the_first_transaction() {
        let none = Transactions::default();
        assert_eq!((none.line(), none.short()), (None, String::new()));
        let some = Transactions { pending: 1, needs_review: 2, completed: 1_200, told: 7, ..none };
        let words =
            "1 pending, 0 submitted, 1,200 completed, 0 declined, 0 failed, 2 for review, 7 told";
        assert_eq!(some.short(), format!("; transactions: {words}"));
        assert!(some.line().unwrap().starts_with("decided   1 pending   0 submitted   "));
        assert_eq!((some.open(), some.all()), (3, 1_203));
    }
}
