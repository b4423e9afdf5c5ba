//! The errors of Postgres, and what becomes of the work that meets them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use deadpool_postgres::PoolError;
use penstock_domain::dependency::Dependency;
use penstock_domain::disposition::{Disposition, FailureClass, Reason, ReasonKind};
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
        source: DriverError,
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
    /// A column holds a text that this release cannot read.
    #[error("column {column} cannot be read")]
    Unreadable {
        /// The table and the column.
        column: &'static str,
    },
    /// There is no connection: Postgres is unreachable, or the pool is empty.
    #[error("no connection to Postgres")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Postgres did not answer within this time ([`Database::within`](crate::Database::within)).
    #[error("Postgres has not answered within {0:?}")]
    Silent(Duration),
    /// The schema could not be brought up to date.
    #[error("migration failed")]
    Migration(#[source] Box<refinery::Error>),
    /// Another function has taken the lease on the pull: this one must roll back and stop.
    #[error("the lease was lost: fence {0} is no longer current")]
    FenceLost(i64),
}

/// An error of the driver whose texts repeat no value of a row.
///
/// Postgres' DETAIL carries rows ("Failing row contains …"), and the driver prints it. So this
/// prints the SQLSTATE, the message and the constraint only. Messages of class 22 quote what cannot
/// be read, and are printed without their quotations.
pub struct DriverError(tokio_postgres::Error);

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(db) = self.0.as_db_error() else { return self.0.fmt(f) };
        let code = db.code().code();
        if code.starts_with("22") {
            write!(f, "{code}: {}", without_quotations(db.message()))?;
        } else {
            write!(f, "{code}: {}", db.message())?;
        }
        db.constraint().map_or(Ok(()), |constraint| write!(f, " (constraint {constraint})"))
    }
}

/// The derived form would print everything that Postgres said.
impl fmt::Debug for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for DriverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().filter(|_| self.0.as_db_error().is_none())
    }
}

impl From<tokio_postgres::Error> for DriverError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(error)
    }
}

/// Replaces everything between the first quotation mark and the last one.
fn without_quotations(message: &str) -> String {
    match (message.split_once('"'), message.rsplit_once('"')) {
        (Some((before, inside)), Some((_, after))) if inside.contains('"') => {
            format!("{before}\"…\"{after}")
        }
        _ => message.to_owned(),
    }
}

/// The pause before work is retried that failed because Postgres is unreachable or busy. In the end
/// the queue's visibility timeout decides.
const LATER: Duration = Duration::from_secs(60);

impl StoreError {
    pub(crate) fn new(name: &'static str, source: tokio_postgres::Error) -> Self {
        Self::Statement { name, source: source.into() }
    }

    /// Returns the disposition of work that ended in this error.
    ///
    /// It is dead if the values are to blame, because the same values would be refused again. The
    /// SQLSTATE classes are 21 (cardinality), 22 (data exception), 23 (integrity constraint
    /// violation) and 54 (a limit exceeded, such as the size of an index row). It is retried at
    /// once if another transaction was in the way (class 40), and later if Postgres is unreachable
    /// or busy, or has no leaf for the row.
    pub fn disposition(&self) -> Disposition {
        let code = self.sql_state().map_or("", SqlState::code);
        match code.get(..2) {
            _ if self.has_no_leaf() => Disposition::Retry(LATER),
            Some("21" | "22" | "23" | "54") => Disposition::Dead(Reason::new(
                ReasonKind::Refused,
                format!("Postgres refuses it: {}", self.reason()),
            )),
            Some("40") => Disposition::Retry(Duration::ZERO),
            _ => Disposition::Retry(LATER),
        }
    }

    /// Returns the class of failures that this error is of. A statement that Postgres ended, or
    /// that does not fit to its schema yet, may work the next time.
    pub fn class(&self) -> FailureClass {
        match self.disposition() {
            Disposition::Dead(_) => FailureClass::Permanent,
            _ if self.is_unreachable() && !self.is_answered() => FailureClass::Dependency,
            _ => FailureClass::Transient,
        }
    }

    /// Returns whether Postgres is unreachable, went away, refuses connections because it starts,
    /// stops or has no room, has ended a statement or a transaction that took too long or collided
    /// with another, or has no leaf for the row. None of it is the row's fault.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Silent(_) => true,
            Self::Statement { .. } if self.is_answered() => true,
            Self::Statement { source: DriverError(error), .. } => match error.code() {
                Some(state) => ["08", "53", "57P", "25P03", "25P04"]
                    .iter()
                    .any(|class| state.code().starts_with(class)),
                None => {
                    error.is_closed()
                        || Error::source(error).is_some_and(|e| e.is::<std::io::Error>())
                }
            },
            _ => false,
        }
    }

    /// Returns whether a connection broke on a statement. Its peer may have hung up long before, so
    /// another connection may work. It is not known whether the statement was committed.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.is_unreachable() && !self.is_answered()
    }

    /// Returns whether a statement was under way when Postgres went away, or was ended. It is not
    /// known whether the statement was committed.
    pub fn was_under_way(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.is_unreachable()
    }

    /// Returns whether Postgres has refused the statement for what it met, on a connection that
    /// works: its time was over, the row's day has no leaf, or another transaction was in the way.
    fn is_answered(&self) -> bool {
        let collided = self.sql_state().is_some_and(|state| state.code().starts_with("40"));
        self.is_out_of_time() || self.has_no_leaf() || collided
    }

    /// Returns whether Postgres has ended the statement: by a limit of its role, or by request.
    fn is_out_of_time(&self) -> bool {
        let limits = [&SqlState::QUERY_CANCELED, &SqlState::LOCK_NOT_AVAILABLE];
        self.sql_state().is_some_and(|state| limits.contains(&state))
    }

    /// Returns whether the outbox has no leaf for the row's day. Postgres reports it as a violated
    /// check, but names no constraint.
    fn has_no_leaf(&self) -> bool {
        let Self::Statement { source: DriverError(error), .. } = self else { return false };
        error
            .as_db_error()
            .is_some_and(|db| *db.code() == SqlState::CHECK_VIOLATION && db.constraint().is_none())
    }

    /// Returns whether a row of the same unique key is there.
    pub fn is_unique_violation(&self) -> bool {
        self.sql_state() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Returns the SQLSTATE, if Postgres answered.
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Statement { source, .. } => source.0.code(),
            _ => None,
        }
    }

    /// Returns the message of Postgres without the statement or its values, for dead letters and
    /// logs.
    pub fn reason(&self) -> String {
        match self {
            Self::Statement { source, .. } => source.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_left_out_with_all_that_may_stand_in_it() {
        for (message, printed) in [
            (
                "invalid input syntax for type bigint: \"a \"b\" c\"",
                "invalid input syntax for type bigint: \"…\"",
            ),
            ("value \"9\" is out of range", "value \"…\" is out of range"),
            ("a lone \" mark", "a lone \" mark"),
            ("bigint out of range", "bigint out of range"),
        ] {
            assert_eq!(without_quotations(message), printed);
        }
    }
}
