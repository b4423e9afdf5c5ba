//! Names and sizes of files.

use jiff::civil::Date;

use super::Table;

/// The rows of one file hold about this many bytes in Postgres, where long values are compressed
/// by lz4. Parquet under zstd is smaller, so that a file is never larger.
pub const BATCH_BYTES: i64 = 128 << 20;

/// The rows of a file: of one table, by transactions from `from_tx` until before `to_tx`, that
/// arrived on one day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name of the table.
    pub table: &'a str,
    /// The life of the database.
    pub epoch: i32,
    /// The first transaction.
    pub from_tx: i64,
    /// The transaction after the last.
    pub to_tx: i64,
    /// The day of arrival.
    pub day: Date,
    /// The number among the files of this window and day, from 0 on.
    pub part: i32,
}

/// Returns the key of the object with these rows. It follows from its range, so that a second
/// attempt writes the same object.
#[must_use]
pub fn object_key(of: Part<'_>) -> String {
    let Part { table, epoch, from_tx, to_tx, day, part } = of;
    format!("v1/{table}/dt={day}/{epoch}-{from_tx}-{to_tx}-{part}.parquet")
}

/// Returns the key of the object that says which files of a table count.
#[must_use]
pub fn manifest_key(table: &Table) -> String {
    format!("v1/_manifest/{}.json", table.name)
}
