//! Reads the reports of runs: one, and pages of them.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::paging::History;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};

statements! {
    sync_runs.find: Find { id: Uuid }
    sync_runs.page: Page<'a> {
        started_at: Option<Timestamp>,
        id: Option<Uuid>,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        status: Option<&'a str>,
        limit: i64,
    }
}

/// The report of a run, with its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The id of the run.
    pub id: Uuid,
    /// The name of the vendor.
    pub vendor: String,
    /// The name of the connection that it pulls.
    pub source: String,
    /// The entity that it pulls.
    pub entity: String,
    /// The mode: `full`, `incremental` or `reconcile`.
    pub mode: String,
    /// The status: `running`, `succeeded` or `failed`.
    pub status: String,
    /// The time at which it began.
    pub started_at: Timestamp,
    /// The time at which it last moved.
    pub updated_at: Timestamp,
    /// The time at which it ended, if it did.
    pub finished_at: Option<Timestamp>,
    /// The number of pages pulled.
    pub pages: i64,
    /// The number of rows in the vendor's replies.
    pub rows_seen: i64,
    /// The number of those whose version the outbox did not know.
    pub rows_new: i64,
    /// The number of rows processed.
    pub processed: i64,
    /// The number of rows that are dead.
    pub dead: i64,
    /// The number of errors met.
    pub errors: i64,
    /// The last of these errors, or a note.
    pub last_error: Option<String>,
    /// The class of the last error, in its stored word; `None` if it is a note.
    pub error_class: Option<String>,
    /// The raw statuses that no map knows, as `kind:status`.
    pub unmapped: Vec<String>,
    /// The watermark before the run.
    pub cursor_before: Option<Timestamp>,
    /// The watermark after the run.
    pub cursor_after: Option<Timestamp>,
    /// The progress, while the run is under way.
    pub stand: Option<Stand>,
}

/// The progress of a run that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Its windows, if its source cuts the history into windows that go back in time.
    pub history: History,
    /// The end of the newest window that is open, if one is.
    pub open_to: Option<Timestamp>,
    /// The number of rows that the last successful run of this pull has seen, if there is one.
    pub rows_before: Option<i64>,
}

/// The runs that a page shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFilter<'a> {
    /// Shows only runs older than the run with this start and id.
    pub after: Option<(Timestamp, Uuid)>,
    /// Shows only runs of these connections.
    pub chosen: Chosen<'a>,
    /// Shows only runs in this status.
    pub status: Option<&'a str>,
    /// The most runs to show.
    pub limit: i64,
}

/// Returns the run of that id, or `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<RunRecord>, StoreError> {
    Find { id }.optional(on).await?.map(|row| record(&row)).transpose()
}

/// Returns the runs of a page, newest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(
    on: &impl GenericClient,
    filter: RunFilter<'_>,
) -> Result<Vec<RunRecord>, StoreError> {
    let (started_at, id) = filter.after.unzip();
    let RunFilter { chosen: Chosen { vendor, connection }, status, limit, .. } = filter;
    let rows = Page { started_at, id, vendor, connection, status, limit }.rows(on).await?;
    rows.iter().map(record).collect()
}

pub(crate) fn record(row: &Row) -> Result<RunRecord, StoreError> {
    Ok(RunRecord {
        id: row.read("id")?,
        vendor: row.read("vendor")?,
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
        error_class: row.read("error_class")?,
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
