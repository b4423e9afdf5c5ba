//! The search of files for people who were erased (docs/adr/0069-erasing-from-files.md).

use jiff::Timestamp;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::batches::Written;
use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    archive_batches.search: Search { revision: i64, now: Timestamp, until: Timestamp }
    archive_batches.note_search: NoteSearch { id: Uuid, until: Timestamp, revision: i64 }
    archive_batches.put_off_search: PutOff<'a> {
        id: Uuid,
        until: Timestamp,
        error: &'a str,
        again_at: Timestamp,
    }
    archive_batches.begin_successor: BeginSuccessor<'a> {
        id: Uuid,
        until: Timestamp,
        successor: &'a str,
    }
    archive_batches.replace: Replace<'a> {
        id: Uuid,
        until: Timestamp,
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
    /// The key of an object that an earlier attempt has begun in its place, and may have written.
    pub successor: Option<String>,
    /// The end of this claim. Once another call claims the file, nothing is noted by this one.
    pub until: Timestamp,
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
        successor: row.read("successor")?,
        until,
    }))
}

/// Notes that a claimed file names nobody of those up to `revision`. The object that was begun in
/// its place has to be deleted before.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_searched(
    on: &impl GenericClient,
    file: &Unread,
    revision: i64,
) -> Result<(), StoreError> {
    let Unread { id, until, .. } = *file;
    NoteSearch { id, until, revision }.execute(on).await.map(drop)
}

/// Notes that a claimed file could not be searched, and is claimed again from `again_at` on.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn put_off(
    on: &impl GenericClient,
    file: &Unread,
    error: &str,
    again_at: Timestamp,
) -> Result<(), StoreError> {
    let Unread { id, until, .. } = *file;
    PutOff { id, until, error, again_at }.execute(on).await.map(drop)
}

/// Notes the key of the object that is written in the place of a claimed file, before it is. One
/// that an earlier attempt has begun under another key has to be deleted before. Returns false if
/// another call has claimed the file.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin_successor(
    on: &impl GenericClient,
    file: &Unread,
    key: &str,
) -> Result<bool, StoreError> {
    let Unread { id, until, .. } = *file;
    Ok(BeginSuccessor { id, until, successor: key }.optional(on).await?.is_some())
}

/// Puts the file under `key` in the place of a claimed one. From then on the list of files names
/// it, and the other one is to be removed. Returns false if that was known, or another call has
/// claimed the file.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn replace(
    on: &impl GenericClient,
    file: &Unread,
    key: &str,
    written: &Written,
    revision: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Unread { id, until, .. } = *file;
    let Written { rows, bytes, sha256, .. } = written;
    let (rows, bytes, new_id) = (*rows, *bytes, Uuid::now_v7());
    let replace = Replace { id, until, new_id, key, rows, bytes, sha256, revision, now };
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
