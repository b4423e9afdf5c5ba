//! What is asked about runs: one, pages of them, and how fresh each source is.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::paging::History;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    sync_runs.find: Find { id: Uuid }
    sync_runs.page: Page<'a> {
        started_at: Option<Timestamp>,
        id: Option<Uuid>,
        source: Option<&'a str>,
        status: Option<&'a str>,
        limit: i64,
    }
    sync_runs.freshness: ReadFreshness {}
}

/// A run of a pull, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The run's id.
    pub id: Uuid,
    /// Whom it pulls from.
    pub source: String,
    /// What it pulls.
    pub entity: String,
    /// `full` or `incremental`.
    pub mode: String,
    /// `running`, `succeeded` or `failed`.
    pub status: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it ended, if it did.
    pub finished_at: Option<Timestamp>,
    /// Pages pulled.
    pub pages: i64,
    /// Rows in the vendor's replies.
    pub rows_seen: i64,
    /// Of which the outbox did not know the version.
    pub rows_new: i64,
    /// Rows processed.
    pub processed: i64,
    /// Rows given up.
    pub dead: i64,
    /// Errors met.
    pub errors: i64,
    /// The last one.
    pub last_error: Option<String>,
    /// Raw statuses that no map knows, as `kind:status`.
    pub unmapped: Vec<String>,
    /// The watermark before.
    pub cursor_before: Option<Timestamp>,
    /// The watermark after.
    pub cursor_after: Option<Timestamp>,
    /// Where it stands, while it is under way.
    pub stand: Option<Stand>,
}

/// Where a run under way stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Its windows, where its source cuts the history into windows that go back in time.
    pub history: History,
    /// The end of the newest window that is open, if one is.
    pub open_to: Option<Timestamp>,
    /// The rows that the run of this pull before it has seen, if one has ended well.
    pub rows_before: Option<i64>,
}

/// Which runs, and how many.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFilter<'a> {
    /// Only those older than the run with this start and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// Of this source only.
    pub source: Option<&'a str>,
    /// In this status only.
    pub status: Option<&'a str>,
    /// At most so many.
    pub limit: i64,
}

/// How fresh a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// The source.
    pub source: String,
    /// When a run of it last ended well, if one ever did.
    pub last_sync: Option<Timestamp>,
}

/// The run of that id.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<RunRecord>, StoreError> {
    Find { id }.optional(on).await?.map(|row| record(&row)).transpose()
}

/// Runs, newest first.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn page(
    on: &impl GenericClient,
    filter: RunFilter<'_>,
) -> Result<Vec<RunRecord>, StoreError> {
    let (started_at, id) = filter.after.unzip();
    let RunFilter { source, status, limit, .. } = filter;
    let rows = Page { started_at, id, source, status, limit }.rows(on).await?;
    rows.iter().map(record).collect()
}

/// Every source that was ever pulled, and how fresh it is.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn freshness(on: &impl GenericClient) -> Result<Vec<Freshness>, StoreError> {
    let rows = ReadFreshness {}.rows(on).await?;
    let read = |row: &Row| {
        Ok(Freshness { source: row.read("source")?, last_sync: row.read("last_sync")? })
    };
    rows.iter().map(read).collect()
}

pub(crate) fn record(row: &Row) -> Result<RunRecord, StoreError> {
    Ok(RunRecord {
        id: row.read("id")?,
        source: row.read("source")?,
        entity: row.read("entity")?,
        mode: row.read("mode")?,
        status: row.read("status")?,
        started_at: row.read("started_at")?,
        updated_at: row.read("updated_at")?,
        finished_at: row.read("finished_at")?,
        pages: row.read("pages")?,
        rows_seen: row.read("rows_seen")?,
        rows_new: row.read("rows_new")?,
        processed: row.read("processed")?,
        dead: row.read("dead")?,
        errors: row.read("errors")?,
        last_error: row.read("last_error")?,
        unmapped: row.read("unmapped")?,
        cursor_before: row.read("cursor_before")?,
        cursor_after: row.read("cursor_after")?,
        stand: stand(row)?,
    })
}

fn stand(row: &Row) -> Result<Option<Stand>, StoreError> {
    let (cut_to, upper_bound): (Option<_>, Option<_>) =
        (row.read("window_to")?, row.read("upper_bound")?);
    let Some((cut_to, upper_bound)) = cut_to.zip(upper_bound) else { return Ok(None) };
    let (complete, oldest) = (row.read("windows_complete")?, row.read("oldest")?);
    let open =
        Duration::from_millis(u64::try_from(row.read::<i64>("open_ms")?).unwrap_or_default());
    Ok(Some(Stand {
        history: History { upper_bound, cut_to, complete, open, oldest },
        open_to: row.read("open_to")?,
        rows_before: row.read("rows_before")?,
    }))
}
