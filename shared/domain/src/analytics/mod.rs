//! The analytics copy: which tables are copied, the columns of their files, and how files are
//! named.
//!
//! Columns are only ever added, at the end of their table. Readers rely on names and types.

mod column;
mod manifest;
mod names;
mod tables;

#[cfg(test)]
mod tests;

pub use column::{Column, Kind, Origin};
pub use manifest::{File, Manifest};
pub use names::{BATCH_BYTES, Part, manifest_key, object_key};
pub use tables::TABLES;

/// How the rows of a table change after they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// A row is copied once, and says the same for ever.
    Never,
    /// A row is copied again after it has changed. The copy with the greatest `archive_epoch` and
    /// `tx` is the newest of its `row_key`.
    Versions,
}

/// A table of the copy.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The name, in Postgres and in the store.
    pub name: &'static str,
    /// Its contents, as a sentence.
    pub meaning: &'static str,
    /// How its rows change.
    pub changes: Changes,
    /// The columns in their order, those of every table first.
    pub columns: &'static [Column],
}

impl Table {
    /// Returns the table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Returns the column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the names of the columns that a query has to select, in their order. Some columns of
    /// the file have no column of their own.
    pub fn selected(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter(|column| column.origin == Origin::Itself).map(|c| c.name)
    }
}
