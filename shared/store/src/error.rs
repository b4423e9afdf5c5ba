//! What went wrong in Postgres, and what that means for the work in hand.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// An error of a statement, of the connection or of the pool.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error("statement {name} failed")]
    Statement {
        /// `<table>.<verb>`
        name: &'static str,
        /// What Postgres said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// No connection could be had.
    #[error("no connection to Postgres")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema could not be brought up to date.
    #[error("migration failed")]
    Migration(#[source] Box<refinery::Error>),
    /// The lease on a pull was taken over by another run; this one must stop.
    #[error("the lease was lost: fence {0} is no longer current")]
    FenceLost(i64),
}

/// What an error means for the work in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A value that Postgres refuses: the same again would be refused again.
    Data,
    /// Everything else: another attempt may succeed.
    Transient,
}

impl StoreError {
    pub(crate) fn new(name: &'static str, source: tokio_postgres::Error) -> Self {
        Self::Statement { name, source }
    }

    /// Whether the data or the circumstances are to blame.
    ///
    /// Data are SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation), and
    /// values that the driver cannot encode, such as text with a NUL.
    pub fn verdict(&self) -> Verdict {
        match self.sql_state() {
            Some(state) if state.code().starts_with("22") || state.code().starts_with("23") => Verdict::Data,
            _ => Verdict::Transient,
        }
    }

    /// Postgres' own code, where it answered.
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Statement { source, .. } => source.code(),
            _ => None,
        }
    }

    /// What Postgres said in its own words, without the statement or its values; for dead letters and logs.
    pub fn reason(&self) -> String {
        match self {
            Self::Statement { source, .. } => match source.as_db_error() {
                Some(db) => {
                    let constraint = db.constraint().map(|c| format!(" (constraint {c})")).unwrap_or_default();
                    format!("{}: {}{constraint}", db.code().code(), db.message())
                }
                None => source.to_string(),
            },
            other => other.to_string(),
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(e: PoolError) -> Self {
        Self::Unavailable(Box::new(e))
    }
}
