//! Rows of ours that the vendor does not show.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, full_run_key, vanished_movement};
use penstock_store::outbox::{self, Arrival};
use penstock_store::reconciliations::{self, Unseen};
use penstock_store::{StoreError, Transaction};

use super::Work;

/// A list that is not up to date may lack payments younger than this (trap 7).
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// Rows a statement.
const CHUNK: i64 = 500;

/// Gives a tombstone to each row of ours that the differing days' lists did not show. It goes
/// through the gate like any other version, and an object that shows again is newer.
pub(super) async fn bury(
    tx: &Transaction<'_>,
    work: &Work<'_>,
    arrival: Arrival<'_>,
    now: Timestamp,
) -> Result<Vec<OutboxId>, StoreError> {
    let Some((key, since)) = work.state.mend else { return Ok(Vec::new()) };
    let (shown_as, round, kind) =
        (full_run_key(key.as_run()), work.state.round - 1, work.run.key.entity);
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let until = (shown_as.as_str(), since - SETTLED);
        let unseen =
            reconciliations::unseen(tx, work.comparison(), round, until, (&after, CHUNK)).await?;
        let Some(last) = unseen.last() else { break };
        after.clone_from(&last.external_id);
        let payload = |row: &Unseen| {
            vanished_movement(kind, &row.external_id, row.amount, &row.currency, row.occurred_at)
        };
        let payloads: Vec<Vec<u8>> = unseen.iter().map(payload).collect();
        let tombstone = |(row, payload): (Unseen, _)| Item {
            entity: kind.to_owned(),
            external_id: row.external_id,
            version_key: format!("gone:{}", key.0),
            version_at: now,
            api_version: None,
            payload,
        };
        let items: Vec<Item<'_>> =
            unseen.into_iter().zip(payloads.iter().map(Vec::as_slice)).map(tombstone).collect();
        rows.extend(outbox::insert(tx, arrival, &items).await?);
    }
    if !rows.is_empty() {
        let (source, rows) = (work.run.key.source, rows.len());
        tracing::warn!(event = "ghosts_buried", run = %work.run.at.id, source, kind, rows);
    }
    Ok(rows)
}
