//! The `sync_windows` table: the parts of a history that a run pages through side by side.
//!
//! Whoever has the lease of the pull moves all of them; that is why each statement asks for the fence.

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use penstock_domain::paging::Position;
use postgres_types::Type;
use tokio_postgres::{GenericClient, Transaction};

use super::{Key, Lease, Window, held};
use crate::{Row, Sql, StoreError};

static OPEN_ONES: Sql = Sql {
    name: "sync_windows.open_ones",
    text: "select number, window_from, window_to, page_token from sync_windows \
           where source = $1 and entity = $2 and mode = $3 and run_id = $4 order by number",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::UUID],
};

static OPEN: Sql = Sql {
    name: "sync_windows.open",
    text: "insert into sync_windows (source, entity, mode, run_id, number, window_from, window_to, page_token) \
           select source, entity, mode, run_id, $5, $6, $7, $8 from sync_state \
           where source = $1 and entity = $2 and mode = $3 and fence = $4",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT4,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
    ],
};

static MOVE: Sql = Sql {
    name: "sync_windows.move",
    text: "with held as (update sync_state set lease_until = $9, updated_at = $10 \
                         where source = $1 and entity = $2 and mode = $3 and fence = $4 returning run_id) \
           update sync_windows as w set window_from = $6, window_to = $7, page_token = $8 from held \
           where w.source = $1 and w.entity = $2 and w.mode = $3 and w.number = $5 and w.run_id = held.run_id",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT4,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ],
};

static CLOSE: Sql = Sql {
    name: "sync_windows.close",
    text: "with held as (update sync_state set lease_until = $6, updated_at = $7 \
                         where source = $1 and entity = $2 and mode = $3 and fence = $4 returning run_id) \
           delete from sync_windows as w using held \
           where w.source = $1 and w.entity = $2 and w.mode = $3 and w.number = $5 and w.run_id = held.run_id",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT4,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ],
};

static FORGET: Sql = Sql {
    name: "sync_windows.forget",
    text: "delete from sync_windows where source = $1 and entity = $2 and mode = $3",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&OPEN_ONES, &OPEN, &MOVE, &CLOSE, &FORGET];

pub(super) async fn open_ones(
    on: &impl GenericClient,
    key: Key<'_>,
    run: RunId,
) -> Result<Vec<Window>, StoreError> {
    let rows = OPEN_ONES.rows(on, &[&key.source, &key.entity, &key.mode.as_str(), &run.0]).await?;
    let window = |row: &Row| {
        let (from, to) = (row.read("window_from")?, row.read("window_to")?);
        let position = Position { from, to, token: row.read("page_token")? };
        Ok(Window { number: row.read("number")?, position })
    };
    rows.iter().map(window).collect()
}

/// Notes a window of the run under way.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn open(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    window: &Window,
) -> Result<(), StoreError> {
    let Window { number, position: Position { from, to, token } } = window;
    let mode = key.mode.as_str();
    let opened = OPEN
        .execute(tx, &[&key.source, &key.entity, &mode, &lease.fence, number, from, to, token])
        .await?;
    held(opened, lease)
}

/// Moves a window on, and with it extends the lease to `until`.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn advance(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    window: &Window,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let Window { number, position: Position { from, to, token } } = window;
    let mode = key.mode.as_str();
    let (source, entity, fence) = (&key.source, &key.entity, &lease.fence);
    held(
        MOVE.execute(tx, &[source, entity, &mode, fence, number, from, to, token, &until, &now])
            .await?,
        lease,
    )
}

/// Forgets a window, which is drained, and extends the lease to `until`.
///
/// # Errors
/// [`StoreError::FenceLost`] where another has taken the lease: roll back.
pub async fn close(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    number: i32,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let (source, entity, mode) = (key.source, key.entity, key.mode.as_str());
    held(
        CLOSE.execute(tx, &[&source, &entity, &mode, &lease.fence, &number, &until, &now]).await?,
        lease,
    )
}

/// Forgets the windows of a run that another is about to take the place of. The fence is asked for when that is begun.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn forget(tx: &Transaction<'_>, key: Key<'_>) -> Result<(), StoreError> {
    FORGET.execute(tx, &[&key.source, &key.entity, &key.mode.as_str()]).await.map(drop)
}
