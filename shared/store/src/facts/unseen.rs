//! Rows that a full list no longer shows.

use jiff::Timestamp;
use penstock_domain::facts::Swept;
use penstock_domain::ids::RunId;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! { in "src/facts";
    contacts.unseen: Contacts<'a> {
        source: &'a str,
        entity: &'a str,
        run: Uuid,
        began: Timestamp,
        after: &'a str,
        limit: i64,
    }
    payments.unseen_deals: Deals<'a> {
        source: &'a str,
        entity: &'a str,
        run: Uuid,
        began: Timestamp,
        after: &'a str,
        limit: i64,
    }
    calendar_events.unseen: CalendarEvents<'a> {
        source: &'a str,
        entity: &'a str,
        scope: &'a str,
        run: Uuid,
        began: Timestamp,
        after: &'a str,
        limit: i64,
    }
}

/// The most rows that one statement looks at, so that none takes long however large the table is.
const ROWS: i64 = 10_000;

/// The full run that listed everything there is.
#[derive(Debug, Clone, Copy)]
pub struct FullList<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The entity that was listed.
    pub entity: &'a str,
    /// The part of the vendor that was listed, such as a calendar's id; empty if there are no
    /// parts.
    pub scope: &'a str,
    /// The run.
    pub run: RunId,
    /// When the run began.
    pub began: Timestamp,
}

/// Some rows of the table, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The last id looked at. The next chunk begins after it.
    pub last: String,
    /// The ids that were deleted at the vendor.
    pub unseen: Vec<String>,
}

/// Looks through the next rows after the id `after` that are not deleted and were last changed
/// before the run began. A row is unseen if the outbox has received no version of it since, from
/// the run or from anywhere else. Returns `None` at the table's end.
///
/// # Errors
/// [`StoreError`] if the statement fails.
pub async fn next(
    tx: &Transaction<'_>,
    swept: Swept,
    list: FullList<'_>,
    after: &str,
) -> Result<Option<Chunk>, StoreError> {
    let FullList { source, entity, scope, run, began } = list;
    let (run, limit) = (run.0, ROWS);
    let row = match swept {
        Swept::Contacts => Contacts { source, entity, run, began, after, limit }.one(tx).await?,
        Swept::Deals => Deals { source, entity, run, began, after, limit }.one(tx).await?,
        Swept::CalendarEvents => {
            CalendarEvents { source, entity, scope, run, began, after, limit }.one(tx).await?
        }
    };
    let last: Option<String> = row.read("last")?;
    last.map(|last| Ok(Chunk { last, unseen: row.read("unseen")? })).transpose()
}
