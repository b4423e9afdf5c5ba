//! The `archive_batches` table: the files of the analytics copy, each planned before it is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::analytics::{File, Manifest};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use super::Amount;
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    archive_batches.parts: Parts<'a> {
        table_name: &'a str,
        from_tx: i64,
        to_tx: i64,
        bytes: i64,
    }
    archive_batches.plan: Plan<'a> {
        table_name: &'a str,
        epoch: i32,
        from_tx: i64,
        to_tx: i64,
        now: Timestamp,
        ids: &'a [Uuid],
        days: &'a [Date],
        parts: &'a [i32],
        first_ids: &'a [&'a str],
        last_ids: &'a [&'a str],
        keys: &'a [&'a str],
        rows: &'a [i64],
        bytes: &'a [i64],
    }
    archive_batches.claim: Claim { now: Timestamp, until: Timestamp }
    archive_batches.fail: Fail<'a> { id: Uuid, error: &'a str, again_at: Timestamp }
    archive_batches.settle: Settle<'a> {
        id: Uuid,
        rows: i64,
        bytes: i64,
        sums: &'a str,
        sha256: &'a [u8],
        now: Timestamp,
    }
    archive_batches.withdraw: Withdraw { id: Uuid }
    archive_batches.put_back: PutBack { id: Uuid }
    archive_batches.of_days: OfDays<'a> {
        table_name: &'a str,
        from_day: Date,
        to_day: Date,
        after: &'a str,
        limit: i64,
    }
    archive_batches.listed: Listed<'a> { table_name: &'a str }
    archive_batches.unfinished: Unfinished<'a> { table_name: Option<&'a str> }
    archive_batches.replace_unlisted: ReplaceUnlisted<'a> {
        table_name: &'a str,
        keys: &'a [&'a str],
        written_at: Timestamp,
    }
    archive_batches.adopt: AdoptFiles<'a> {
        table_name: &'a str,
        now: Timestamp,
        ids: &'a [Uuid],
        epochs: &'a [i32],
        from_txs: &'a [i64],
        to_txs: &'a [i64],
        days: &'a [Date],
        parts: &'a [i32],
        keys: &'a [&'a str],
        rows: &'a [i64],
        bytes: &'a [i64],
        sums: &'a [String],
        sha256s: &'a [&'a str],
    }
}

/// A part of a window that becomes a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPart {
    /// The day of arrival.
    pub day: Date,
    /// The number among the files of this window and day.
    pub number: i32,
    /// The key of its first row.
    pub first_id: String,
    /// The key of its last row.
    pub last_id: String,
    /// How much it holds.
    pub amount: Amount,
}

/// A file to be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The id.
    pub id: Uuid,
    /// Its rows.
    pub part: WindowPart,
    /// The key of the object.
    pub object: String,
}

/// A file as it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The id.
    pub id: Uuid,
    /// The name of the table.
    pub table: String,
    /// The life of the database.
    pub epoch: i32,
    /// The first transaction.
    pub from_tx: i64,
    /// The transaction after the last.
    pub to_tx: i64,
    /// The day of arrival.
    pub day: Date,
    /// The number among the files of this window and day.
    pub part: i32,
    /// The key of the first row; `None` of files of an earlier life.
    pub first_id: Option<String>,
    /// The key of the last row; `None` of files of an earlier life.
    pub last_id: Option<String>,
    /// The key of the object.
    pub key: String,
    /// How much it holds.
    pub amount: Amount,
    /// The number of attempts at writing it, with this one.
    pub attempts: i32,
}

/// Facts about a file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The number of rows.
    pub rows: i64,
    /// The size in bytes.
    pub bytes: i64,
    /// The sums of amounts in minor units by currency, as a JSON object of texts.
    pub sums: String,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Returns a column: one value of each file.
fn each<'f, F, V>(files: &'f [F], value: impl Fn(&'f F) -> V) -> Vec<V> {
    files.iter().map(value).collect()
}

fn read_batch(row: &Row) -> Result<Batch, StoreError> {
    Ok(Batch {
        id: row.read("id")?,
        table: row.read("table_name")?,
        epoch: row.read("epoch")?,
        from_tx: row.read("from_tx")?,
        to_tx: row.read("to_tx")?,
        day: row.read("day")?,
        part: row.read("part")?,
        first_id: row.read("first_id")?,
        last_id: row.read("last_id")?,
        key: row.read("key")?,
        amount: Amount::read(row)?,
        attempts: row.read("attempts")?,
    })
}

/// Returns the parts of a window of a table: a day of arrival each, or some of its rows where it
/// holds more than `bytes`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn parts(
    on: &impl GenericClient,
    table: &str,
    window: (i64, i64),
    bytes: i64,
) -> Result<Vec<WindowPart>, StoreError> {
    let (from_tx, to_tx) = window;
    let rows = Parts { table_name: table, from_tx, to_tx, bytes }.rows(on).await?;
    let read = |row: &Row| {
        Ok(WindowPart {
            day: row.read("day")?,
            number: row.read("part")?,
            first_id: row.read("first_id")?,
            last_id: row.read("last_id")?,
            amount: Amount::read(row)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Plans the files of a window. Run it in the transaction that moves the mark on.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn plan(
    on: &Transaction<'_>,
    table: &str,
    epoch: i32,
    window: (i64, i64),
    files: &[Planned],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (from_tx, to_tx) = window;
    let plan = Plan {
        table_name: table,
        epoch,
        from_tx,
        to_tx,
        now,
        ids: &each(files, |file| file.id),
        days: &each(files, |file| file.part.day),
        parts: &each(files, |file| file.part.number),
        first_ids: &each(files, |file| file.part.first_id.as_str()),
        last_ids: &each(files, |file| file.part.last_id.as_str()),
        keys: &each(files, |file| file.object.as_str()),
        rows: &each(files, |file| file.part.amount.rows),
        bytes: &each(files, |file| file.part.amount.bytes),
    };
    plan.execute(on).await.map(drop)
}

/// Claims the next file that is to be written, until `until`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    on: &impl GenericClient,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Batch>, StoreError> {
    Claim { now, until }.optional(on).await?.as_ref().map(read_batch).transpose()
}

/// Notes that a claimed file was not written, and is claimed again from `again_at` on.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn fail(
    on: &impl GenericClient,
    id: Uuid,
    error: &str,
    again_at: Timestamp,
) -> Result<(), StoreError> {
    Fail { id, error, again_at }.execute(on).await.map(drop)
}

/// Notes that a file is there. Returns false if that was known.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(
    on: &impl GenericClient,
    id: Uuid,
    written: &Written,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Written { rows, bytes, sums, sha256 } = written;
    let settle = Settle { id, rows: *rows, bytes: *bytes, sums, sha256, now };
    Ok(settle.optional(on).await?.is_some())
}

/// Forgets a planned file of which no row is left. An object that was begun in its place is to be
/// removed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn withdraw(on: &impl GenericClient, id: Uuid) -> Result<(), StoreError> {
    Withdraw { id }.execute(on).await.map(drop)
}

/// Has a file written again whose object is gone. Returns false if that was known.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn put_back(on: &impl GenericClient, id: Uuid) -> Result<bool, StoreError> {
    Ok(PutBack { id }.optional(on).await?.is_some())
}

/// Returns up to `limit` files of a table with rows of these days, by key and after `after`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of_days(
    on: &impl GenericClient,
    table: &str,
    days: (Date, Date),
    after: &str,
    limit: i64,
) -> Result<Vec<Batch>, StoreError> {
    let (from_day, to_day) = days;
    let rows = OfDays { table_name: table, from_day, to_day, after, limit }.rows(on).await?;
    rows.iter().map(read_batch).collect()
}

/// Returns the files of a table that count, of all lives of the database.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or sums cannot be read.
pub async fn listed(on: &impl GenericClient, table: &str) -> Result<Vec<File>, StoreError> {
    let read = |row: &Row| {
        let sums: BTreeMap<String, String> = serde_json::from_str(row.read("sums")?)
            .map_err(|_| StoreError::Unreadable { column: "archive_batches.sums" })?;
        Ok(File {
            id: row.read("id")?,
            key: row.read("key")?,
            dt: row.read("day")?,
            epoch: row.read("epoch")?,
            from_tx: row.read("from_tx")?,
            to_tx: row.read("to_tx")?,
            part: row.read("part")?,
            rows: row.read("rows")?,
            bytes: row.read("bytes")?,
            sha256: row.read("sha256")?,
            sums,
        })
    };
    Listed { table_name: table }.rows(on).await?.iter().map(read).collect()
}

/// Returns the number of files of a table, or of all, that are still to be written, and an error of
/// one that failed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unfinished(
    on: &impl GenericClient,
    table: Option<&str>,
) -> Result<(i64, Option<String>), StoreError> {
    let row = Unfinished { table_name: table }.one(on).await?;
    Ok((row.read("files")?, row.read("error")?))
}

/// Takes over what the store's list of a table says: files that only it names are known from here
/// on, and files that it does not name any more are replaced ones.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn adopt(
    on: &Transaction<'_>,
    table: &str,
    list: &Manifest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let files = &[&list.files[..], &list.earlier[..]].concat();
    let keys = &each(files, |file| file.key.as_str());
    let unlisted = ReplaceUnlisted { table_name: table, keys, written_at: list.written_at };
    unlisted.execute(on).await?;
    let sums = |file: &File| serde_json::to_string(&file.sums).unwrap_or_else(|_| "{}".to_owned());
    let adopt = AdoptFiles {
        table_name: table,
        now,
        ids: &each(files, |file| file.id),
        epochs: &each(files, |file| file.epoch),
        from_txs: &each(files, |file| file.from_tx),
        to_txs: &each(files, |file| file.to_tx),
        days: &each(files, |file| file.dt),
        parts: &each(files, |file| file.part),
        keys,
        rows: &each(files, |file| file.rows),
        bytes: &each(files, |file| file.bytes),
        sums: &each(files, sums),
        sha256s: &each(files, |file| file.sha256.as_str()),
    };
    adopt.execute(on).await.map(drop)
}
