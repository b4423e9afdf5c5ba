//! Why something was not copied.

use penstock_clients::objects::ObjectError;
use penstock_domain::dependency::Dependency;
use penstock_store::StoreError;

/// Why something was not copied. Nothing is lost by it: the next event goes on.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Rows do not become Parquet.
    #[error("a file of {table} cannot be made: {reason}")]
    File {
        /// The name of the table.
        table: String,
        /// The reason, without a value of a row.
        reason: String,
    },
    /// The store has another object under the name of a file, or its facts cannot be read.
    #[error("the object {key} is not of this database")]
    Foreign {
        /// The key of the object.
        key: String,
    },
    /// The store again has files that Postgres does not know, within a day: two databases write to
    /// one bucket, or the database is being restored again and again.
    #[error("another database writes to this bucket")]
    Contested,
    /// A list of files does not become JSON.
    #[error("a list of files is no JSON")]
    Json(#[from] serde_json::Error),
}

impl ArchiveError {
    /// Creates the error of a file that cannot be made.
    pub(crate) fn file(table: &str, reason: impl ToString) -> Self {
        Self::File { table: table.to_owned(), reason: reason.to_string() }
    }

    /// Whether Postgres has failed.
    pub(crate) fn is_of_postgres(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

impl Dependency for ArchiveError {
    fn is_unreachable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unreachable(),
            Self::Objects(error) => error.is_unreachable(),
            Self::File { .. } | Self::Foreign { .. } | Self::Contested | Self::Json(_) => false,
        }
    }
}
