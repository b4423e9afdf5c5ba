//! Rows that a full list no longer shows.

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use penstock_domain::source::Kept;
use postgres_types::Type;
use tokio_postgres::Transaction;

use crate::{Sql, StoreError};

static IN_CONTACTS: Sql = Sql {
    name: "outbox.ghosts_in_contacts",
    text: include_str!("../../sql/outbox/ghosts_in_contacts.sql"),
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::TIMESTAMPTZ, Type::TEXT, Type::INT8],
};

static IN_DEALS: Sql = Sql {
    name: "outbox.ghosts_in_deals",
    text: include_str!("../../sql/outbox/ghosts_in_deals.sql"),
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::TIMESTAMPTZ, Type::TEXT, Type::INT8],
};

static IN_CALENDAR: Sql = Sql {
    name: "outbox.ghosts_in_calendar",
    text: include_str!("../../sql/outbox/ghosts_in_calendar.sql"),
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

pub(crate) static STATEMENTS: &[&Sql] = &[&IN_CONTACTS, &IN_DEALS, &IN_CALENDAR];

/// Rows of the table a statement looks at, so that none takes long however large the table is.
const ROWS: i64 = 10_000;

/// The full run that showed what there is.
#[derive(Debug, Clone, Copy)]
pub struct Pull<'a> {
    /// The vendor.
    pub source: &'a str,
    /// What was pulled.
    pub entity: &'a str,
    /// Which calendar, where it is one.
    pub scope: &'a str,
    /// The run.
    pub run: RunId,
    /// When it began.
    pub began: Timestamp,
}

/// A part of the table, looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The last id looked at: go on after it.
    pub last: String,
    /// Those that have vanished.
    pub ghosts: Vec<String>,
}

/// Looks through the next rows after the id `after` that stand, and were last changed before the run began: a ghost
/// is one of which the outbox has received no version since, from the run or from anywhere. `None` at the end.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn next(
    tx: &Transaction<'_>,
    kept: Kept,
    pull: Pull<'_>,
    after: &str,
) -> Result<Option<Chunk>, StoreError> {
    let Pull { source, entity, scope, run, began } = pull;
    let row = match kept {
        Kept::Contacts => {
            IN_CONTACTS.one(tx, &[&source, &entity, &run.0, &began, &after, &ROWS]).await?
        }
        Kept::Deals => IN_DEALS.one(tx, &[&source, &entity, &run.0, &began, &after, &ROWS]).await?,
        Kept::CalendarEvents => {
            IN_CALENDAR.one(tx, &[&source, &entity, &run.0, &began, &after, &ROWS, &scope]).await?
        }
    };
    let last: Option<String> = row.read("last")?;
    last.map(|last| Ok(Chunk { last, ghosts: row.read("ghosts")? })).transpose()
}
