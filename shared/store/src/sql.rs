//! Statements: their text in `sql/<table>/<verb>.sql`, and their parameters by name and type.

mod text;
mod types;

use postgres_types::{ToSql, Type};
use tokio_postgres::GenericClient;

use crate::{Row, StoreError};

pub(crate) use text::{length, numbered, text};
pub use types::Element;
pub(crate) use types::Typed;

/// A statement, its name for logs and errors, and the types of its parameters.
///
/// With the types given, tokio-postgres parses, binds and executes in one round trip and leaves no
/// prepared statement behind.
#[derive(Debug)]
pub struct Sql {
    /// `<table>.<verb>`
    pub name: &'static str,
    /// The text that is sent: without comments, and with `$n` in place of `:name`.
    pub text: &'static str,
    /// One type a parameter, in order.
    pub types: &'static [Type],
}

/// A parameter's value.
pub(crate) type Param<'a> = &'a (dyn ToSql + Sync);

/// A parameter's value with its type, as the driver takes it.
pub(crate) type TypedParam<'a> = (Param<'a>, Type);

/// Returns a value with its type.
pub(crate) fn typed<T: Typed + ToSql + Sync>(value: &T) -> TypedParam<'_> {
    (value, T::TYPE)
}

/// A statement with the values of its parameters. `statements!` declares them.
pub(crate) trait Statement {
    /// The statement without values.
    const SQL: &'static Sql;

    /// The values in the order of the types.
    fn params(&self) -> Vec<TypedParam<'_>>;

    /// Returns all rows.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    async fn rows(&self, on: &impl GenericClient) -> Result<Vec<Row>, StoreError> {
        match on.query_typed(Self::SQL.text, &self.params()).await {
            Ok(rows) => Ok(rows.into_iter().map(|row| Row::new(Self::SQL.name, row)).collect()),
            Err(error) => Err(StoreError::new(Self::SQL.name, error)),
        }
    }

    /// Returns the only row.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails, or returns no row or more than one.
    async fn one(&self, on: &impl GenericClient) -> Result<Row, StoreError> {
        match on.query_typed_one(Self::SQL.text, &self.params()).await {
            Ok(row) => Ok(Row::new(Self::SQL.name, row)),
            Err(error) => Err(StoreError::new(Self::SQL.name, error)),
        }
    }

    /// Returns the only row, or `None` if there is none.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails, or returns more than one row.
    async fn optional(&self, on: &impl GenericClient) -> Result<Option<Row>, StoreError> {
        match on.query_typed_opt(Self::SQL.text, &self.params()).await {
            Ok(row) => Ok(row.map(|row| Row::new(Self::SQL.name, row))),
            Err(error) => Err(StoreError::new(Self::SQL.name, error)),
        }
    }

    /// Returns how many rows were changed.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    async fn execute(&self, on: &impl GenericClient) -> Result<u64, StoreError> {
        on.execute_typed(Self::SQL.text, &self.params())
            .await
            .map_err(|error| StoreError::new(Self::SQL.name, error))
    }
}

/// Declares the statements of a module, and `STATEMENTS`, the list of them.
///
/// `outbox.purge: Purge { before: Uuid, limit: i64 }` is the statement in `sql/outbox/purge.sql`.
/// Its name is `outbox.purge`, and its parameters are `:before` and `:limit`. To run it, fill in
/// the struct and call a method of [`Statement`]: `Purge { before, limit }.execute(on)`. With
/// `in "src/facts";` before the first statement, the files are in that directory.
macro_rules! statements {
    (in $directory:literal; $($table:ident.$verb:ident: $name:ident $(<$life:lifetime>)? {
        $($param:ident: $type:ty),* $(,)?
    })*) => {
        pub(crate) const STATEMENTS: &[&$crate::Sql] =
            &[$(<$name as $crate::sql::Statement>::SQL),*];

        $(
            #[derive(Clone, Copy)]
            pub(crate) struct $name $(<$life>)? {
                $(pub $param: $type),*
            }

            impl $(<$life>)? $crate::sql::Statement for $name $(<$life>)? {
                const SQL: &'static $crate::Sql =
                    $crate::sql::from_file!(in $directory; $table.$verb { $($param: $type),* });

                fn params(&self) -> Vec<$crate::sql::TypedParam<'_>> {
                    vec![$($crate::sql::typed(&self.$param)),*]
                }
            }
        )*
    };
    ($table:ident.$verb:ident: $($rest:tt)*) => {
        $crate::sql::statements! { in "sql"; $table.$verb: $($rest)* }
    };
}

/// The statement in `<directory>/<table>/<verb>.sql` with these parameters.
macro_rules! from_file {
    (in $directory:literal; $table:ident.$verb:ident { $($param:ident: $type:ty),* $(,)? }) => {
        &{
            const NAMES: &[&str] = &[$(stringify!($param)),*];
            const FILE: &str = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/", $directory, "/", stringify!($table), "/", stringify!($verb), ".sql"
            ));
            const LENGTH: usize = $crate::sql::length(FILE, NAMES);
            const TEXT: [u8; LENGTH] = $crate::sql::numbered(FILE, NAMES);
            $crate::Sql {
                name: concat!(stringify!($table), ".", stringify!($verb)),
                text: $crate::sql::text(&TEXT),
                types: &[$(<$type as $crate::sql::Typed>::TYPE),*],
            }
        }
    };
}

pub(crate) use {from_file, statements};
