//! The errors of Postgres, and what becomes of the work that meets them.

use std::error::Error;
use std::time::Duration;

use deadpool_postgres::PoolError;
use penstock_domain::dependency::Dependency;
use penstock_domain::disposition::{Disposition, Reason, ReasonKind};
use tokio_postgres::error::SqlState;

/// An error of a statement, of the connection or of the pool.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres refused a statement, or the connection broke on it.
    #[error("statement {name} failed")]
    Statement {
        /// `<table>.<verb>`
        name: &'static str,
        /// The error of Postgres or of the connection.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A column of a row cannot be read: it is not there, or has another type.
    #[error("column {column} of {statement} cannot be read")]
    Column {
        /// `<table>.<verb>`
        statement: &'static str,
        /// The name that was asked for.
        column: &'static str,
        /// Says which type was met and which was wanted.
        #[source]
        source: tokio_postgres::Error,
    },
    /// There is no connection: Postgres is unreachable, or the pool is empty.
    #[error("no connection to Postgres")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Postgres did not answer within this time ([`in_time`](crate::in_time)).
    #[error("Postgres has not answered within {0:?}")]
    Silent(Duration),
    /// The schema could not be brought up to date.
    #[error("migration failed")]
    Migration(#[source] Box<refinery::Error>),
    /// Another function has taken the lease on the pull: this one must roll back and stop.
    #[error("the lease was lost: fence {0} is no longer current")]
    FenceLost(i64),
}

/// The pause before work is retried that failed because Postgres is unreachable or busy. In the end
/// the queue's visibility timeout decides.
const LATER: Duration = Duration::from_secs(60);

impl StoreError {
    pub(crate) fn new(name: &'static str, source: tokio_postgres::Error) -> Self {
        Self::Statement { name, source }
    }

    /// Returns the disposition of work that ended in this error.
    ///
    /// It is dead if the values are to blame, because the same values would be refused again. The
    /// SQLSTATE classes are 21 (cardinality), 22 (data exception), 23 (integrity constraint
    /// violation) and 54 (a limit exceeded, such as the size of an index row). It is retried at
    /// once if another transaction was in the way (class 40), and later if Postgres is unreachable
    /// or busy.
    pub fn disposition(&self) -> Disposition {
        let code = self.sql_state().map_or("", SqlState::code);
        match code.get(..2) {
            Some("21" | "22" | "23" | "54") => Disposition::Dead(Reason::new(
                ReasonKind::Refused,
                format!("Postgres refuses it: {}", self.reason()),
            )),
            Some("40") => Disposition::Retry(Duration::ZERO),
            _ => Disposition::Retry(LATER),
        }
    }

    /// Returns whether Postgres is unreachable, went away, or refuses connections because it
    /// starts, stops or has no room.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Silent(_) => true,
            Self::Statement { source, .. } => match source.code() {
                Some(state) => {
                    ["08", "53", "57P"].iter().any(|class| state.code().starts_with(class))
                }
                None => {
                    source.is_closed()
                        || Error::source(source).is_some_and(|e| e.is::<std::io::Error>())
                }
            },
            _ => false,
        }
    }

    /// Returns whether a connection broke on a statement. Its peer may have hung up long before, so
    /// another connection may work. It is not known whether the statement was committed.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.is_unreachable()
    }

    /// Returns the SQLSTATE, if Postgres answered.
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Statement { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Returns the message of Postgres without the statement or its values, for dead letters and
    /// logs.
    pub fn reason(&self) -> String {
        match self {
            Self::Statement { source, .. } => match source.as_db_error() {
                Some(db) => {
                    let constraint =
                        db.constraint().map(|c| format!(" (constraint {c})")).unwrap_or_default();
                    format!("{}: {}{constraint}", db.code().code(), db.message())
                }
                None => source.to_string(),
            },
            other => other.to_string(),
        }
    }
}

impl Dependency for StoreError {
    fn is_unreachable(&self) -> bool {
        StoreError::is_unreachable(self)
    }
}

impl From<PoolError> for StoreError {
    fn from(e: PoolError) -> Self {
        Self::Unavailable(Box::new(e))
    }
}
