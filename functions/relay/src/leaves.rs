//! The leaves of the outbox: made a week ahead, and dropped once their rows are old.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_store::StoreError;
use penstock_store::outbox::leaves::{self, Emptied};

use crate::{PATIENCE, Ports};

/// Whether old leaves are left that the next round can retire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retired {
    All,
    /// One is in use.
    Busy,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Makes the leaves of the days to come. Returns for how many days there are some.
    pub(crate) async fn make_leaves(&self) -> Result<i32, StoreError> {
        let make = async {
            let connection = self.database.connection().await?;
            leaves::make(&**connection, self.clock.now()).await
        };
        self.database.within(PATIENCE, make).await
    }

    /// Empties the leaves from before `before` that have no rows which are needed, all of
    /// transactions before `archived`, and drops them.
    /// Emptying frees the space and holds up nobody. To drop a leaf locks the whole outbox, so that
    /// waits for a moment in which it is not in use.
    pub(crate) async fn retire_leaves(
        &self,
        before: Timestamp,
        archived: i64,
        stop_at: Timestamp,
    ) -> Result<Retired, StoreError> {
        let mut retired = Retired::All;
        while !elapsed(self.clock.now(), stop_at).is_zero() {
            let emptying = async {
                let connection = self.database.connection().await?;
                leaves::empty(&**connection, before, archived).await
            };
            match self.database.within(PATIENCE, emptying).await? {
                Emptied::Leaf(leaf) => tracing::info!(event = "leaf_emptied", leaf),
                Emptied::Busy(leaf) => {
                    tracing::info!(event = "leaf_busy", leaf);
                    retired = Retired::Busy;
                    break;
                }
                Emptied::Nothing => break,
            }
        }
        while !elapsed(self.clock.now(), stop_at).is_zero() {
            let dropping = async {
                let connection = self.database.connection().await?;
                leaves::drop_one(&**connection, before).await
            };
            let Some(leaf) = self.database.within(PATIENCE, dropping).await? else { break };
            tracing::info!(event = "leaf_dropped", leaf);
        }
        Ok(retired)
    }
}
