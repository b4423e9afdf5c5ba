//! The `circuits` table: connections whose vendor does not answer, or makes them wait. While one
//! rests, none of its pulls is begun. After that a single request finds out.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::retry::after_failures;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    circuits.open: OpenOne<'a> {
        source: &'a str,
        known: i32,
        rests_until: Timestamp,
        why: &'a str,
        now: Timestamp,
    }
    circuits.close: Close<'a> { source: &'a str }
    circuits.probe: Probe<'a> { source: &'a str, until: Timestamp, now: Timestamp }
    circuits.all: All {}
    circuits.find: Find<'a> { source: &'a str }
    circuits.since: Since {}
    circuits.try_now: TryNow<'a> { source: &'a str, now: Timestamp }
}

/// The open circuit of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    /// The name of the connection.
    pub source: String,
    /// The invocations in a row that brought nothing.
    pub failures: u32,
    /// The time of the first of them.
    pub since: Timestamp,
    /// Nothing is asked of the vendor before.
    pub rests_until: Timestamp,
    /// The vendor's last word.
    pub why: String,
}

/// The reason for which a circuit opens.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The failures that were known when the invocation began: 0 if the circuit was closed.
    pub known: u32,
    /// The vendor's word.
    pub why: &'a str,
    /// The pause that the vendor asked for.
    pub asked_for: Duration,
}

/// The longest rest: that of a message to SQS.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Opens the circuit of a connection, or keeps it open for longer, and returns how long it rests:
/// the more often it failed in a row the longer, and as long as the vendor asked for. `None` if
/// another invocation has opened it meanwhile.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn open(
    on: &impl GenericClient,
    source: &str,
    failure: Failure<'_>,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let rest = after_failures(failure.known.saturating_add(1)).max(failure.asked_for).min(LONGEST);
    let opened = open_until(on, source, failure, now + rest, now).await?;
    Ok(opened.then_some(rest))
}

/// Opens the circuit of a service, or keeps it open, until `rests_until`. Returns false if another
/// invocation has done so meanwhile.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn open_until(
    on: &impl GenericClient,
    source: &str,
    failure: Failure<'_>,
    rests_until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = i32::try_from(failure.known).unwrap_or(i32::MAX - 1);
    let open = OpenOne { source, known, rests_until, why: failure.why, now };
    Ok(open.execute(on).await? == 1)
}

/// Closes the circuit of a connection whose vendor answers.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn close(on: &impl GenericClient, source: &str) -> Result<(), StoreError> {
    Close { source }.execute(on).await.map(drop)
}

/// Claims the one try after a rest, until `until`. Returns how often the connection has failed;
/// `None` if it rests, if another invocation tries, or if its circuit is closed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn probe(
    on: &impl GenericClient,
    source: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<u32>, StoreError> {
    let claimed = Probe { source, until, now }.optional(on).await?;
    claimed.map(|row| failures(&row)).transpose()
}

/// Returns the open circuit of a connection.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of(on: &impl GenericClient, source: &str) -> Result<Option<Circuit>, StoreError> {
    Find { source }.optional(on).await?.map(|row| circuit(&row)).transpose()
}

/// Returns all open circuits, each beside the name of its vendor.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn all(on: &impl GenericClient) -> Result<Vec<(String, Circuit)>, StoreError> {
    let rows = All {}.rows(on).await?;
    rows.iter().map(|row| Ok((row.read("vendor")?, circuit(row)?))).collect()
}

/// Returns the connections whose circuits are open, each with the time since which it is.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn since(on: &impl GenericClient) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows = Since {}.rows(on).await?;
    rows.iter().map(|row| Ok((row.read("source")?, row.read("since")?))).collect()
}

/// Ends the rest of a connection: the next invocation tries.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn try_now(
    on: &impl GenericClient,
    source: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    TryNow { source, now }.execute(on).await.map(drop)
}

fn circuit(row: &Row) -> Result<Circuit, StoreError> {
    Ok(Circuit {
        source: row.read("source")?,
        failures: failures(row)?,
        since: row.read("since")?,
        rests_until: row.read("rests_until")?,
        why: row.read("why")?,
    })
}

fn failures(row: &Row) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.read::<i32>("failures")?).unwrap_or_default())
}
