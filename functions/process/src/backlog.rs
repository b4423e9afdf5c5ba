//! The changes of revenue that this environment has left to folding. `relay` folds each minute;
//! during a backfill that is helped along from here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_edge::telemetry::chain;
use penstock_store::{StoreError, revenue};

use crate::{Ports, Reader};

/// Rows that an environment processes before it folds.
const ROWS: u64 = 50_000;

/// Deltas that it folds then.
const DELTAS: u32 = 10_000;

/// It folds no longer than this.
const PATIENCE: Duration = Duration::from_secs(3);

/// The number of rows that were processed since this environment folded last.
#[derive(Debug, Default)]
pub struct Backlog(AtomicU64);

impl Backlog {
    pub(crate) fn grow(&self, rows: usize) {
        self.0.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it is time to fold. The count begins anew then.
    fn is_due(&self) -> bool {
        let due = self.0.load(Ordering::Relaxed) >= ROWS;
        if due {
            self.0.store(0, Ordering::Relaxed);
        }
        due
    }
}

impl<C: Clock, Q: Outlet, R: Reader> Ports<C, Q, R> {
    /// Folds a part of the backlog if this environment has processed many rows, and it is not
    /// `stop_at` yet. No figure depends on it, so a failure is logged and no more.
    pub(crate) async fn fold_backlog(&self, stop_at: Timestamp) {
        let left = elapsed(self.clock.now(), stop_at).min(PATIENCE);
        if left.is_zero() || !self.backlog.is_due() {
            return;
        }
        let folding = async {
            let connection = self.database.connection().await?;
            revenue::fold(&connection, DELTAS).await
        };
        let folded: Result<Option<u64>, StoreError> = self.database.within(left, folding).await;
        if let Err(error) = folded {
            tracing::warn!(event = "not_folded", error = chain(&error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_folds_after_so_many_rows_and_counts_anew() {
        let backlog = Backlog::default();
        for _ in 0..2 {
            backlog.grow(49_999);
            assert!(!backlog.is_due());
            backlog.grow(1_000);
            assert!(backlog.is_due());
            assert!(!backlog.is_due());
        }
    }
}
