//! The folding of what has changed revenue since the round before.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_edge::telemetry::chain;
use penstock_store::{StoreError, revenue};

use crate::{PATIENCE, Ports};

/// Deltas a statement. Of fewer, fewer are of the same quarter hour, and each costs more.
const DELTAS: u32 = 20_000;

/// The outcome of the folding of a round.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// The number of deltas that were folded.
    pub deltas: u64,
    /// The number of deltas that are left.
    pub left: u64,
    /// Whether a statement failed, or took too long.
    pub failed: bool,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Folds deltas until none is left, somebody else folds, or it is `stop_at`. Then it counts
    /// what is left.
    pub(crate) async fn fold(&self, stop_at: Timestamp) -> Folded {
        let mut all = Folded::default();
        if let Err(error) = self.fold_into(&mut all, stop_at).await {
            tracing::error!(event = "not_folded", error = chain(&error));
            all.failed = true;
        }
        all
    }

    async fn fold_into(&self, all: &mut Folded, stop_at: Timestamp) -> Result<(), StoreError> {
        loop {
            let left = elapsed(self.clock.now(), stop_at).min(PATIENCE);
            if left.is_zero() {
                break;
            }
            let folding = async {
                let connection = self.database.connection().await?;
                revenue::fold(&connection, DELTAS).await
            };
            let folded: Option<u64> = self.database.within(left, folding).await?;
            all.deltas += folded.unwrap_or(0);
            if folded.is_none_or(|folded| folded < u64::from(DELTAS)) {
                break;
            }
        }
        let counting = async {
            let connection = self.database.connection().await?;
            revenue::unfolded(&**connection).await
        };
        all.left = self.database.within(PATIENCE, counting).await?;
        Ok(())
    }
}
