//! The rows of a file, as Parquet.

use bytes::Bytes;
use penstock_clients::objects::Objects;
use penstock_domain::analytics::Table;
use penstock_domain::clock::Clock;
use penstock_store::archive::batches::{Batch, Written};
use penstock_store::archive::rows;

use crate::file::FileWriter;
use crate::manifest::sha256;
use crate::{ArchiveError, Ports};

/// A file that is ready to be written.
pub(crate) struct Ready {
    pub(crate) body: Bytes,
    pub(crate) written: Written,
}

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Reads the rows of a file and makes it; `None` if no row is left: all have moved on to later
    /// files, or are deleted.
    pub(crate) async fn make(&self, batch: &Batch) -> Result<Option<Ready>, ArchiveError> {
        let table = Table::named(&batch.table)
            .ok_or_else(|| ArchiveError::file(&batch.table, "this release does not copy it"))?;
        let mut file = FileWriter::new(table, batch.epoch, batch.amount.bytes, &self.settings)?;
        let connection = self.database.connection().await?;
        let mut rows = rows::read(&**connection, batch).await?;
        while let Some(row) = rows.next().await? {
            file.push(&row)?;
        }
        drop((rows, connection));
        let finished = file.finish()?;
        if finished.rows == 0 {
            return Ok(None);
        }
        let sums = finished.sums.into_iter().map(|(code, sum)| (code, sum.to_string()));
        let sums: std::collections::BTreeMap<String, String> = sums.collect();
        let written = Written {
            rows: finished.rows,
            bytes: i64::try_from(finished.bytes.len()).unwrap_or(i64::MAX),
            sums: serde_json::to_string(&sums)?,
            sha256: sha256(&finished.bytes),
        };
        Ok(Some(Ready { body: Bytes::from(finished.bytes), written }))
    }
}
