//! The `archive_epochs` and `archive_marks` tables: how far each table is copied for analysts.
//!
//! A window of a table ends at the horizon, the oldest transaction that is under way. All rows of
//! transactions before it are there, or never will be, so none can slip behind a mark.

pub mod batches;
pub mod kept;
pub mod rows;
pub mod searches;

use jiff::Timestamp;
use penstock_domain::analytics::Manifest;
use tokio_postgres::{GenericClient, Transaction};

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    archive_epochs.newest: Newest {}
    archive_epochs.begin: Begin<'a> {
        epoch: i32,
        why: &'a str,
        bucket: &'a str,
        tables: &'a [&'a str],
        revision: i64,
        now: Timestamp,
    }
    archive_epochs.horizon: Horizon {}
    archive_epochs.adopt: Adopt<'a> { table_name: &'a str, limit: i32 }
    archive_marks.ensure: Ensure<'a> { epoch: i32, tables: &'a [&'a str] }
    archive_marks.find: Find<'a> { table_name: &'a str }
    archive_marks.hold: Hold<'a> { table_name: &'a str }
    archive_marks.waiting: Waiting<'a> { table_name: &'a str, from_tx: i64, to_tx: i64 }
    archive_marks.note_waiting: NoteWaiting<'a> {
        table_name: &'a str,
        epoch: i32,
        to_tx: i64,
        since: Option<Timestamp>,
    }
    archive_marks.advance: Advance<'a> {
        table_name: &'a str,
        epoch: i32,
        from_tx: i64,
        to_tx: i64,
    }
    archive_marks.touch: Touch<'a> { table_name: &'a str }
    archive_marks.manifested: Manifested<'a> { table_name: &'a str, revision: i64 }
    archive_marks.unmanifested: Unmanifested {}
    archive_marks.oldest_waiting: OldestWaiting {}
}

/// A life of the database. A cluster that was restored or moved begins the next one, and so does
/// another bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Counts from 1.
    pub number: i32,
    /// Whether this cluster is the one that it began on.
    pub is_this_cluster: bool,
    /// The name of the bucket that its files are in.
    pub bucket: String,
    /// Why it began.
    pub why: String,
    /// The time at which it began.
    pub began_at: Timestamp,
}

/// How far a table is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The life of the database.
    pub epoch: i32,
    /// Rows of transactions before it are in files, or planned to be.
    pub to_tx: i64,
    /// The time at which rows after it were first seen.
    pub waiting_since: Option<Timestamp>,
    /// Counts the changes of the list of files.
    pub revision: i64,
    /// The revision of the list that is written to the store.
    pub manifested: i64,
}

impl Mark {
    /// Whether the store's list of the table, which was read before this, is newer: Postgres was
    /// restored to a time before.
    #[must_use]
    pub fn is_behind(&self, list: &Manifest) -> bool {
        list.version() > (self.epoch, self.revision)
    }
}

/// How much there is to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The number of rows.
    pub rows: i64,
    /// About how many bytes they hold in Postgres.
    pub bytes: i64,
}

impl Amount {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { rows: row.read("rows")?, bytes: row.read("bytes")? })
    }
}

/// Returns the newest life of the database; `None` before the first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn epoch(on: &impl GenericClient) -> Result<Option<Epoch>, StoreError> {
    let row = Newest {}.optional(on).await?;
    row.map(|row| {
        Ok(Epoch {
            number: row.read("epoch")?,
            is_this_cluster: row.read("is_this_cluster")?,
            bucket: row.read("bucket")?,
            why: row.read("why")?,
            began_at: row.read("began_at")?,
        })
    })
    .transpose()
}

/// Begins the life `epoch` of the database, of which these tables are copied from the start into
/// `bucket`. Revisions go on after `revision`. Returns false if another call has begun it. Files
/// that are planned, or are in another bucket, are forgotten. Run it in a transaction.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin_epoch(
    on: &Transaction<'_>,
    epoch: i32,
    why: &str,
    bucket: &str,
    tables: &[&str],
    revision: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(Begin { epoch, why, bucket, tables, revision, now }.optional(on).await?.is_some())
}

/// Lets the first window take up to `limit` rows that carry transactions which this cluster has not
/// reached: it was restored from a dump. Returns the number of rows.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn adopt(on: &impl GenericClient, table: &str, limit: i32) -> Result<i64, StoreError> {
    Adopt { table_name: table, limit }.one(on).await?.read("adopted")
}

/// Makes marks for tables that have none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn ensure_marks(
    on: &impl GenericClient,
    epoch: i32,
    tables: &[&str],
) -> Result<(), StoreError> {
    Ensure { epoch, tables }.execute(on).await.map(drop)
}

/// Returns the transaction before which all are over.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn horizon(on: &impl GenericClient) -> Result<i64, StoreError> {
    Horizon {}.one(on).await?.read("horizon")
}

fn read_mark(row: &Row) -> Result<Mark, StoreError> {
    Ok(Mark {
        epoch: row.read("epoch")?,
        to_tx: row.read("to_tx")?,
        waiting_since: row.read("waiting_since")?,
        revision: row.read("revision")?,
        manifested: row.read("manifested")?,
    })
}

/// Returns how far a table is copied; `None` if it never was.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn mark(on: &impl GenericClient, table: &str) -> Result<Option<Mark>, StoreError> {
    Find { table_name: table }.optional(on).await?.as_ref().map(read_mark).transpose()
}

/// Returns the same, and holds it until the end of the transaction; `None` if another call does.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn hold(on: &Transaction<'_>, table: &str) -> Result<Option<Mark>, StoreError> {
    Hold { table_name: table }.optional(on).await?.as_ref().map(read_mark).transpose()
}

/// Returns how much a window of a table holds.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn waiting(
    on: &impl GenericClient,
    table: &str,
    from_tx: i64,
    to_tx: i64,
) -> Result<Amount, StoreError> {
    Amount::read(&Waiting { table_name: table, from_tx, to_tx }.one(on).await?)
}

/// Notes since when rows after `mark` wait to be copied.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_waiting(
    on: &impl GenericClient,
    table: &str,
    mark: &Mark,
    since: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Mark { epoch, to_tx, .. } = *mark;
    NoteWaiting { table_name: table, epoch, to_tx, since }.execute(on).await.map(drop)
}

/// Moves a mark on to `to_tx`. Returns false if another call has moved it.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn advance(
    on: &Transaction<'_>,
    table: &str,
    mark: &Mark,
    to_tx: i64,
) -> Result<bool, StoreError> {
    let Mark { epoch, to_tx: from_tx, .. } = *mark;
    let advance = Advance { table_name: table, epoch, from_tx, to_tx };
    Ok(advance.optional(on).await?.is_some())
}

/// Notes that the list of a table's files has changed, so that it is written again. Functions of
/// [`batches`] that settle files do so themselves.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn touch(on: &impl GenericClient, table: &str) -> Result<(), StoreError> {
    Touch { table_name: table }.execute(on).await.map(drop)
}

/// Notes that the list of a table's files is written as of `revision`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn manifested(
    on: &impl GenericClient,
    table: &str,
    revision: i64,
) -> Result<(), StoreError> {
    Manifested { table_name: table, revision }.execute(on).await.map(drop)
}

/// Returns the tables whose list of files has changed since it was written.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unmanifested(on: &impl GenericClient) -> Result<Vec<String>, StoreError> {
    Unmanifested {}.rows(on).await?.iter().map(|row| row.read("table_name")).collect()
}

/// Returns since when something waits to be copied; `None` if nothing does.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn oldest_waiting(on: &impl GenericClient) -> Result<Option<Timestamp>, StoreError> {
    OldestWaiting {}.one(on).await?.read("since")
}
