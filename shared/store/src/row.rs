//! The one way to read a row: by column name, and never by a panic.

use postgres_types::FromSql;

use crate::StoreError;

/// A row that a statement returned.
#[derive(Debug)]
pub struct Row {
    row: tokio_postgres::Row,
    /// The statement's name, for the error of a column that cannot be read.
    statement: &'static str,
}

impl Row {
    pub(crate) fn new(statement: &'static str, row: tokio_postgres::Row) -> Self {
        Self { row, statement }
    }

    /// Reads a column by its name. Text and bytes may borrow from the row.
    ///
    /// # Errors
    /// Returns [`StoreError::Column`] if the statement returns no such column, or if the value is
    /// null or of another type than `T`.
    pub fn read<'row, T: FromSql<'row>>(&'row self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|source| StoreError::Column {
            statement: self.statement,
            column,
            source,
        })
    }
}
