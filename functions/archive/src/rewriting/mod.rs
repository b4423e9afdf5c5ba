//! Takes people who were erased out of the files (docs/adr/0069-erasing-from-files.md).
//!
//! Each file is searched for the names that were added since it was written. One that has some is
//! written once more without them, under a key of its own, which is noted before. The new file
//! takes the old one's place in one statement, the list of files is written, and the old object is
//! deleted last. Every step is complete in itself, so that a crash repeats one of them and no more.

mod copying;
mod judging;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use penstock_clients::objects::{Condition, NewObject, ObjectError, Objects, Put};
use penstock_domain::clock::{Clock, earlier};
use penstock_domain::dependency::Dependency as _;
use penstock_domain::erasure::ErasedNames;
use penstock_edge::telemetry::chain;
use penstock_store::archive::batches::Written;
use penstock_store::archive::searches::{self, Left, Unread};
use penstock_store::erased_names::Known;
use penstock_store::{Database, StoreError, begin, commit};

use crate::manifest::sha256;
use copying::Searched;

/// A file is claimed for this long. To search one takes seconds.
const CLAIM: Duration = Duration::from_secs(600);

/// A file that could not be searched is tried again after this long.
const PAUSE: Duration = Duration::from_secs(300);

/// No search is begun later than this before the end. The store has two minutes to answer, and the
/// rows of the largest file are searched for half a minute, which no limit interrupts.
const LONGEST: Duration = Duration::from_secs(180);

/// Objects that are deleted in one round at most.
const REMOVALS: i64 = 100;

/// Everything that the search needs.
pub(crate) struct Rewriting<'p, C, O> {
    pub database: &'p Database,
    pub objects: &'p O,
    pub clock: &'p C,
}

/// The outcome of one round.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// Files that were searched.
    pub searched: u64,
    /// Files that were written once more.
    pub rewritten: u64,
    /// Files that could not be searched or written now.
    pub failed: u64,
}

/// A reason for which a file was not searched.
#[derive(Debug, thiserror::Error)]
enum SearchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
    #[error("the file cannot be read")]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error("the object is gone")]
    Gone,
    #[error("the object under the new key has no facts")]
    NoFacts,
}

impl SearchError {
    /// Whether the store does not answer, so that the next file would fail too.
    fn is_of_a_silent_store(&self) -> bool {
        matches!(self, Self::Objects(error) if error.is_unreachable())
    }
}

impl<C: Clock, O: Objects> Rewriting<'_, C, O> {
    /// Searches files for people who were erased as long as one can be searched until `stop_at`,
    /// and puts others in the place of those that name some. The list of files has to be written
    /// afterwards. A file that fails holds up no other, unless the store does not answer: then the
    /// next event goes on.
    ///
    /// # Errors
    /// Returns [`StoreError`] if Postgres fails.
    pub(crate) async fn search(&self, stop_at: Timestamp) -> Result<Round, StoreError> {
        let mut round = Round::default();
        let (revision, names) = {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let learned = Known::default().learn(&tx).await?;
            // An erasure waits for the end of each transaction that has asked for names.
            commit(tx).await?;
            learned
        };
        if names.is_empty() {
            return Ok(round);
        }
        while self.clock.now() < earlier(stop_at, LONGEST) {
            let now = self.clock.now();
            let claimed = {
                let connection = self.database.connection().await?;
                searches::claim(&**connection, revision, now, now + CLAIM).await?
            };
            let Some(file) = claimed else { break };
            match self.search_one(&file, revision, &names).await {
                Ok(is_rewritten) => {
                    round.searched += 1;
                    round.rewritten += u64::from(is_rewritten);
                }
                Err(SearchError::Store(error)) => return Err(error),
                Err(error) => {
                    round.failed += 1;
                    let (table, key) = (&file.table, &file.key);
                    tracing::error!(event = "file_not_searched", table, key, error = chain(&error));
                    let again_at = self.clock.now() + PAUSE;
                    let connection = self.database.connection().await?;
                    searches::put_off(&**connection, &file, &chain(&error), again_at).await?;
                    if error.is_of_a_silent_store() {
                        break;
                    }
                }
            }
        }
        Ok(round)
    }

    /// Searches one file. Returns whether another one is in its place.
    async fn search_one(
        &self,
        file: &Unread,
        revision: i64,
        names: &ErasedNames,
    ) -> Result<bool, SearchError> {
        let object = self.objects.get(&file.key).await?.ok_or(SearchError::Gone)?;
        let Searched { rewritten, rows, dropped, changed } =
            copying::search(&file.table, object.body, names)?;
        let rewritten = rewritten.map(|body| (successor(&file.key, revision), body));
        // Readers who list the bucket would count its rows for ever, since no row has its key.
        if let Some(begun) = &file.successor
            && rewritten.as_ref().is_none_or(|(key, _)| key != begun)
        {
            self.objects.delete(begun).await?;
        }
        let Some((key, body)) = rewritten else {
            let connection = self.database.connection().await?;
            searches::note_searched(&**connection, file, revision).await?;
            return Ok(false);
        };
        let is_ours = {
            let connection = self.database.connection().await?;
            searches::begin_successor(&**connection, file, &key).await?
        };
        if !is_ours {
            return Ok(false);
        }
        let written = self.put(&key, body.into(), rows).await?;
        let connection = self.database.connection().await?;
        let now = self.clock.now();
        if !searches::replace(&**connection, file, &key, &written, revision, now).await? {
            return Ok(false);
        }
        tracing::info!(event = "file_rewritten", table = file.table, key, dropped, changed);
        Ok(true)
    }

    /// Writes a file. If an earlier attempt has written it, its own facts are returned.
    async fn put(&self, key: &str, body: Bytes, rows: i64) -> Result<Written, SearchError> {
        let sha256 = sha256(&body);
        let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
        let facts = BTreeMap::from([
            ("rows".to_owned(), rows.to_string()),
            ("sha256".to_owned(), hex::encode(sha256)),
        ]);
        let object = NewObject {
            key: key.to_owned(),
            body,
            sha256,
            content_type: "application/vnd.apache.parquet",
            facts,
            condition: Condition::IsAbsent,
        };
        let written = Written { rows, bytes, sums: "{}".to_owned(), sha256 };
        match self.objects.put(object).await? {
            Put::Written => Ok(written),
            Put::NotWritten => self.found(key).await?.ok_or(SearchError::NoFacts),
        }
    }

    /// Returns the facts of the object under a key.
    async fn found(&self, key: &str) -> Result<Option<Written>, SearchError> {
        let Some(head) = self.objects.head(key).await? else { return Ok(None) };
        let rows = head.facts.get("rows").and_then(|rows| rows.parse().ok());
        let mut sha256 = [0; 32];
        let hash = head.facts.get("sha256").map(|text| hex::decode_to_slice(text, &mut sha256));
        let (Some(rows), Some(Ok(()))) = (rows, hash) else { return Ok(None) };
        let bytes = i64::try_from(head.bytes).unwrap_or(i64::MAX);
        Ok(Some(Written { rows, bytes, sums: "{}".to_owned(), sha256 }))
    }

    /// Deletes objects that were replaced, once the list of files does not name them any more.
    /// Returns what is left of the search.
    ///
    /// # Errors
    /// Returns [`StoreError`] if Postgres fails. An object that cannot be deleted stays until the
    /// next round, and so do those after it if the store does not answer.
    pub(crate) async fn remove(&self, round: Round) -> Result<Left, StoreError> {
        let gone = {
            let connection = self.database.connection().await?;
            searches::to_remove(&**connection, REMOVALS).await?
        };
        let mut removed = 0_u64;
        for (id, key) in gone {
            if let Err(error) = self.objects.delete(&key).await {
                tracing::error!(event = "file_not_removed", key, error = chain(&error));
                if error.is_unreachable() {
                    break;
                }
                continue;
            }
            let connection = self.database.connection().await?;
            searches::note_removed(&**connection, id, self.clock.now()).await?;
            removed += 1;
        }
        let left = {
            let connection = self.database.connection().await?;
            searches::left(&**connection).await?
        };
        let Left { unsearched, unremoved } = left;
        let Round { searched, rewritten, failed } = round;
        if searched + failed + removed > 0 || unsearched + unremoved > 0 {
            tracing::info!(
                event = "files_searched",
                searched,
                rewritten,
                failed,
                removed,
                unsearched,
                unremoved
            );
        }
        Ok(left)
    }
}

/// Returns the key of the file that takes another's place. It says which names it is without.
fn successor(key: &str, revision: i64) -> String {
    let stem = key.strip_suffix(".parquet").unwrap_or(key);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let stem = match stem.rsplit_once("-r") {
        Some((first, number)) if is_number(number) => first,
        _ => stem,
    };
    format!("{stem}-r{revision}.parquet")
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn a_successors_key_says_its_revision_and_has_one_of_them() {
        let first = "v1/events/dt=2026-11-29/1-700-912-0.parquet";
        let second = successor(first, 5);
        assert_eq!(second, "v1/events/dt=2026-11-29/1-700-912-0-r5.parquet");
        assert_eq!(successor(&second, 9), "v1/events/dt=2026-11-29/1-700-912-0-r9.parquet");
    }
}
