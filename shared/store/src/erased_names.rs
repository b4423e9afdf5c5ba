//! The names of people who were erased, as whoever writes rows knows them
//! (docs/adr/0060-erasing-a-person.md).

use std::sync::{Arc, Mutex, PoisonError};

use penstock_domain::erasure::{ERASED, ErasedNames};
use penstock_domain::ids::OutboxId;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    erased_names.since: Since { known: i64 }
    outbox.keep_without: KeepWithout<'a> {
        ids: &'a [Uuid],
        payloads: &'a [&'a [u8]],
        queries: &'a [Option<&'a str>],
        erased: &'a str,
    }
    outbox.forget: Forget<'a> { ids: &'a [Uuid] }
}

/// The names that this environment knows. Each transaction asks for those that were added since.
#[derive(Debug, Default)]
pub struct Known(Mutex<Learned>);

#[derive(Debug, Clone, Default)]
struct Learned {
    /// The number of the last addition; 0 before the first.
    revision: i64,
    names: Arc<ErasedNames>,
}

impl Known {
    /// Returns all names. Names that are added later wait for the end of `tx`: an erasure looks for
    /// what it has written.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn names(&self, tx: &Transaction<'_>) -> Result<Arc<ErasedNames>, StoreError> {
        Ok(self.learn(tx).await?.1)
    }

    /// Returns the same, with the number of the last addition of names.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn learn(&self, tx: &Transaction<'_>) -> Result<(i64, Arc<ErasedNames>), StoreError> {
        let Learned { revision: known, mut names } = self.learned();
        let rows = Since { known }.rows(tx).await?;
        let mut revision = known;
        for row in &rows {
            revision = row.read("revision")?;
            // Nothing is copied where no name is new, as in nearly every batch.
            let Some(name) = row.read::<Option<&[u8]>>("name")? else { continue };
            let all = Arc::make_mut(&mut names);
            if all.is_empty() {
                *all = ErasedNames::salted(row.read("salt")?);
            }
            all.add(name);
        }
        let learned = Learned { revision, names: Arc::clone(&names) };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision <= revision {
            *kept = learned;
        }
        Ok((revision, names))
    }

    fn learned(&self) -> Learned {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A payload, and a query string, in place of those that a row had.
#[derive(Debug, Clone)]
pub struct Replaced {
    pub id: OutboxId,
    pub payload: Vec<u8>,
    pub query: Option<String>,
}

/// Replaces payloads that name somebody who was erased. It comes before the facts are written,
/// which take objects from the payloads.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn replace(tx: &Transaction<'_>, rows: &[Replaced]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let payloads: Vec<&[u8]> = rows.iter().map(|row| row.payload.as_slice()).collect();
    let queries: Vec<Option<&str>> = rows.iter().map(|row| row.query.as_deref()).collect();
    let keep = KeepWithout { ids: &ids, payloads: &payloads, queries: &queries, erased: ERASED };
    keep.execute(tx).await.map(drop)
}

/// Deletes rows that `tx` has claimed, of which nothing is kept.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn forget(tx: &Transaction<'_>, ids: &[OutboxId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Forget { ids: &ids }.execute(tx).await.map(drop)
}
