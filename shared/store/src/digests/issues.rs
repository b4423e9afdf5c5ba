//! The `digest_issues` and `digest_checks` tables: which issues were told, and when the database
//! was last reached.

use jiff::Timestamp;
use penstock_domain::digest::Known;
use tokio_postgres::{GenericClient, Transaction};

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    digest_issues.list: List {}
    digest_issues.note: Note<'a> {
        issues: &'a [&'a str],
        whats: &'a [&'a str],
        began_ats: &'a [Timestamp],
        ended_ats: &'a [Option<Timestamp>],
        are_told: &'a [bool],
        told_ats: &'a [Option<Timestamp>],
    }
    digest_issues.purge: Purge { before: Timestamp }
    digest_checks.lock: Lock {}
    digest_checks.move: Move { now: Timestamp, settles_until: Option<Timestamp> }
}

/// The check before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCheck {
    /// The time at which the database was last reached, if it ever was.
    pub checked_at: Option<Timestamp>,
    /// The time until which the database settles after an outage.
    pub settles_until: Option<Timestamp>,
}

/// Returns the check before this one, and lets no other pass until the transaction ends.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn last_check(tx: &Transaction<'_>) -> Result<LastCheck, StoreError> {
    let row = Lock {}.one(tx).await?;
    Ok(LastCheck { checked_at: row.read("checked_at")?, settles_until: row.read("settles_until")? })
}

/// Writes down that the database was reached at `now`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_check(
    tx: &Transaction<'_>,
    settles_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    Move { now, settles_until }.execute(tx).await.map(drop)
}

/// Returns the issues that are written down, the oldest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn list(on: &impl GenericClient) -> Result<Vec<Known>, StoreError> {
    let read = |row: &Row| {
        Ok(Known {
            key: row.read("issue")?,
            what: row.read("what")?,
            began_at: row.read("began_at")?,
            ended_at: row.read("ended_at")?,
            is_told: row.read("is_told")?,
            told_at: row.read("told_at")?,
        })
    };
    List {}.rows(on).await?.iter().map(read).collect()
}

/// Writes down how issues are.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note(on: &impl GenericClient, issues: &[Known]) -> Result<(), StoreError> {
    if issues.is_empty() {
        return Ok(());
    }
    let note = Note {
        issues: &issues.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(),
        whats: &issues.iter().map(|it| it.what.as_str()).collect::<Vec<_>>(),
        began_ats: &issues.iter().map(|it| it.began_at).collect::<Vec<_>>(),
        ended_ats: &issues.iter().map(|it| it.ended_at).collect::<Vec<_>>(),
        are_told: &issues.iter().map(|it| it.is_told).collect::<Vec<_>>(),
        told_ats: &issues.iter().map(|it| it.told_at).collect::<Vec<_>>(),
    };
    note.execute(on).await.map(drop)
}

/// Deletes the issues that ended before an instant. Returns the number of those.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge(on: &impl GenericClient, before: Timestamp) -> Result<u64, StoreError> {
    Purge { before }.execute(on).await
}
