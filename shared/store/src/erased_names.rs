//! The names of people who were erased, as whoever writes rows knows them
//! (docs/adr/0060-erasing-a-person.md).

use std::sync::{Arc, Mutex, PoisonError};

use penstock_domain::erasure::ErasedNames;
use tokio_postgres::Transaction;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    erased_names.since: Since { known: i64 }
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
        let Learned { revision: known, mut names } = self.learned();
        let rows = Since { known }.rows(tx).await?;
        let mut revision = known;
        for row in &rows {
            revision = row.read("revision")?;
            let all = Arc::make_mut(&mut names);
            if known == 0 && all.is_empty() {
                *all = ErasedNames::salted(row.read("salt")?);
            }
            if let Some(name) = row.read::<Option<&[u8]>>("name")? {
                all.add(name);
            }
        }
        let learned = Learned { revision, names: Arc::clone(&names) };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision <= revision {
            *kept = learned;
        }
        Ok(names)
    }

    fn learned(&self) -> Learned {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
