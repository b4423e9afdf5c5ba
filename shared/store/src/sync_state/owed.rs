//! Runs that somebody still owes, and runs that nobody goes on with.

use jiff::Timestamp;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use tokio_postgres::{GenericClient, Transaction};

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    sync_state.owe: Owe<'a> {
        source: &'a str,
        entities: &'a [&'a str],
        mode: &'a str,
        why: Option<&'a str>,
        unless: &'a str,
        now: Timestamp,
    }
    sync_state.lock: Lock<'a> {
        source: &'a str,
        entities: &'a [&'a str],
        mode: &'a str,
        now: Timestamp,
    }
    sync_state.stalled: Stalled { now: Timestamp, quiet_since: Timestamp }
}

/// Who is owed a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// Everybody named, from now on: a run under way does not count.
    Never,
    /// Those who are not owed one yet, and have none under way.
    OwedOrUnderWay,
    /// Those who do not wait for a person: a notification is no reason to try a refused key again.
    Halted,
}

/// Notes that runs are owed and why, until they have succeeded: `relay` asks for them as long as it takes. The
/// answer is the entities that are owed one by this.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn owe(
    on: &impl GenericClient,
    source: &str,
    entities: &[&str],
    mode: Mode,
    why: Option<&str>,
    unless: Unless,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let unless = match unless {
        Unless::Never => "never",
        Unless::OwedOrUnderWay => "owed",
        Unless::Halted => "halted",
    };
    let rows = Owe { source, entities, mode: mode.as_str(), why, unless, now }.rows(on).await?;
    rows.iter().map(|row| row.read("entity")).collect()
}

/// Holds the rows of these pulls until the transaction ends, those that there are not yet as well.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn lock(
    tx: &Transaction<'_>,
    source: &str,
    entities: &[&str],
    mode: Mode,
    now: Timestamp,
) -> Result<(), StoreError> {
    Lock { source, entities, mode: mode.as_str(), now }.execute(tx).await.map(drop)
}

/// Runs that are owed or were left unfinished, and that nobody has touched since `quiet_since`.
/// Asking counts as touching.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn stalled(
    on: &impl GenericClient,
    now: Timestamp,
    quiet_since: Timestamp,
) -> Result<Vec<FetchRequest>, StoreError> {
    let rows = Stalled { now, quiet_since }.rows(on).await?;
    let mut requests = Vec::new();
    for row in &rows {
        if let Some(mode) = Mode::parse(row.read("mode")?) {
            let request = FetchRequest::new(row.read("source")?, row.read("entity")?, mode);
            requests.push(request.resuming());
        }
    }
    Ok(requests)
}
