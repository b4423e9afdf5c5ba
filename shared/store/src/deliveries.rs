//! What was pushed, into the outbox: one row, and where it only names an object, the wish to read it. Both in
//! one transaction, by whoever brings it: the request itself, or a message that went round a database that was away.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Delivery;

use crate::outbox::{self, Arrival};
use crate::{Database, StoreError, begin, commit, refetch};

/// Commits a delivery; the answer is its row, or `None` where this version is known already.
///
/// `relay` takes its messages for lost from `arrival.ticket_due_at` on. Where one is known already, the wish to
/// read its object was committed with it, and is not made again.
///
/// # Errors
/// Whatever Postgres answers. Where the connection broke nobody knows whether it was committed; doing it again does
/// no harm.
pub async fn take(
    database: &Database,
    arrival: Arrival<'_>,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Option<OutboxId>, StoreError> {
    let mut connection = database.connection().await?;
    let tx = begin(&mut connection).await?;
    let new = outbox::insert(&tx, arrival, std::slice::from_ref(&delivery.item)).await?;
    if let (Some((kind, id)), false) = (&delivery.look, new.is_empty()) {
        refetch::request(&tx, arrival.source, &[(kind, id)], now, arrival.ticket_due_at).await?;
    }
    commit(tx).await?;
    Ok(new.first().copied())
}
