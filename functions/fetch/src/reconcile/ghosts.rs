//! What we have and the vendor does not.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, full_run_key, vanished_movement};
use penstock_store::outbox::{self, Arrival};
use penstock_store::reconciliations::{self, Ghost};
use penstock_store::{StoreError, Transaction};

use super::Work;

/// What is younger than this may be missing in a list that is not up to date (trap 7).
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// Rows a statement.
const CHUNK: i64 = 500;

/// Gives each row of ours that the differing days' lists did not show a tombstone: it goes through the gate like any
/// other version, and an object that shows again is newer.
pub(super) async fn bury(
    tx: &Transaction<'_>,
    work: &Work<'_>,
    arrival: Arrival<'_>,
    now: Timestamp,
) -> Result<Vec<OutboxId>, StoreError> {
    let Some((key, since)) = work.stand.mend else { return Ok(Vec::new()) };
    let (shown_as, look, kind) =
        (full_run_key(key.as_run()), work.stand.look - 1, work.run.key.entity);
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let until = (shown_as.as_str(), since - SETTLED);
        let ghosts =
            reconciliations::ghosts(tx, work.scope(), look, until, (&after, CHUNK)).await?;
        let Some(last) = ghosts.last() else { break };
        after.clone_from(&last.external_id);
        let payload = |g: &Ghost| {
            vanished_movement(kind, &g.external_id, g.amount, &g.currency, g.occurred_at)
        };
        let payloads: Vec<Vec<u8>> = ghosts.iter().map(payload).collect();
        let tombstone = |(ghost, payload): (Ghost, _)| Item {
            entity: kind.to_owned(),
            external_id: ghost.external_id,
            version_key: format!("gone:{}", key.0),
            version_at: now,
            api_version: None,
            payload,
        };
        let items: Vec<Item<'_>> =
            ghosts.into_iter().zip(payloads.iter().map(Vec::as_slice)).map(tombstone).collect();
        rows.extend(outbox::insert(tx, arrival, &items).await?);
    }
    if !rows.is_empty() {
        let (source, rows) = (work.run.key.source, rows.len());
        tracing::warn!(event = "ghosts_buried", run = %work.run.at.id, source, kind, rows);
    }
    Ok(rows)
}
