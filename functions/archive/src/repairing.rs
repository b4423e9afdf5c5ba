//! Days that a person asks for: files whose objects are gone are written again.

use jiff::Timestamp;
use penstock_clients::objects::Objects;
use penstock_domain::analytics::TABLES;
use penstock_domain::clock::Clock;
use penstock_store::archive::batches;

use crate::{ArchiveError, Ports, Report, Request};

/// The files that one statement lists.
const PAGE: i64 = 100;

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Looks for the objects of all files of the days that are asked for, until `stop_at`, and has
    /// those written again that are gone. They are the same files, with the rows that are left.
    pub(crate) async fn repair(
        &self,
        request: &Request,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), ArchiveError> {
        let Some(days) = request.wanted() else { return Ok(()) };
        let is_wanted = |name: &str| days.table.as_deref().is_none_or(|table| table == name);
        if !TABLES.iter().any(|table| is_wanted(table.name)) {
            let table = days.table.as_deref().unwrap_or_default();
            return Err(ArchiveError::file(table, "no such table is copied"));
        }
        for table in TABLES.iter().filter(|table| is_wanted(table.name)) {
            let mut after = String::new();
            loop {
                let connection = self.database.connection().await?;
                let range = (days.from, days.to);
                let page = batches::of_days(&**connection, table.name, range, &after, PAGE).await?;
                drop(connection);
                let Some(last) = page.last() else { break };
                after.clone_from(&last.key);
                for batch in &page {
                    if self.clock.now() >= stop_at {
                        report.complete = Some(false);
                        return Ok(());
                    }
                    if self.objects.head(&batch.key).await?.is_none() {
                        let connection = self.database.connection().await?;
                        let is_lost = batches::put_back(&**connection, batch.id).await?;
                        report.repaired += usize::from(is_lost);
                    }
                }
            }
        }
        report.complete = Some(true);
        Ok(())
    }
}
