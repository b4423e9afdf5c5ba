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
        shown_since: Timestamp,
        after: &'a str,
        limit: i64,
    }
    payments.unseen_deals: Deals<'a> {
        source: &'a str,
        entity: &'a str,
        run: Uuid,
        shown_since: Timestamp,
        after: &'a str,
        limit: i64,
    }
    calendar_events.unseen: CalendarEvents<'a> {
        source: &'a str,
        entity: &'a str,
        part: &'a str,
        run: Uuid,
        shown_since: Timestamp,
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
    pub part: &'a str,
    /// The run.
    pub run: RunId,
    /// The run's beginning, less the time that the vendor's lists may lag behind.
    pub shown_since: Timestamp,
}

/// Some rows of the table, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The last id looked at. The next chunk begins after it.
    pub last: String,
    /// The number of rows looked at.
    pub accounted: u64,
    /// The ids that nothing has shown.
    pub unseen: Vec<String>,
}

/// Looks through the next rows after the id `after` that are not deleted and were last changed
/// before [`FullList::shown_since`]. A row is unseen if the outbox has received no version of it
/// since, from the run or from anywhere else. Returns `None` at the table's end.
///
/// # Errors
/// [`StoreError`] if the statement fails.
pub async fn next(
    tx: &Transaction<'_>,
    swept: Swept,
    list: FullList<'_>,
    after: &str,
) -> Result<Option<Chunk>, StoreError> {
    let FullList { source, entity, part, run, shown_since } = list;
    let (run, limit) = (run.0, ROWS);
    let row = match swept {
        Swept::Contacts => {
            Contacts { source, entity, run, shown_since, after, limit }.one(tx).await?
        }
        Swept::Deals => Deals { source, entity, run, shown_since, after, limit }.one(tx).await?,
        Swept::CalendarEvents => {
            CalendarEvents { source, entity, part, run, shown_since, after, limit }.one(tx).await?
        }
    };
    let last: Option<String> = row.read("last")?;
    let accounted = u64::try_from(row.read::<i64>("accounted")?).unwrap_or_default();
    last.map(|last| Ok(Chunk { last, accounted, unseen: row.read("unseen")? })).transpose()
}
