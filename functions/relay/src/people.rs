//! The erasure of people, and the search that a dry run of one begins. Each step is one short
//! transaction, and complete in itself.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_store::jobs::erase::{self, LookedAt, Next};
use penstock_store::jobs::step;

use crate::jobs::{ITEMS, JOBS};
use crate::{PATIENCE, Ports, RelayError};

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Erases the rows of up to `left` items, and looks for more once none is left that can be
    /// worked now. Returns the number of items.
    pub(crate) async fn erase_person(
        &self,
        id: JobId,
        mut left: usize,
        stop_at: Timestamp,
    ) -> Result<u64, RelayError> {
        let now = self.clock.now();
        let mut items = 0;
        while left > 0 && !self.is_late(stop_at) {
            let worked = self.erase_items(id, left, stop_at).await?;
            left = left.saturating_sub(worked);
            items += worked;
            if left == 0 || !self.search_on(id, stop_at).await? {
                break;
            }
        }
        let noting = async {
            let connection = self.database.connection().await?;
            step::note(&**connection, id, now).await
        };
        self.database.within(PATIENCE, noting).await?;
        tracing::info!(event = "job_worked", job = %id, kind = "erase", items);
        Ok(u64::try_from(items).unwrap_or(u64::MAX))
    }

    /// Looks at each waiting item once. Some stay: others hold their rows, or they are pending.
    async fn erase_items(
        &self,
        id: JobId,
        left: usize,
        stop_at: Timestamp,
    ) -> Result<usize, RelayError> {
        let (mut after, mut items) = (-1, 0);
        while items < left && !self.is_late(stop_at) {
            let now = self.clock.now();
            let erasing = async {
                let connection = self.database.connection().await?;
                erase::erase(&**connection, id, after, ITEMS.min(left - items), now).await
            };
            let LookedAt { items: looked_at, last } =
                self.database.within(PATIENCE, erasing).await?;
            items += looked_at;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(items)
    }

    /// Looks through the tables for rows that have come since the dry run. Returns whether there
    /// may be items to work now.
    async fn search_on(&self, id: JobId, stop_at: Timestamp) -> Result<bool, RelayError> {
        while !self.is_late(stop_at) {
            let now = self.clock.now();
            let advancing = async {
                let connection = self.database.connection().await?;
                erase::advance(&**connection, id, now).await
            };
            match self.database.within(PATIENCE, advancing).await? {
                Next::Wait => return Ok(false),
                Next::Completed => {
                    tracing::info!(event = "job_completed", job = %id);
                    return Ok(false);
                }
                Next::Search => {
                    if self.search(id, stop_at).await? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Searches on until all tables were searched. Returns whether that is so.
    async fn search(&self, id: JobId, stop_at: Timestamp) -> Result<bool, RelayError> {
        while !self.is_late(stop_at) {
            let now = self.clock.now();
            let searching = async {
                let connection = self.database.connection().await?;
                erase::search(&**connection, id, now).await
            };
            if self.database.within(PATIENCE, searching).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on with the searches of dry runs, and takes people out of erasures that were stopped.
    pub(crate) async fn search_for_people(&self, stop_at: Timestamp) -> Result<(), RelayError> {
        let now = self.clock.now();
        let reading = async {
            let connection = self.database.connection().await?;
            erase::forget_stopped(&**connection, now).await?;
            erase::searching(&**connection, JOBS).await
        };
        for id in self.database.within(PATIENCE, reading).await? {
            self.search(id, stop_at).await?;
        }
        Ok(())
    }
}
