//! The leaves of the outbox, one a day of arrival (docs/adr/0052-partitions.md). Functions of the
//! schema make and drop them as the owner of the tables, and wait for no lock longer than 50 ms.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    outbox.make_leaves: MakeLeaves { now: Timestamp, days: i32 }
    outbox.empty_leaf: EmptyLeaf { before: Timestamp, archived: i64 }
    outbox.drop_leaf: DropLeaf { before: Timestamp }
}

/// The days after today for which there is to be a leaf.
pub const AHEAD: i32 = 7;

/// Makes the leaves of today and of [`AHEAD`] days where they are missing. Returns for how many
/// days after today there are leaves without a gap; -1 is none for today.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn make(on: &impl GenericClient, now: Timestamp) -> Result<i32, StoreError> {
    MakeLeaves { now, days: AHEAD }.one(on).await?.read("days_ahead")
}

/// The outcome of a try to empty a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emptied {
    /// The leaf of this name is empty now.
    Leaf(String),
    /// The leaf of this name is in use. A later try may find it free.
    Busy(String),
    /// Every old leaf is empty, or has rows that are pending, dead or in no file yet.
    Nothing,
}

/// Empties the oldest leaf from before `before` that holds only processed rows, of transactions
/// before `archived`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn empty(
    on: &impl GenericClient,
    before: Timestamp,
    archived: i64,
) -> Result<Emptied, StoreError> {
    let Some(row) = (EmptyLeaf { before, archived }).optional(on).await? else {
        return Ok(Emptied::Nothing);
    };
    let name = row.read("name")?;
    Ok(if row.read("is_emptied")? { Emptied::Leaf(name) } else { Emptied::Busy(name) })
}

/// Drops the oldest leaf from before `before` that is empty, and returns its name. Returns `None`
/// if there is none, or if the outbox is in use.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn drop_one(
    on: &impl GenericClient,
    before: Timestamp,
) -> Result<Option<String>, StoreError> {
    DropLeaf { before }.one(on).await?.read("name")
}
