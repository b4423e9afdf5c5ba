//! Transactions by state.

use penstock_domain::transaction::State;
use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    transactions.by_state: States<'a> { statuses: &'a [&'a str], limit: i64 }
}

/// Transactions of a state are counted up to here. A count that reaches it says that there may be
/// more.
pub const MOST_COUNTED: i64 = 10_000;

/// Counts the transactions of each state, at most [`MOST_COUNTED`] of each.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn by_state(on: &impl GenericClient) -> Result<Vec<(State, i64)>, StoreError> {
    let statuses = State::ALL.map(State::as_str);
    let rows = States { statuses: &statuses, limit: MOST_COUNTED }.rows(on).await?;
    let counts = rows.iter().map(|row| row.read("count"));
    State::ALL.into_iter().zip(counts).map(|(state, count)| Ok((state, count?))).collect()
}
