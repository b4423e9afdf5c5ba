//! The `sync_runs` table: one report a run, for the operator who asks what happened.

pub mod progress;
pub mod read;
pub mod summary;

use jiff::Timestamp;
use penstock_domain::disposition::FailureClass;
use penstock_domain::ids::RunId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};
use crate::sync_state::Key;

statements! {
    sync_runs.begin: Begin<'a> {
        id: Uuid,
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        cursor: Option<Timestamp>,
        note: Option<&'a str>,
        now: Timestamp,
    }
    sync_runs.count_page: CountPage { id: Uuid, seen: i64, new: i64, now: Timestamp }
    sync_runs.succeed: Succeed { id: Uuid, cursor: Timestamp, now: Timestamp }
    sync_runs.record_error: RecordError<'a> {
        id: Uuid,
        error: &'a str,
        class: &'a str,
        failed: bool,
        now: Timestamp,
    }
    sync_runs.note: Note<'a> { id: Uuid, note: &'a str }
    sync_runs.count_processed: CountProcessed<'a> {
        ids: &'a [Uuid],
        processed: &'a [i64],
        dead: &'a [i64],
        unmapped_ids: &'a [Uuid],
        unmapped: &'a [&'a str],
        now: Timestamp,
    }
}

/// Opens the report of a run. `note` tells the operator how it began.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin(
    on: &impl GenericClient,
    run: RunId,
    key: Key<'_>,
    cursor: Option<Timestamp>,
    note: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Key { source, entity, mode } = key;
    let begin = Begin { id: run.0, source, entity, mode: mode.as_str(), cursor, note, now };
    begin.execute(on).await.map(drop)
}

/// Counts a page with `seen` rows, of which `new` had a version not known before.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count_page(
    on: &impl GenericClient,
    run: RunId,
    seen: usize,
    new: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    CountPage { id: run.0, seen: count(seen), new: count(new), now }.execute(on).await.map(drop)
}

/// Closes the report of a run that has drained everything up to `cursor`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn succeed(
    on: &impl GenericClient,
    run: RunId,
    cursor: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    Succeed { id: run.0, cursor, now }.execute(on).await.map(drop)
}

/// Records an error of `class`. `failed` says that the run cannot go on by itself.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn record_error(
    on: &impl GenericClient,
    run: RunId,
    (class, error): (FailureClass, &str),
    failed: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    RecordError { id: run.0, error, class: class.as_str(), failed, now }.execute(on).await.map(drop)
}

/// Leaves a note for the operator on a run that went well.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note(on: &impl GenericClient, run: RunId, note: &str) -> Result<(), StoreError> {
    Note { id: run.0, note }.execute(on).await.map(drop)
}

/// The counts of one run's rows in one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunTally {
    /// The number of rows whose effect is committed.
    pub processed: usize,
    /// The number of rows that are dead.
    pub dead: usize,
    /// The raw statuses that no map knows, as `kind:status`.
    pub unmapped: Vec<String>,
}

/// Adds a batch's counts to the reports of its runs.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count_processed(
    on: &impl GenericClient,
    tallies: &[(RunId, RunTally)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if tallies.is_empty() {
        return Ok(());
    }
    let runs: Vec<Uuid> = tallies.iter().map(|(id, _)| id.0).collect();
    let processed: Vec<i64> = tallies.iter().map(|(_, o)| count(o.processed)).collect();
    let dead: Vec<i64> = tallies.iter().map(|(_, o)| count(o.dead)).collect();
    let unmapped =
        || tallies.iter().flat_map(|(id, o)| o.unmapped.iter().map(|u| (id.0, u.as_str())));
    let unmapped_runs: Vec<Uuid> = unmapped().map(|(id, _)| id).collect();
    let statuses: Vec<&str> = unmapped().map(|(_, status)| status).collect();
    let counted = CountProcessed {
        ids: &runs,
        processed: &processed,
        dead: &dead,
        unmapped_ids: &unmapped_runs,
        unmapped: &statuses,
        now,
    };
    counted.execute(on).await.map(drop)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
