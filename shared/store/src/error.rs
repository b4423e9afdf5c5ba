//! What went wrong in Postgres, and what that means for the work in hand.

use std::error::Error;
use std::time::Duration;

use deadpool_postgres::PoolError;
use penstock_domain::disposition::{Disposition, Reason, ReasonKind};
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
    /// A column of a row cannot be read: it is not there, or has another type.
    #[error("column {column} of {statement} cannot be read")]
    Column {
        /// `<table>.<verb>`
        statement: &'static str,
        /// The column's name.
        column: &'static str,
        /// Says which type was met and which was wanted.
        #[source]
        source: tokio_postgres::Error,
    },
    /// No connection could be had.
    #[error("no connection to Postgres")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Postgres did not answer within this time ([`in_time`](crate::in_time)).
    #[error("Postgres has not answered within {0:?}")]
    Silent(Duration),
    /// The schema could not be brought up to date.
    #[error("migration failed")]
    Migration(#[source] Box<refinery::Error>),
    /// The lease on a pull was taken over by another run; this one must stop.
    #[error("the lease was lost: fence {0} is no longer current")]
    FenceLost(i64),
}

/// When to try again what failed because Postgres is away or busy; the queue's visibility time-out decides
/// in the end.
const LATER: Duration = Duration::from_secs(60);

impl StoreError {
    pub(crate) fn new(name: &'static str, source: tokio_postgres::Error) -> Self {
        Self::Statement { name, source }
    }

    /// What becomes of work that ended in this error.
    ///
    /// Dead where the values are to blame: SQLSTATE classes 21 and 22 (cardinality, data exception), 23
    /// (integrity constraint violation) and 54 (a limit exceeded, such as the size of an index row); the
    /// same again would be refused again. Retried at once where another
    /// transaction was in the way (class 40), later where Postgres is away or busy.
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

    /// Whether Postgres could not be reached, went away, or turned us away as it starts, stops or is full.
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

    /// Whether a connection broke on a statement: its peer may have hung up before (trap 44), and another connection may
    /// do. What the statement did, nobody knows.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.is_unreachable()
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

impl From<PoolError> for StoreError {
    fn from(e: PoolError) -> Self {
        Self::Unavailable(Box::new(e))
    }
}
