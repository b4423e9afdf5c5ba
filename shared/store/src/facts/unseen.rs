//! Rows that a full list no longer shows.

use jiff::Timestamp;
use penstock_domain::facts::Swept;
use penstock_domain::ids::RunId;
use postgres_types::Type;
use tokio_postgres::Transaction;

use super::{calendar_events, contacts, payments};
use crate::sql::Param;
use crate::{Sql, StoreError};

static CONTACTS: Sql = Sql {
    name: "contacts.unseen",
    text: contacts::UNSEEN,
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::TIMESTAMPTZ, Type::TEXT, Type::INT8],
};

static DEALS: Sql =
    Sql { name: "payments.unseen_deals", text: payments::UNSEEN_DEALS, types: CONTACTS.types };

static CALENDAR_EVENTS: Sql = Sql {
    name: "calendar_events.unseen",
    text: calendar_events::UNSEEN,
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&CONTACTS, &DEALS, &CALENDAR_EVENTS];

/// The most rows that one statement looks at, so that none takes long however large the table is.
const ROWS: i64 = 10_000;

/// The full run that listed everything there is.
#[derive(Debug, Clone, Copy)]
pub struct FullList<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The entity that was listed.
    pub entity: &'a str,
    /// The part of the vendor that was listed, such as a calendar's id; empty if there are no parts.
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
    let statement = match swept {
        Swept::Contacts => &CONTACTS,
        Swept::Deals => &DEALS,
        Swept::CalendarEvents => &CALENDAR_EVENTS,
    };
    let FullList { source, entity, scope, run, began } = list;
    let all: [Param<'_>; 7] = [&source, &entity, &run.0, &began, &after, &ROWS, &scope];
    // The scope comes last: a statement that looks through a whole table does not take it.
    let row = statement.one(tx, &all[..statement.types.len()]).await?;
    let last: Option<String> = row.read("last")?;
    last.map(|last| Ok(Chunk { last, unseen: row.read("unseen")? })).transpose()
}
