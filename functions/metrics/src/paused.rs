//! Pulls that a vendor refuses, as replies show them.

use jiff::Timestamp;
use penstock_store::sync_state::pauses::Pause;
use serde::Serialize;

/// A pull that a vendor refuses. It is tried again by itself, ever more seldom, up to an hour.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "PausedPull"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PausedPull {
    source: String,
    connection: String,
    entity: String,
    /// `full`, `incremental`, `reconcile`, or `object` for objects that are read again by id.
    mode: String,
    /// When it was first refused.
    since: Timestamp,
    /// From when on it is tried again.
    next_try_at: Timestamp,
}

impl From<(String, Pause)> for PausedPull {
    fn from((vendor, pause): (String, Pause)) -> Self {
        let Pause { source: connection, entity, mode, since, next_try_at } = pause;
        Self { source: vendor, connection, entity, mode, since, next_try_at }
    }
}
