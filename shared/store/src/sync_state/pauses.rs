//! Pulls that a vendor has refused. Each is tried again by itself, the more seldom the more often
//! it was refused.

use jiff::Timestamp;
use penstock_domain::retry::after_refusals;
use tokio_postgres::{GenericClient, Transaction};

use super::{Key, Lease};
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    sync_state.pause: PauseOne<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        wishes: i64,
        why: &'a str,
        next_try_at: Timestamp,
        now: Timestamp,
    }
    sync_state.lock_paused: LockPaused<'a> { source: &'a str, entity: &'a str, mode: &'a str }
    sync_state.hold_back: HoldBack<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        next_try_at: Timestamp,
    }
    sync_state.heal: Heal<'a> { source: &'a str, entity: &'a str, mode: &'a str, now: Timestamp }
    sync_state.try_now: TryNow<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        now: Timestamp,
    }
    sync_state.paused: Paused<'a> { source: &'a str }
    sync_state.all_paused: AllPaused {}
}

/// A pull that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The name of the source that is pulled.
    pub source: String,
    /// The kind of object that is pulled.
    pub entity: String,
    /// The mode of the pull, in its stored word.
    pub mode: String,
    /// The time of the refusal that paused it.
    pub since: Timestamp,
    /// The time from which on it is tried again.
    pub next_try_at: Timestamp,
}

/// The result of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The pull is paused.
    Paused(Pause),
    /// A request is newer than the lease under which the vendor refused. Nothing is paused, and the
    /// lease is free.
    Outdated,
    /// The lease is lost. Nothing has changed.
    Lost,
}

/// How much a refusal concerns: one pull, or every pull of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This pull.
    Pull,
    /// The key, and so every pull of its source: one of them at a time tries it.
    Source,
}

/// Pauses a pull that was refused, or prolongs its pause, and releases the lease. `why` is the
/// vendor's reason.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn pause(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    why: &str,
    scope: Scope,
    now: Timestamp,
) -> Result<Refusal, StoreError> {
    let wait = after_refusals(lease.refusals.saturating_add(1));
    let (Key { source, entity, mode }, next_try_at) = (key, now + wait);
    let mode = mode.as_str();
    if scope == Scope::Source {
        LockPaused { source, entity, mode }.execute(tx).await?;
    }
    let Lease { fence, wishes, .. } = *lease;
    let pause = PauseOne { source, entity, mode, fence, wishes, why, next_try_at, now };
    let Some(row) = pause.optional(tx).await? else { return Ok(Refusal::Lost) };
    if !row.read::<bool>("counts")? {
        return Ok(Refusal::Outdated);
    }
    if scope == Scope::Source {
        // Later than this one, which then finds out for all of them.
        let next_try_at = next_try_at + wait;
        HoldBack { source, entity, mode, next_try_at }.execute(tx).await?;
    }
    let since = row.read("paused_since")?;
    let (source, entity, mode) = (source.to_owned(), entity.to_owned(), mode.to_owned());
    Ok(Refusal::Paused(Pause { source, entity, mode, since, next_try_at }))
}

/// Ends the pause of a pull that the vendor answers again. The other pulls of the source that are
/// paused are tried at once. Call it first in the transaction: it locks their rows.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn heal(on: &impl GenericClient, key: Key<'_>, now: Timestamp) -> Result<(), StoreError> {
    let Key { source, entity, mode } = key;
    Heal { source, entity, mode: mode.as_str(), now }.execute(on).await.map(drop)
}

/// Lets a pull that is paused be tried from `now` on. A refusal under a lease that was taken before
/// does not count.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn try_now(
    on: &impl GenericClient,
    key: Key<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Key { source, entity, mode } = key;
    TryNow { source, entity, mode: mode.as_str(), now }.execute(on).await.map(drop)
}

/// Returns the pause of a pull, or `None` if it is not paused.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of(on: &impl GenericClient, key: Key<'_>) -> Result<Option<Pause>, StoreError> {
    let paused = Paused { source: key.source }.rows(on).await?;
    let pauses = paused.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(pauses.into_iter().find(|p| p.entity == key.entity && p.mode == key.mode.as_str()))
}

/// Returns the pauses of all pulls, each beside the name of its vendor.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn all(on: &impl GenericClient) -> Result<Vec<(String, Pause)>, StoreError> {
    let rows = AllPaused {}.rows(on).await?;
    rows.iter().map(|row| Ok((row.read("vendor")?, read(row)?))).collect()
}

fn read(row: &Row) -> Result<Pause, StoreError> {
    Ok(Pause {
        source: row.read("source")?,
        entity: row.read("entity")?,
        mode: row.read("mode")?,
        since: row.read("since")?,
        next_try_at: row.read("next_try_at")?,
    })
}
