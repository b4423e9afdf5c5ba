//! The days on which payments are as the vendor has them.

use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};

statements! {
    console.reconciled: Reconciled<'a> {
        first: Date,
        last: Date,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
    }
}

/// The newest reconciliation of one kind of payment that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The run.
    pub run: Uuid,
    /// The name of the vendor, and that of the connection.
    pub vendor: String,
    pub source: String,
    pub entity: String,
    /// When it began. It has compared what occurred until then.
    pub began: Timestamp,
    /// The days, in UTC, on which the two sides still differ.
    pub differing: Vec<Date>,
}

/// Returns the newest reconciliations of these connections, with the differing days of a range.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn looks(
    on: &impl GenericClient,
    chosen: Chosen<'_>,
    (first, last): (Date, Date),
) -> Result<Vec<Look>, StoreError> {
    let look = |row: &Row| {
        Ok(Look {
            run: row.read("id")?,
            vendor: row.read("vendor")?,
            source: row.read("source")?,
            entity: row.read("entity")?,
            began: row.read("started_at")?,
            differing: row.read("differing")?,
        })
    };
    let Chosen { vendor, connection } = chosen;
    Reconciled { first, last, vendor, connection }.rows(on).await?.iter().map(look).collect()
}
