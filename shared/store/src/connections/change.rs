//! Changes of connections. One at a time writes the secrets of a connection: it claims the row for
//! a minute, writes, settles the row, deletes what is left over, and ends its claim. If it dies in
//! between, the next change takes the claim over when the minute is past.

use jiff::Timestamp;
use penstock_domain::connection::{Connection, Settings, State};
use tokio_postgres::GenericClient;

use super::read;
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    connections.list: List {}
    connections.entry: One<'a> { name: &'a str }
    connections.claim: TakeClaim<'a> {
        name: &'a str,
        source: &'a str,
        keys: Option<&'a str>,
        key_secret: Option<&'a str>,
        signing: Option<&'a str>,
        until: Timestamp,
        now: Timestamp,
    }
    connections.settle: Settle<'a> {
        name: &'a str,
        source: &'a str,
        settings: &'a str,
        key_secret: Option<&'a str>,
        signing_secret: Option<&'a str>,
        leftover: &'a [&'a str],
        claim: Timestamp,
        now: Timestamp,
    }
    connections.release: Release<'a> { name: &'a str, leftover: &'a [&'a str], claim: Timestamp }
    connections.retire: Retire<'a> { name: &'a str, own: &'a [&'a str], until: Timestamp, now: Timestamp }
    connections.turn: Turn<'a> {
        name: &'a str,
        state: &'a str,
        before: &'a [&'a str],
        now: Timestamp,
    }
    connections.note: Note<'a> { name: &'a str, source: &'a str, state: &'a str, now: Timestamp }
}

/// A connection as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The connection itself.
    pub connection: Connection,
    /// The time at which it was connected first, or after it was erased.
    pub made_at: Timestamp,
    /// The time of the last change.
    pub changed_at: Timestamp,
    /// Secrets that were written or are about to be, and those that are to be deleted.
    pub leftover: Vec<String>,
}

/// A row that is claimed for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The row, with the revision that belongs to this change.
    pub entry: Entry,
    /// The end of the claim, by which it is known.
    pub claim: Timestamp,
}

/// The claim that a change asks for.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim<'a> {
    /// The connection's name.
    pub name: &'a str,
    /// The vendor's name.
    pub source: &'a str,
    /// The folder in which a new key is about to be written.
    pub keys: Option<&'a str>,
    /// The name of a key that somebody else has written.
    pub key_secret: Option<&'a str>,
    /// The name of the signing secret that is about to be written.
    pub signing: Option<&'a str>,
    /// The end of the claim.
    pub until: Timestamp,
}

/// The connection after its change.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    /// The connection's name.
    pub name: &'a str,
    /// The vendor's name.
    pub source: &'a str,
    /// The settings that differ from the deployment's.
    pub settings: &'a Settings,
    /// The name of the secret with its key.
    pub key_secret: Option<&'a str>,
    /// The name of the secret that signs what its vendor pushes.
    pub signing_secret: Option<&'a str>,
    /// The secrets that are to be deleted.
    pub leftover: &'a [&'a str],
}

/// Returns all connections that have a row, by name.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or if a row cannot be read.
pub async fn list(on: &impl GenericClient) -> Result<Vec<Entry>, StoreError> {
    List {}.rows(on).await?.iter().map(entry_of).collect()
}

/// Returns the connection called `name`; `None` if it has no row.
///
/// # Errors
/// As [`list`].
pub async fn entry(on: &impl GenericClient, name: &str) -> Result<Option<Entry>, StoreError> {
    One { name }.optional(on).await?.as_ref().map(entry_of).transpose()
}

/// Claims a connection, which is made if there is none of this name. `None` if it is claimed, being
/// erased, or of another source.
///
/// # Errors
/// As [`list`].
pub async fn claim(
    on: &impl GenericClient,
    new: NewClaim<'_>,
    now: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    let NewClaim { name, source, keys, key_secret, signing, until } = new;
    let row =
        TakeClaim { name, source, keys, key_secret, signing, until, now }.optional(on).await?;
    row.as_ref().map(claimed).transpose()
}

/// Makes a claimed connection what it is to be. `None` if the claim was lost; then nothing is
/// changed.
///
/// # Errors
/// As [`list`].
pub async fn settle(
    on: &impl GenericClient,
    settled: Settled<'_>,
    claim: Timestamp,
    now: Timestamp,
) -> Result<Option<Entry>, StoreError> {
    let Settled { name, source, settings, key_secret, signing_secret, leftover } = settled;
    let settings = serde_json::json!(settings).to_string();
    let settings = settings.as_str();
    let statement =
        Settle { name, source, settings, key_secret, signing_secret, leftover, claim, now };
    statement.optional(on).await?.as_ref().map(entry_of).transpose()
}

/// Ends a claim. `leftover` are the secrets that are still to be deleted.
///
/// # Errors
/// As [`list`].
pub async fn release(
    on: &impl GenericClient,
    name: &str,
    leftover: &[&str],
    claim: Timestamp,
) -> Result<(), StoreError> {
    Release { name, leftover, claim }.execute(on).await.map(drop)
}

/// Claims a connection that the same transaction removes, until `until`. `own` are its secrets,
/// which are to be deleted. `None` if somebody else has claimed it: roll back.
///
/// # Errors
/// As [`list`].
pub async fn retire(
    on: &impl GenericClient,
    name: &str,
    own: &[&str],
    (until, now): (Timestamp, Timestamp),
) -> Result<Option<Claimed>, StoreError> {
    let row = Retire { name, own, until, now }.optional(on).await?;
    row.as_ref().map(claimed).transpose()
}

/// Pauses or resumes a connection. `None` if its state is none of `before`.
///
/// # Errors
/// As [`list`].
pub async fn set_state(
    on: &impl GenericClient,
    name: &str,
    state: State,
    before: &[State],
    now: Timestamp,
) -> Result<Option<Entry>, StoreError> {
    let (state, before) = (state.as_str(), words(before));
    let row = Turn { name, state, before: &before, now }.optional(on).await?;
    row.as_ref().map(entry_of).transpose()
}

/// Notes the state of a connection that has no secrets here. `None` if it has that state already,
/// or is being erased.
///
/// # Errors
/// As [`list`].
pub async fn note(
    on: &impl GenericClient,
    name: &str,
    source: &str,
    state: State,
    now: Timestamp,
) -> Result<Option<Entry>, StoreError> {
    let row = Note { name, source, state: state.as_str(), now }.optional(on).await?;
    row.as_ref().map(entry_of).transpose()
}

fn words(states: &[State]) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

fn entry_of(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        connection: read(row)?,
        made_at: row.read("made_at")?,
        changed_at: row.read("changed_at")?,
        leftover: row.read("leftover")?,
    })
}

fn claimed(row: &Row) -> Result<Claimed, StoreError> {
    Ok(Claimed { entry: entry_of(row)?, claim: row.read("changing_until")? })
}
