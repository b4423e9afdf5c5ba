//! Writes planned files to the store, and notes each that is there.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::objects::{Condition, NewObject, Objects, Put};
use penstock_domain::clock::{Clock, later};
use penstock_domain::dependency::Dependency as _;
use penstock_store::archive::batches::{self, Batch, Written};

use crate::reading::Ready;
use crate::{ArchiveError, Ports, Report, facts};

/// A file is claimed for so long, which is longer than it takes. Two who write one write the same.
const CLAIM: Duration = Duration::from_secs(180);

/// A file that cannot be made is tried again after this, doubled with each attempt.
const REST: Duration = Duration::from_secs(60);

/// The longest rest between two attempts.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// The outcome of an attempt.
enum Outcome {
    /// The file is there.
    Written(Written),
    /// No row is left for it, and there is no object.
    Empty,
}

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Writes files until none is left, or until `stop_at`.
    ///
    /// # Errors
    /// [`ArchiveError`] if Postgres or the store fails, so that the next file would fail too. A
    /// file that cannot be made does not keep others from being written.
    pub(crate) async fn write_all(
        &self,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), ArchiveError> {
        while self.clock.now() < stop_at {
            let now = self.clock.now();
            let connection = self.database.connection().await?;
            let claimed = batches::claim(&**connection, now, later(now, CLAIM)).await?;
            drop(connection);
            let Some(batch) = claimed else { break };
            match self.write(&batch).await {
                Ok(Outcome::Written(written)) => self.settle(&batch, &written, report).await?,
                Ok(Outcome::Empty) => {
                    self.withdraw(&batch).await?;
                    report.withdrawn += 1;
                }
                Err(error) => {
                    report.failed += 1;
                    self.put_off(&batch, &error).await?;
                    if error.is_unreachable() || error.is_of_postgres() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes a file and writes it, unless an earlier attempt has.
    async fn write(&self, batch: &Batch) -> Result<Outcome, ArchiveError> {
        if batch.attempts > 1
            && let Some(written) = self.written_before(batch, None).await?
        {
            return Ok(Outcome::Written(written));
        }
        let Some(Ready { body, written }) = self.make(batch).await? else {
            let before = self.written_before(batch, None).await?;
            return Ok(before.map_or(Outcome::Empty, Outcome::Written));
        };
        let object = NewObject {
            key: batch.key.clone(),
            body,
            sha256: written.sha256,
            content_type: "application/vnd.apache.parquet",
            facts: facts::facts(batch.id, &written),
            condition: Condition::IsAbsent,
        };
        match self.objects.put(object).await? {
            Put::Written => Ok(Outcome::Written(written)),
            Put::NotWritten => match self.written_before(batch, Some(&written)).await? {
                Some(written) => Ok(Outcome::Written(written)),
                // It was deleted between the two requests.
                None => Err(ArchiveError::Foreign { key: batch.key.clone() }),
            },
        }
    }

    /// Returns what an earlier attempt has written; `None` if there is no object. Its own facts
    /// count: rows that can change may say something else by now, in a later file.
    async fn written_before(
        &self,
        batch: &Batch,
        ours: Option<&Written>,
    ) -> Result<Option<Written>, ArchiveError> {
        let Some(head) = self.objects.head(&batch.key).await? else { return Ok(None) };
        if let Some(ours) = ours.filter(|ours| facts::is_same(batch.id, ours, &head)) {
            return Ok(Some(ours.clone()));
        }
        match facts::written(batch.id, &head) {
            Some(written) => Ok(Some(written)),
            None => Err(ArchiveError::Foreign { key: batch.key.clone() }),
        }
    }

    async fn settle(
        &self,
        batch: &Batch,
        written: &Written,
        report: &mut Report,
    ) -> Result<(), ArchiveError> {
        let connection = self.database.connection().await?;
        if batches::settle(&**connection, batch.id, written, self.clock.now()).await? {
            report.files += 1;
            report.rows += written.rows;
            report.bytes += written.bytes;
        }
        Ok(())
    }

    async fn withdraw(&self, batch: &Batch) -> Result<(), ArchiveError> {
        let connection = self.database.connection().await?;
        Ok(batches::withdraw(&**connection, batch.id).await?)
    }

    /// Notes why a file was not written. What the store or Postgres will do again soon is tried in
    /// the next invocation.
    async fn put_off(&self, batch: &Batch, error: &ArchiveError) -> Result<(), ArchiveError> {
        let now = self.clock.now();
        let rest = match error.is_unreachable() {
            true => Duration::ZERO,
            false => {
                let doublings = u32::try_from(batch.attempts.clamp(1, 16) - 1).unwrap_or(0);
                REST.saturating_mul(1 << doublings).min(LONGEST_REST)
            }
        };
        tracing::warn!(
            event = "archive_not_written",
            table = batch.table,
            attempts = batch.attempts,
            %error
        );
        let noted = async {
            let connection = self.database.connection().await?;
            batches::fail(&**connection, batch.id, &error.to_string(), later(now, rest)).await
        };
        match noted.await {
            // Its claim ends by itself.
            Err(_) if error.is_of_postgres() => Ok(()),
            outcome => Ok(outcome?),
        }
    }
}
