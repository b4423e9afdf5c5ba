//! How far retention may go: rows that are in no file of the analytics copy yet are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_domain::ids::oldest_id_at;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    archive_marks.archived: ReadArchived<'a> { tables: &'a [&'a str], bucket: &'a str }
    archive_marks.held: Held {
        outbox_before: Option<Uuid>,
        outbox_to: i64,
        events_before: Option<Timestamp>,
        events_to: i64,
        leads_before: Option<Timestamp>,
        leads_to: i64,
        transactions_before: Option<Timestamp>,
        transactions_to: i64,
        letters_before: Option<Timestamp>,
        letters_to: i64,
    }
}

/// The tables that retention deletes rows of, and that are copied.
const TABLES: &[&str] = &["outbox", "events", "leads", "transactions", "dead_letters"];

/// Of each copied table the transaction before which all rows are in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archived {
    /// Nothing is copied, so nothing is kept for it.
    Off,
    /// The transactions by table. Rows of a table that is not in here are kept.
    To(BTreeMap<String, i64>),
}

/// The times before which rows are too old, by table; a table that is not in here keeps its rows.
pub type Limits = BTreeMap<&'static str, Timestamp>;

impl Archived {
    /// Returns the transaction from which on rows of a table are kept.
    #[must_use]
    pub fn to(&self, table: &str) -> i64 {
        match self {
            Self::To(known) if TABLES.contains(&table) => known.get(table).copied().unwrap_or(0),
            _ => i64::MAX,
        }
    }
}

/// Asks how far each table is copied into a bucket.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn archived(on: &impl GenericClient, bucket: &str) -> Result<Archived, StoreError> {
    let rows = ReadArchived { tables: TABLES, bucket }.rows(on).await?;
    let read = |row: &Row| Ok((row.read("table_name")?, row.read("to_tx")?));
    Ok(Archived::To(rows.iter().map(read).collect::<Result<_, StoreError>>()?))
}

/// Returns the tables with rows that are too old and are kept because they are in no file, each
/// with the time of the oldest one.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn held(
    on: &impl GenericClient,
    limits: &Limits,
    archived: &Archived,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let before = |table: &str| limits.get(table).copied();
    let held = Held {
        outbox_before: before("outbox").map(oldest_id_at),
        outbox_to: archived.to("outbox"),
        events_before: before("events"),
        events_to: archived.to("events"),
        leads_before: before("leads"),
        leads_to: archived.to("leads"),
        transactions_before: before("transactions"),
        transactions_to: archived.to("transactions"),
        letters_before: before("dead_letters"),
        letters_to: archived.to("dead_letters"),
    };
    let rows = held.rows(on).await?;
    rows.iter().map(|row| Ok((row.read("table_name")?, row.read("since")?))).collect()
}
