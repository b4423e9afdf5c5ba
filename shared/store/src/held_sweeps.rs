//! The `held_sweeps` table: full lists that left out so many objects that a person has to say
//! whether they are gone. One row an entity, until a sweep is made.

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    held_sweeps.hold: Hold<'a> {
        source: &'a str,
        entity: &'a str,
        run: Uuid,
        unseen: i64,
        accounted: i64,
        now: Timestamp,
    }
    held_sweeps.allow: Allow<'a> { source: &'a str, entity: &'a str, now: Timestamp }
    held_sweeps.is_allowed: IsAllowed<'a> { source: &'a str, entity: &'a str }
    held_sweeps.clear: Clear<'a> { source: &'a str, entity: &'a str }
}

/// A sweep that is not made.
#[derive(Debug, Clone, Copy)]
pub struct HeldSweep<'a> {
    /// The name of the vendor's source.
    pub source: &'a str,
    /// The entity that was listed.
    pub entity: &'a str,
    /// The run that listed it.
    pub run: RunId,
    /// The number of objects that nothing has shown.
    pub unseen: u64,
    /// The number of objects that the list should have shown.
    pub accounted: u64,
}

/// Notes that a sweep is held. Returns whether that was not known of this run.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn hold(
    on: &impl GenericClient,
    held: HeldSweep<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let HeldSweep { source, entity, run, unseen, accounted } = held;
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (run, unseen, accounted) = (run.0, count(unseen), count(accounted));
    Ok(Hold { source, entity, run, unseen, accounted, now }.execute(on).await? > 0)
}

/// Lets the sweep of the next full run through. Returns whether one is held.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn allow(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(Allow { source, entity, now }.execute(on).await? > 0)
}

/// Returns whether a person has let the sweep through.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_allowed(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
) -> Result<bool, StoreError> {
    IsAllowed { source, entity }.one(on).await?.read("is_allowed")
}

/// Ends what is held: a sweep was made.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn clear(on: &impl GenericClient, source: &str, entity: &str) -> Result<(), StoreError> {
    Clear { source, entity }.execute(on).await.map(drop)
}
