//! Lives of the database. One that was restored or moved is copied once more, from the start. So is
//! one whose copy goes into another bucket.

use std::time::Duration;

use penstock_clients::objects::Objects;
use penstock_domain::analytics::{TABLES, Table};
use penstock_domain::clock::{Clock, elapsed};
use penstock_store::{StoreError, archive, begin, commit};

use crate::{ArchiveError, Ports};

/// Why a life begins.
const FIRST: &str = "nothing was copied before";
const MOVED: &str = "the database is on another cluster";
const ELSEWHERE: &str = "the copy goes into another bucket";
const RESTORED: &str = "the store has files that Postgres does not know";

/// Two databases that write to one bucket would each take the other for its own future. The second
/// restore within this time is refused.
const CONTEST: Duration = Duration::from_secs(86_400);

/// The rows that are taken over from another cluster by one statement.
const ADOPTED: i32 = 100_000;

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Begins a life of the database if it has none, is on another cluster than the newest, or is
    /// copied into another bucket.
    pub(crate) async fn epoch(&self) -> Result<(), ArchiveError> {
        let connection = self.database.connection().await?;
        let (number, why) = match archive::epoch(&**connection).await? {
            None => (0, FIRST),
            Some(epoch) if !epoch.is_this_cluster => (epoch.number, MOVED),
            Some(epoch) if epoch.bucket != self.settings.bucket() => (epoch.number, ELSEWHERE),
            Some(epoch) => {
                archive::ensure_marks(&**connection, epoch.number, &names()).await?;
                return Ok(());
            }
        };
        drop(connection);
        self.begin_epoch(number, why).await
    }

    /// Begins a life because the store knows more than Postgres: that was restored to a time
    /// before.
    ///
    /// # Errors
    /// [`ArchiveError::Contested`] if that happens again within a day.
    pub(crate) async fn begin_again(&self) -> Result<(), ArchiveError> {
        let connection = self.database.connection().await?;
        let known = archive::epoch(&**connection).await?;
        drop(connection);
        let number = match &known {
            Some(epoch)
                if epoch.why == RESTORED && elapsed(epoch.began_at, self.clock.now()) < CONTEST =>
            {
                return Err(ArchiveError::Contested);
            }
            Some(epoch) => epoch.number,
            None => 0,
        };
        self.begin_epoch(number, RESTORED).await
    }

    /// Begins the life after `number`, and after all that the store knows of. The files that its
    /// lists name are kept, and known to Postgres from here on.
    async fn begin_epoch(&self, number: i32, why: &str) -> Result<(), ArchiveError> {
        let mut lists = Vec::new();
        for table in TABLES {
            if let Some((manifest, _)) = self.manifest(table).await? {
                lists.push((table, manifest));
            }
        }
        let newest = lists.iter().map(|(_, list)| list.epoch).max().unwrap_or(0).max(number);
        let revision = lists.iter().map(|(_, list)| list.revision).max().unwrap_or(0);
        self.adopt_rows().await?;
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let (epoch, bucket) = (newest + 1, self.settings.bucket());
        let began = archive::begin_epoch(&tx, epoch, why, bucket, &names(), revision, now).await?;
        if began {
            for (table, list) in &lists {
                archive::batches::adopt(&tx, table.name, list, now).await?;
            }
        }
        commit(tx).await?;
        if began {
            tracing::warn!(event = "archive_epoch", epoch, why);
        }
        Ok(())
    }

    /// Takes over rows that carry transactions of another cluster, from a dump.
    async fn adopt_rows(&self) -> Result<(), StoreError> {
        let connection = self.database.connection().await?;
        for table in names() {
            while archive::adopt(&**connection, table, ADOPTED).await? > 0 {}
        }
        Ok(())
    }
}

/// Returns the names of the tables.
pub(crate) fn names() -> Vec<&'static str> {
    TABLES.iter().map(|Table { name, .. }| *name).collect()
}
