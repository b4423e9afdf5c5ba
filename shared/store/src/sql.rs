//! A statement with its name and parameter types.

use postgres_types::{ToSql, Type};
use tokio_postgres::GenericClient;

use crate::{Row, StoreError};

/// A statement, its name for logs and errors, and the types of its parameters.
///
/// With the types given, tokio-postgres parses, binds and executes in one round trip and leaves no
/// prepared statement behind.
#[derive(Debug)]
pub struct Sql {
    /// `<table>.<verb>`
    pub name: &'static str,
    /// The statement itself.
    pub text: &'static str,
    /// One type a parameter, in order.
    pub types: &'static [Type],
}

/// A parameter's value.
pub type Param<'a> = &'a (dyn ToSql + Sync);

impl Sql {
    fn typed<'a>(&self, params: &[Param<'a>]) -> Vec<(Param<'a>, Type)> {
        debug_assert_eq!(params.len(), self.types.len(), "{}", self.name);
        params.iter().copied().zip(self.types.iter().cloned()).collect()
    }

    /// Returns all rows.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn rows(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        match on.query_typed(self.text, &self.typed(params)).await {
            Ok(rows) => Ok(rows.into_iter().map(|row| Row::new(self.name, row)).collect()),
            Err(error) => Err(StoreError::new(self.name, error)),
        }
    }

    /// Returns the only row.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails, or returns no row or more than one.
    pub async fn one(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Row, StoreError> {
        match on.query_typed_one(self.text, &self.typed(params)).await {
            Ok(row) => Ok(Row::new(self.name, row)),
            Err(error) => Err(StoreError::new(self.name, error)),
        }
    }

    /// Returns the only row, or `None` if there is none.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails, or returns more than one row.
    pub async fn optional(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, StoreError> {
        match on.query_typed_opt(self.text, &self.typed(params)).await {
            Ok(row) => Ok(row.map(|row| Row::new(self.name, row))),
            Err(error) => Err(StoreError::new(self.name, error)),
        }
    }

    /// Returns how many rows were changed.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn execute(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<u64, StoreError> {
        on.execute_typed(self.text, &self.typed(params))
            .await
            .map_err(|error| StoreError::new(self.name, error))
    }
}
