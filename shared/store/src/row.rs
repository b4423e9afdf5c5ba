//! The one way to read a row: by column name, or by the place of that, and never by a panic.

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
        self.row.try_get(column).map_err(|source| self.unreadable(column, source))
    }

    /// Reads a column by its place, which [`Row::place`] has found in a row of the same statement.
    /// That saves a search in each of many rows.
    ///
    /// # Errors
    /// As [`Row::read`].
    pub fn read_at<'row, T: FromSql<'row>>(
        &'row self,
        place: usize,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.row.try_get(place).map_err(|source| self.unreadable(column, source))
    }

    /// Returns the place of a column; `None` if the statement returns no such column.
    #[must_use]
    pub fn place(&self, column: &str) -> Option<usize> {
        self.row.columns().iter().position(|of| of.name() == column)
    }

    fn unreadable(&self, column: &'static str, source: tokio_postgres::Error) -> StoreError {
        StoreError::Column { statement: self.statement, column, source }
    }
}
