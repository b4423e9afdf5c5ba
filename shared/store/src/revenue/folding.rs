//! Folding: what statements changed moves from `revenue_deltas` into `revenue_sums`. No figure
//! depends on when that is done, because readers add up both.

use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Connection, StoreError};

statements! {
    revenue_deltas.fold: Fold { most: i32 }
    revenue_deltas.count: CountDeltas {}
}

/// Folds up to `most` deltas, and returns how many there were; `None` if somebody else folds. It is
/// a transaction of its own.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails. Nothing is folded then.
pub async fn fold(on: &Connection, most: u32) -> Result<Option<u64>, StoreError> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    let folded: Option<i64> = Fold { most }.one(&***on).await?.read("folded")?;
    Ok(folded.map(i64::unsigned_abs))
}

/// Counts the deltas that are not folded yet.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unfolded(on: &impl GenericClient) -> Result<u64, StoreError> {
    let count: i64 = CountDeltas {}.one(on).await?.read("count")?;
    Ok(count.unsigned_abs())
}
