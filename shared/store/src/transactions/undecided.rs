//! Transactions that have no end yet, counted for the operators.

use jiff::Timestamp;
use penstock_domain::transaction::State;
use tokio_postgres::GenericClient;

use super::state;
use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    transactions.undecided: Of<'a> { statuses: &'a [&'a str], before: &'a [Timestamp], limit: i64 }
}

/// The most transactions of a state that are counted. A count beyond is no news.
pub const MOST: i64 = 10_000;

/// The transactions in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The state.
    pub state: State,
    /// Their number, [`MOST`] at most.
    pub count: i64,
    /// When the oldest of them came in.
    pub since: Timestamp,
}

/// Counts the transactions of each state that came in before the instant beside it. A state without
/// any is left out.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn undecided(
    on: &impl GenericClient,
    states: &[(State, Timestamp)],
) -> Result<Vec<Undecided>, StoreError> {
    let statuses: Vec<&str> = states.iter().map(|(state, _)| state.as_str()).collect();
    let before: Vec<Timestamp> = states.iter().map(|(_, before)| *before).collect();
    let rows = Of { statuses: &statuses, before: &before, limit: MOST }.rows(on).await?;
    let read = |row: &crate::Row| {
        Ok(Undecided { state: state(row)?, count: row.read("count")?, since: row.read("since")? })
    };
    rows.iter().map(read).collect()
}
