//! A statement with its name and parameter types.

use postgres_types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row};

use crate::StoreError;

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

    /// All rows.
    ///
    /// # Errors
    /// Whatever Postgres or the connection answers, with the statement's name.
    pub async fn rows(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        on.query_typed(self.text, &self.typed(params))
            .await
            .map_err(|e| StoreError::new(self.name, e))
    }

    /// Exactly one row.
    ///
    /// # Errors
    /// As [`Sql::rows`], and where there is none or more than one.
    pub async fn one(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Row, StoreError> {
        on.query_typed_one(self.text, &self.typed(params))
            .await
            .map_err(|e| StoreError::new(self.name, e))
    }

    /// One row or none.
    ///
    /// # Errors
    /// As [`Sql::rows`], and where there is more than one.
    pub async fn optional(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, StoreError> {
        on.query_typed_opt(self.text, &self.typed(params))
            .await
            .map_err(|e| StoreError::new(self.name, e))
    }

    /// How many rows were changed.
    ///
    /// # Errors
    /// As [`Sql::rows`].
    pub async fn execute(
        &self,
        on: &impl GenericClient,
        params: &[Param<'_>],
    ) -> Result<u64, StoreError> {
        on.execute_typed(self.text, &self.typed(params))
            .await
            .map_err(|e| StoreError::new(self.name, e))
    }
}
