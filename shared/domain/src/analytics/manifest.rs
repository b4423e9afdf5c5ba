//! The list of the files of a table that count, as it is written beside them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The files of a table. Readers who want to be exact read those in here and no others, of all
/// epochs. The newest version of a row has the greatest `archive_epoch` and `tx`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name of the table.
    pub table: String,
    /// The life of the database that has written it.
    pub epoch: i32,
    /// How many changes of the list came before. A list with a smaller number is older.
    pub revision: i64,
    /// The transaction before which all rows are in files.
    pub to_tx: i64,
    /// The time at which it was written.
    pub written_at: Timestamp,
    /// The number of rows in all files of the newest epoch.
    pub rows: i64,
    /// The files of the newest epoch, by day and window.
    pub files: Vec<File>,
    /// The files of epochs before: copies of the database before it was restored or moved. They
    /// have rows that retention has deleted since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<File>,
}

impl Manifest {
    /// Returns the epoch and the revision, by which the newer one of two lists is known.
    #[must_use]
    pub const fn version(&self) -> (i32, i64) {
        (self.epoch, self.revision)
    }
}

/// A file that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The batch that it is.
    pub id: Uuid,
    /// The key of the object.
    pub key: String,
    /// The day of arrival, in UTC.
    pub dt: Date,
    /// The life of the database.
    pub epoch: i32,
    /// The first transaction.
    pub from_tx: i64,
    /// The transaction after the last.
    pub to_tx: i64,
    /// The number among the files of this window and day.
    pub part: i32,
    /// The number of rows.
    pub rows: i64,
    /// The size of the object in bytes.
    pub bytes: i64,
    /// The SHA-256 of the object, in hexadecimal digits.
    pub sha256: String,
    /// The sums of amounts in minor units by currency, as text: they may pass 64 bits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, String>,
}
