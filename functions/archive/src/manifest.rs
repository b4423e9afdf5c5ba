//! The lists of files: written after the files, and never over a newer list.

use bytes::Bytes;
use penstock_clients::objects::{Condition, NewObject, Objects, Put};
use penstock_domain::analytics::{Manifest, Table, manifest_key};
use penstock_domain::clock::Clock;
use penstock_store::{StoreError, archive, snapshot};
use ring::digest::{SHA256, digest};

use crate::{ArchiveError, Ports};

/// Attempts at one list: another call may write it at the same time.
const ATTEMPTS: usize = 3;

/// Returns the SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Writes the lists that have changed. Returns their number.
    pub(crate) async fn write_manifests(&self) -> Result<usize, ArchiveError> {
        let connection = self.database.connection().await?;
        let changed = archive::unmanifested(&**connection).await?;
        drop(connection);
        let mut written = 0;
        for table in changed.iter().filter_map(|name| Table::named(name)) {
            written += usize::from(self.write_manifest(table).await?);
        }
        Ok(written)
    }

    /// Writes the list of a table. Returns false if the store has it, or a newer one.
    async fn write_manifest(&self, table: &Table) -> Result<bool, ArchiveError> {
        for _ in 0..ATTEMPTS {
            let known = self.manifest(table).await?;
            let Some(manifest) = self.list(table).await? else { return Ok(false) };
            let condition = match known {
                // An attempt has written it whose reply was lost.
                Some((known, _)) if known.version() == manifest.version() => {
                    self.note_manifest(table, manifest.revision).await?;
                    return Ok(false);
                }
                // Postgres was restored, or another database has taken this one's place. The next
                // event sees which.
                Some((known, _)) if known.version() > manifest.version() => return Ok(false),
                Some((_, etag)) => Condition::IsUnchanged(etag),
                None => Condition::IsAbsent,
            };
            let body = serde_json::to_vec(&manifest)?;
            let object = NewObject {
                key: manifest_key(table),
                sha256: sha256(&body),
                body: Bytes::from(body),
                content_type: "application/json",
                facts: [].into(),
                condition,
            };
            // An attempt whose reply was lost is found by the next one.
            if self.objects.put(object).await? == Put::Written {
                self.note_manifest(table, manifest.revision).await?;
                return Ok(true);
            }
        }
        // It is still to be written, which Postgres knows.
        Ok(false)
    }

    async fn note_manifest(&self, table: &Table, revision: i64) -> Result<(), StoreError> {
        let connection = self.database.connection().await?;
        archive::manifested(&**connection, table.name, revision).await
    }

    /// Reads the list of a table that the store has, with its entity tag.
    ///
    /// # Errors
    /// [`ArchiveError::Foreign`] if it is no list.
    pub(crate) async fn manifest(
        &self,
        table: &Table,
    ) -> Result<Option<(Manifest, String)>, ArchiveError> {
        let key = manifest_key(table);
        let Some(object) = self.objects.get(&key).await? else { return Ok(None) };
        match serde_json::from_slice(&object.body) {
            Ok(manifest) => Ok(Some((manifest, object.etag))),
            Err(_) => Err(ArchiveError::Foreign { key }),
        }
    }

    /// Returns the list of a table as Postgres has it; `None` if the table was never copied.
    async fn list(&self, table: &Table) -> Result<Option<Manifest>, ArchiveError> {
        let mut connection = self.database.connection().await?;
        let tx = snapshot(&mut connection).await?;
        let Some(mark) = archive::mark(&tx, table.name).await? else { return Ok(None) };
        let files = archive::batches::listed(&tx, table.name).await?;
        let (files, earlier): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.epoch == mark.epoch);
        Ok(Some(Manifest {
            table: table.name.to_owned(),
            epoch: mark.epoch,
            revision: mark.revision,
            to_tx: mark.to_tx,
            written_at: self.clock.now(),
            rows: files.iter().map(|file| file.rows).sum(),
            files,
            earlier,
        }))
    }
}
