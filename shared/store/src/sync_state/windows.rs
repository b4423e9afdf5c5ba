//! The `sync_windows` table: the parts of a history that a run pages through side by side.
//!
//! The lease of the pull covers all windows, so each statement compares the fence.

use jiff::Timestamp;
use penstock_domain::ids::RunId;
use penstock_domain::paging::Position;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use super::{Key, Lease, Window, held};
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    sync_windows.open_ones: OpenOnes<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        run: Uuid,
    }
    sync_windows.open: OpenWindow<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        number: i32,
        window_from: Option<Timestamp>,
        window_to: Timestamp,
        page_token: Option<&'a str>,
    }
    sync_windows.move: MoveWindow<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        number: i32,
        window_from: Option<Timestamp>,
        window_to: Timestamp,
        page_token: Option<&'a str>,
        now: Timestamp,
        until: Timestamp,
    }
    sync_windows.close: CloseWindow<'a> {
        source: &'a str,
        entity: &'a str,
        mode: &'a str,
        fence: i64,
        number: i32,
        now: Timestamp,
        until: Timestamp,
    }
    sync_windows.forget: ForgetWindows<'a> { source: &'a str, entity: &'a str, mode: &'a str }
}

pub(super) async fn open_ones(
    on: &impl GenericClient,
    key: Key<'_>,
    run: RunId,
) -> Result<Vec<Window>, StoreError> {
    let Key { source, entity, mode } = key;
    let rows = OpenOnes { source, entity, mode: mode.as_str(), run: run.0 }.rows(on).await?;
    let window = |row: &Row| {
        let (from, to) = (row.read("window_from")?, row.read("window_to")?);
        let position = Position { from, to, token: row.read("page_token")? };
        Ok(Window { number: row.read("number")?, position })
    };
    rows.iter().map(window).collect()
}

/// Opens a window of the run under way.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn open(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    window: &Window,
) -> Result<(), StoreError> {
    let open = OpenWindow {
        source: key.source,
        entity: key.entity,
        mode: key.mode.as_str(),
        fence: lease.fence,
        number: window.number,
        window_from: window.position.from,
        window_to: window.position.to,
        page_token: window.position.token.as_deref(),
    };
    held(open.execute(tx).await?, lease)
}

/// Moves a window on, and extends the lease to `until`.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn advance(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    window: &Window,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let moved = MoveWindow {
        source: key.source,
        entity: key.entity,
        mode: key.mode.as_str(),
        fence: lease.fence,
        number: window.number,
        window_from: window.position.from,
        window_to: window.position.to,
        page_token: window.position.token.as_deref(),
        now,
        until,
    };
    held(moved.execute(tx).await?, lease)
}

/// Closes a window that is drained, and extends the lease to `until`.
///
/// # Errors
/// Returns [`StoreError::FenceLost`] if another function has taken the lease: roll back.
pub async fn close(
    tx: &Transaction<'_>,
    key: Key<'_>,
    lease: &Lease,
    number: i32,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let (Key { source, entity, mode }, fence) = (key, lease.fence);
    let close = CloseWindow { source, entity, mode: mode.as_str(), fence, number, now, until };
    held(close.execute(tx).await?, lease)
}

/// Forgets the windows of a run that another run is about to replace. The fence is compared by
/// [`super::advance`], which writes the other run.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn forget(tx: &Transaction<'_>, key: Key<'_>) -> Result<(), StoreError> {
    let Key { source, entity, mode } = key;
    ForgetWindows { source, entity, mode: mode.as_str() }.execute(tx).await.map(drop)
}
