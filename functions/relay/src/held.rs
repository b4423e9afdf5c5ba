//! Retention where rows are copied for analysts: a row that is in no file yet is kept.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::archive::kept::{self, Archived, Limits};

use crate::{PATIENCE, Ports};

/// Rows that are kept for longer than this beyond their retention are told. An alarm watches it.
const TOLD_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Asks how far each table is copied. Nothing is asked where nothing is copied.
    pub(crate) async fn archived(&self) -> Result<Archived, StoreError> {
        let Some(bucket) = &self.retention.bucket else { return Ok(Archived::Off) };
        let asking = async {
            let connection = self.database.connection().await?;
            kept::archived(&**connection, bucket).await
        };
        self.database.within(PATIENCE, asking).await
    }

    /// Tells of tables whose rows are kept for more than a day longer than their retention, because
    /// they are in no file yet.
    pub(crate) async fn tell_held(&self, limits: &Limits, archived: &Archived, now: Timestamp) {
        if *archived == Archived::Off {
            return;
        }
        let asking = async {
            let connection = self.database.connection().await?;
            kept::held(&**connection, limits, archived).await
        };
        match self.database.within(PATIENCE, asking).await {
            Ok(held) => {
                for (table, since) in held {
                    let longer = limits.get(table.as_str()).map(|limit| elapsed(since, *limit));
                    if let Some(longer) = longer.filter(|longer| *longer > TOLD_AFTER) {
                        let (held_s, age_s) = (longer.as_secs(), elapsed(since, now).as_secs());
                        tracing::error!(event = "retention_held", table, held_s, age_s);
                    }
                }
            }
            Err(error) => {
                tracing::error!(event = "not_measured", what = "held", error = chain(&error));
            }
        }
    }
}
