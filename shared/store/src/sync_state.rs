//! The `sync_state` table: how far each pull has come, and which function may move it on.

pub mod pauses;
pub mod pending;
pub mod windows;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Checkpoint, Position};
use penstock_domain::retry::after_refusals;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError, circuits};

statements! {
    sync_state.acquire: Acquire<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        now: Timestamp,
        until: Timestamp,
    }
    sync_state.give_back: GiveBack<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        now: Timestamp,
    }
    sync_state.move: Move<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        run: Uuid,
        window_from: Option<Timestamp>,
        window_to: Timestamp,
        page_token: Option<&'a str>,
        upper_bound: Timestamp,
        windows_complete: bool,
        now: Timestamp,
        until: Timestamp,
    }
    sync_state.finish: Finish<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        cursor: Option<&'a str>,
        now: Timestamp,
    }
    sync_state.release: Release<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        wishes: i64,
        free_at: Timestamp,
        quiet_until: Timestamp,
        next_try_at: Timestamp,
    }
    sync_state.abandon: Abandon<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        expired: Option<&'a str>,
        now: Timestamp,
    }
    sync_state.hand_on: HandOn<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        watermark: Option<Timestamp>,
        cursor: Option<&'a str>,
        now: Timestamp,
    }
}

/// Names one pull: an entity of a source in a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The name of the source that is pulled.
    pub source: &'a str,
    /// The kind of object that is pulled.
    pub entity: &'a str,
    /// Each mode has a cursor and a lease of its own.
    pub mode: Mode,
}

/// The right to move a pull's cursor, until another function takes the lease.
#[derive(Debug, Clone)]
pub struct Lease {
    fence: i64,
    /// Everything up to here has been drained.
    pub watermark: Option<Timestamp>,
    /// The vendor's own cursor, if the vendor gives one.
    pub cursor: Option<String>,
    /// The unfinished run that this lease resumes.
    pub run: Option<RunUnderWay>,
    /// Whether a run is requested that has not succeeded yet.
    pub requested: bool,
    /// The reason that the request gave.
    pub requested_why: Option<String>,
    /// Whether the pull is paused, and this lease tries it again.
    pub paused: bool,
    /// How often in a row the vendor has refused the pull.
    pub refusals: u32,
    /// The invocations in a row that brought nothing of the connection, up to this one, which finds
    /// out whether its vendor answers; 0 if its circuit is closed.
    pub failures: u32,
    /// The requests that ended pauses so far. A refusal counts only if there was none since.
    wishes: i64,
}

impl Lease {
    /// Returns how far the pull has come.
    pub fn checkpoint(&self) -> Checkpoint<'_> {
        Checkpoint { watermark: self.watermark, token: self.cursor.as_deref() }
    }
}

/// A run that was begun and is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUnderWay {
    /// The id of its report in `sync_runs`.
    pub id: RunId,
    /// The time at which the run began.
    pub started: Timestamp,
    /// The page to ask for next.
    pub position: Position,
    /// Fixed when the run began. It becomes the watermark when the run ends.
    pub upper_bound: Timestamp,
    /// The windows that were forked off and are not drained yet, in the order of their numbers.
    pub windows: Vec<Window>,
    /// Whether all windows are forked off: before `position` there is nothing left.
    pub windows_complete: bool,
}

impl RunUnderWay {
    /// Makes a run that begins `now`.
    pub fn begun(now: Timestamp, position: Position, upper_bound: Timestamp) -> Self {
        let id = RunId::new(now);
        Self {
            id,
            started: now,
            position,
            upper_bound,
            windows: Vec::new(),
            windows_complete: false,
        }
    }
}

/// A part of the history that a run pages through by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Unique within the run. Windows are numbered in the order in which they are opened.
    pub number: i32,
    /// The page to ask for next.
    pub position: Position,
}

/// Takes the lease on a pull until `until`, and reads how far the pull has come. Returns `None` if
/// the lease is held, if the pull is paused and not to be tried yet ([`pauses::of`]), or if its
/// connection rests ([`circuits::of`]). After a rest one invocation at a time gets a lease.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn acquire(
    on: &impl GenericClient,
    key: Key<'_>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>, StoreError> {
    let Key { source, entity, mode } = key;
    let acquire = Acquire { source, entity, mode: mode.as_str(), now, until };
    let Some(row) = acquire.optional(on).await? else { return Ok(None) };
    let fence: i64 = row.read("fence")?;
    let failed: bool = row.read("failed")?;
    let failures = if failed { circuits::probe(on, source, now, until).await? } else { None };
    if failed && failures.is_none() && circuits::of(on, source).await?.is_some() {
        // Another pull was first. This one's lease is free again, as if it had not been taken.
        GiveBack { source, entity, mode: mode.as_str(), fence, now }.execute(on).await?;
        return Ok(None);
    }
    let mut run = run_under_way(&row)?;
    if let Some(run) = &mut run {
        run.windows = windows::open_ones(on, key, run.id).await?;
    }
    Ok(Some(Lease {
        fence,
        watermark: row.read("watermark")?,
        cursor: row.read("cursor")?,
        run,
        requested: row.read("requested")?,
        requested_why: row.read("requested_why")?,
        paused: row.read("paused")?,
        refusals: u32::try_from(row.read::<i32>("refusals")?).unwrap_or_default(),
        failures: failures.unwrap_or_default(),
        wishes: row.read("wishes")?,
    }))
}

fn run_under_way(row: &Row) -> Result<Option<RunUnderWay>, StoreError> {
    let begun: Option<Timestamp> = row.read("run_started")?;
    let (Some(id), Some(started)) = (row.read("run_id")?, begun) else { return Ok(None) };
    let (Some(to), Some(upper_bound)) = (row.read("window_to")?, row.read("upper_bound")?) else {
        return Ok(None);
    };
    let from = row.read("window_from")?;
    Ok(Some(RunUnderWay {
        id: RunId(id),
        started,
        position: Position { from, to, token: row.read("page_token")? },
        upper_bound,
        windows: Vec::new(),
        windows_complete: row.read("windows_complete")?,
    }))
}

/// Moves the cursor, and extends the lease to `until`.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn advance(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    run: &RunUnderWay,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let moved = Move {
        source: key.source,
        entity: key.entity,
        mode: key.mode.as_str(),
        fence: lease.fence,
        run: run.id.0,
        window_from: run.position.from,
        window_to: run.position.to,
        page_token: run.position.token.as_deref(),
        upper_bound: run.upper_bound,
        windows_complete: run.windows_complete,
        now,
        until,
    };
    held(moved.execute(tx).await?, lease)
}

/// Ends the run, all of whose windows are closed, and releases the lease. The watermark advances to
/// the run's upper bound, and `cursor` replaces the vendor's own cursor.
///
/// Returns whether a run is still requested. One that was requested after this run began is: this
/// run's upper bound was fixed before.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn finish(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (Key { source, entity, mode }, fence) = (key, lease.fence);
    let finish = Finish { source, entity, mode: mode.as_str(), fence, cursor, now };
    let row = finish.optional(tx).await?;
    row.ok_or(StoreError::FenceLost(fence))?.read("requested")
}

/// Ends the run without success and releases the lease. The vendor's own cursor that `lease` knows
/// has expired, and is forgotten. One that was stored since stays.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn abandon(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (Key { source, entity, mode }, fence) = (key, lease.fence);
    let expired = lease.cursor.as_deref();
    let abandon = Abandon { source, entity, mode: mode.as_str(), fence, expired, now };
    held(abandon.execute(tx).await?, lease)
}

/// Sets the cursor of another pull: the incremental pull goes on from the cursor that a full run
/// came by. A run of it that is under way ends, and whoever has its lease loses the fence: its
/// pages would move on from an older cursor.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn hand_on(
    tx: &Transaction<'_>,
    to: Key<'_>,
    checkpoint: Checkpoint<'_>,
    now: Timestamp,
) -> Result<HandedOn, StoreError> {
    let (Key { source, entity, mode }, Checkpoint { watermark, token }) = (to, checkpoint);
    let hand_on = HandOn { source, entity, mode: mode.as_str(), watermark, cursor: token, now };
    let row = hand_on.one(tx).await?;
    let overtaken: Option<Uuid> = row.read("overtaken")?;
    Ok(HandedOn { overtaken: overtaken.map(RunId), awaited: row.read("awaited")? })
}

/// The pull that has another's cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOn {
    /// Its run that was under way, and that has ended.
    pub overtaken: Option<RunId>,
    /// Whether a run of it is requested, and this is its first cursor.
    pub awaited: bool,
}

/// Releases the lease and keeps the unfinished run. A lease that is lost already is left alone.
///
/// Until `quiet_until` a message is under way that resumes the run, and `relay` sends no other. A
/// pull that is paused stays paused, and is tried again as if it were refused once more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn release(
    on: &impl GenericClient,
    key: Key<'_>,
    lease: &Lease,
    now: Timestamp,
    quiet_until: Timestamp,
) -> Result<(), StoreError> {
    let next_try_at = quiet_until.max(now + after_refusals(lease.refusals));
    release_at(on, key, lease, now, quiet_until, next_try_at).await
}

/// Like [`release`], but the lease is free from `free_at` on only: until then nobody else tries.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn release_later(
    on: &impl GenericClient,
    key: Key<'_>,
    lease: &Lease,
    free_at: Timestamp,
) -> Result<(), StoreError> {
    let next_try_at = free_at + after_refusals(lease.refusals);
    release_at(on, key, lease, free_at, free_at, next_try_at).await
}

async fn release_at(
    on: &impl GenericClient,
    key: Key<'_>,
    lease: &Lease,
    free_at: Timestamp,
    quiet_until: Timestamp,
    next_try_at: Timestamp,
) -> Result<(), StoreError> {
    let release = Release {
        source: key.source,
        entity: key.entity,
        mode: key.mode.as_str(),
        fence: lease.fence,
        wishes: lease.wishes,
        free_at,
        quiet_until,
        next_try_at,
    };
    release.execute(on).await.map(drop)
}

fn held(changed: u64, lease: &Lease) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::FenceLost(lease.fence)) }
}
