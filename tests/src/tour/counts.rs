//! Reads the counts that the picture shows from the database.

use tokio_postgres::Client;

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
        })
    }
}
