//! The search of files for people who were erased (docs/adr/0069-erasing-from-files.md).

use jiff::Timestamp;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::batches::Written;
use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    archive_batches.search: Search { revision: i64, now: Timestamp, until: Timestamp }
    archive_batches.note_search: NoteSearch { id: Uuid, revision: i64 }
    archive_batches.put_off_search: PutOff<'a> { id: Uuid, error: &'a str, again_at: Timestamp }
    archive_batches.replace: Replace<'a> {
        id: Uuid,
        new_id: Uuid,
        key: &'a str,
        rows: i64,
        bytes: i64,
        sha256: &'a [u8],
        revision: i64,
        now: Timestamp,
    }
    archive_batches.to_remove: ToRemove { limit: i64 }
    archive_batches.note_removed: NoteRemoved { id: Uuid, now: Timestamp }
    archive_batches.unsearched: Unsearched {}
}

/// A file that is to be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The batch that it is.
    pub id: Uuid,
    /// The name of its table.
    pub table: String,
    /// The key of its object.
    pub key: String,
    /// The number of its rows.
    pub rows: i64,
}

/// Files that are left to a later round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Files that were not searched for all names that were erased.
    pub unsearched: i64,
    /// Objects that were replaced and are still there.
    pub unremoved: i64,
}

/// Claims the next file that was not searched for the names up to `revision`, until `until`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    on: &impl GenericClient,
    revision: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Unread>, StoreError> {
    let Some(row) = (Search { revision, now, until }).optional(on).await? else { return Ok(None) };
    Ok(Some(Unread {
        id: row.read("id")?,
        table: row.read("table_name")?,
        key: row.read("key")?,
        rows: row.read("rows")?,
    }))
}

/// Notes that a file names nobody of those up to `revision`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_searched(
    on: &impl GenericClient,
    id: Uuid,
    revision: i64,
) -> Result<(), StoreError> {
    NoteSearch { id, revision }.execute(on).await.map(drop)
}

/// Notes that a file could not be searched, and is claimed again from `again_at` on.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn put_off(
    on: &impl GenericClient,
    id: Uuid,
    error: &str,
    again_at: Timestamp,
) -> Result<(), StoreError> {
    PutOff { id, error, again_at }.execute(on).await.map(drop)
}

/// Puts the file under `key` in the place of another. From then on the list of files names it, and
/// the other one is to be removed. Returns false if that was known.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn replace(
    on: &impl GenericClient,
    id: Uuid,
    key: &str,
    written: &Written,
    revision: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Written { rows, bytes, sha256, .. } = written;
    let (rows, bytes, new_id) = (*rows, *bytes, Uuid::now_v7());
    let replace = Replace { id, new_id, key, rows, bytes, sha256, revision, now };
    Ok(replace.optional(on).await?.is_some())
}

/// Returns up to `limit` objects that were replaced and can be deleted, each with its batch. The
/// list of files in the store does not name them any more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn to_remove(
    on: &impl GenericClient,
    limit: i64,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    let rows = ToRemove { limit }.rows(on).await?;
    rows.iter().map(|row| Ok((row.read("id")?, row.read("key")?))).collect()
}

/// Notes that the object of a file that was replaced is gone.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_removed(
    on: &impl GenericClient,
    id: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    NoteRemoved { id, now }.execute(on).await.map(drop)
}

/// Counts the files that are left to a later round.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn left(on: &impl GenericClient) -> Result<Left, StoreError> {
    let row = Unsearched {}.one(on).await?;
    Ok(Left { unsearched: row.read("unsearched")?, unremoved: row.read("unremoved")? })
}
