//! The `sync_state` table: where each pull stands, and who may move it.

pub mod owed;
pub mod windows;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::{Cursor, Position};
use postgres_types::Type;
use tokio_postgres::{GenericClient, Transaction};

use crate::{Row, Sql, StoreError};

static ACQUIRE: Sql = Sql {
    name: "sync_state.acquire",
    text: include_str!("../sql/sync_state/acquire.sql"),
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ],
};

static MOVE: Sql = Sql {
    name: "sync_state.move",
    text: "update sync_state set run_id = $5, run_started = case when run_id = $5 then run_started else $6 end, window_from = $7, window_to = $8, \
           page_token = $9, upper_bound = $10, lease_until = $11, updated_at = $6, windows_complete = $12 \
           where source = $1 and entity = $2 and mode = $3 and fence = $4",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::BOOL,
    ],
};

static FINISH: Sql = Sql {
    name: "sync_state.finish",
    text: "update sync_state set watermark = upper_bound, cursor = coalesce($6, cursor), run_id = null, run_started = null, window_from = null, \
           window_to = null, page_token = null, upper_bound = null, windows_complete = false, halted = null, lease_until = $5, updated_at = $5, \
           requested_at = case when requested_at > run_started then requested_at end, \
           requested_why = case when requested_at > run_started then requested_why end \
           where source = $1 and entity = $2 and mode = $3 and fence = $4 \
           returning requested_at is not null as owed",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::TIMESTAMPTZ, Type::TEXT],
};

static RELEASE: Sql = Sql {
    name: "sync_state.release",
    text: "update sync_state set lease_until = $5, halted = $6, updated_at = $7 \
           where source = $1 and entity = $2 and mode = $3 and fence = $4",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TIMESTAMPTZ,
    ],
};

static ABANDON: Sql = Sql {
    name: "sync_state.abandon",
    text: "with closed as (delete from sync_windows where source = $1 and entity = $2 and mode = $3) \
           update sync_state set cursor = null, run_id = null, run_started = null, window_from = null, window_to = null, \
           page_token = null, upper_bound = null, windows_complete = false, halted = null, lease_until = $5, updated_at = $5 \
           where source = $1 and entity = $2 and mode = $3 and fence = $4",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::TIMESTAMPTZ],
};

static HAND_ON: Sql = Sql {
    name: "sync_state.hand_on",
    text: "insert into sync_state (source, entity, mode, watermark, cursor, lease_until, updated_at) \
           values ($1, $2, $3, $4, $5, '-infinity', $6) \
           on conflict (source, entity, mode) do update set watermark = excluded.watermark, cursor = excluded.cursor",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::TIMESTAMPTZ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&ACQUIRE, &MOVE, &FINISH, &RELEASE, &ABANDON, &HAND_ON];

/// One pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The vendor.
    pub source: &'a str,
    /// What is pulled.
    pub entity: &'a str,
    /// How.
    pub mode: Mode,
}

/// The right to move a pull's cursor, until another takes it.
#[derive(Debug, Clone)]
pub struct Lease {
    fence: i64,
    /// Everything up to here has been drained.
    pub watermark: Option<Timestamp>,
    /// The vendor's own cursor, where it has one.
    pub cursor: Option<String>,
    /// The run under way, which this lease goes on with.
    pub run: Option<RunUnderWay>,
    /// Whether somebody asked for a run that has not succeeded yet.
    pub owed: bool,
    /// Why, where they said.
    pub owed_why: Option<String>,
}

impl Lease {
    /// How far the pull has come.
    pub fn reached(&self) -> Cursor<'_> {
        Cursor { watermark: self.watermark, token: self.cursor.as_deref() }
    }
}

/// A run that was begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUnderWay {
    /// Its id.
    pub id: RunId,
    /// When it began.
    pub started: Timestamp,
    /// Where it stands.
    pub position: Position,
    /// Frozen when it began; the watermark when it ends.
    pub upper_bound: Timestamp,
    /// What was forked off and is not drained yet, in the order of the numbers.
    pub windows: Vec<Window>,
    /// Whether nothing more is to be forked off: at `position` there was nothing left.
    pub windows_complete: bool,
}

impl RunUnderWay {
    /// A run that begins `now`.
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
    /// Within its run.
    pub number: i32,
    /// Where it stands.
    pub position: Position,
}

/// Takes the lease on a pull, and reads how far it has come; `None` where somebody holds it.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn acquire(
    on: &impl GenericClient,
    key: Key<'_>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>, StoreError> {
    let row =
        ACQUIRE.optional(on, &[&key.source, &key.entity, &key.mode.as_str(), &now, &until]).await?;
    let Some(row) = row else { return Ok(None) };
    let mut run = run_under_way(&row)?;
    if let Some(run) = &mut run {
        run.windows = windows::open_ones(on, key, run.id).await?;
    }
    Ok(Some(Lease {
        fence: row.read("fence")?,
        watermark: row.read("watermark")?,
        cursor: row.read("cursor")?,
        run,
        owed: row.read("owed")?,
        owed_why: row.read("requested_why")?,
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

/// Moves the cursor, and with it extends the lease to `until`.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn advance(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    run: &RunUnderWay,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let changed = MOVE
        .execute(
            tx,
            &[
                &key.source,
                &key.entity,
                &key.mode.as_str(),
                &lease.fence,
                &run.id.0,
                &now,
                &run.position.from,
                &run.position.to,
                &run.position.token,
                &run.upper_bound,
                &until,
                &run.windows_complete,
            ],
        )
        .await?;
    held(changed, lease)
}

/// Ends the run, of which no window is open: the watermark becomes its upper bound, the vendor's own cursor `cursor` if it gave one, the
/// lease is free. A run that was asked for after this one began is still owed, since this one's bound was frozen
/// before; that is the answer.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn finish(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mode = key.mode.as_str();
    let row = FINISH
        .optional(tx, &[&key.source, &key.entity, &mode, &lease.fence, &now, &cursor])
        .await?;
    row.ok_or(StoreError::FenceLost(lease.fence))?.read("owed")
}

/// Ends the run without success and forgets the vendor's own cursor, which is no use any more; the lease is free.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn abandon(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = ABANDON
        .execute(tx, &[&key.source, &key.entity, &key.mode.as_str(), &lease.fence, &now])
        .await?;
    held(changed, lease)
}

/// Sets the cursor of another pull: the one that a full run came by is where the incremental one goes on from.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn hand_on(
    tx: &Transaction<'_>,
    to: Key<'_>,
    cursor: Cursor<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mode = to.mode.as_str();
    HAND_ON
        .execute(tx, &[&to.source, &to.entity, &mode, &cursor.watermark, &cursor.token, &now])
        .await
        .map(drop)
}

/// Frees the lease with the run unfinished. `halted` says why only a person can go on; until `quiet_until`
/// a message is under way that goes on with it, and `relay` sends no other.
///
/// # Errors
/// Whatever Postgres answers; a lease already lost is no error.
pub async fn release(
    on: &impl GenericClient,
    key: Key<'_>,
    lease: &Lease,
    halted: Option<&str>,
    now: Timestamp,
    quiet_until: Timestamp,
) -> Result<(), StoreError> {
    RELEASE
        .execute(
            on,
            &[
                &key.source,
                &key.entity,
                &key.mode.as_str(),
                &lease.fence,
                &now,
                &halted,
                &quiet_until,
            ],
        )
        .await
        .map(drop)
}

fn held(changed: u64, lease: &Lease) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::FenceLost(lease.fence)) }
}
