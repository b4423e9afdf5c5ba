//! The removal of a connection: its rows stay and count, or `relay` erases them.

use jiff::Timestamp;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::source;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    connections.declare: Declare<'a> { name: &'a str, source: &'a str, now: Timestamp }
    connections.lock: Lock<'a> { name: &'a str }
    connections.set_state: SetState<'a> { names: &'a [String], state: &'a str, now: Timestamp }
    refetch_requests.forget: ForgetRefetches<'a> { sources: &'a [String] }
    push_channels.forget: ForgetChannels<'a> { sources: &'a [String] }
    circuits.forget: ForgetCircuits<'a> { sources: &'a [String] }
    held_sweeps.forget: ForgetSweeps<'a> { sources: &'a [String] }
    vendor_accounts.ask_anew: AskAnew<'a> { sources: &'a [String] }
    sync_state.lock_all: LockAll<'a> { sources: &'a [String] }
    sync_state.remove: EndPulls<'a> { sources: &'a [String], reason: &'a str, now: Timestamp }
    sync_runs.refuse: Refuse<'a> {
        ids: &'a [Uuid],
        sources: &'a [&'a str],
        entities: &'a [&'a str],
        modes: &'a [&'a str],
        started_ats: &'a [Timestamp],
        reason: &'a str,
    }
}

/// The reason in the reports of the runs that a removal ends.
pub const REASON: &str = "the connection was removed";

/// The outcome of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The state of the connection from now on.
    pub state: State,
    /// The connections whose state this call has changed, by name: the one that was meant, and the
    /// accounts that are read with its key. Empty if that was done before.
    pub changed: Vec<String>,
}

/// Removes the connection `name` and every account that is read with its key. With `erase` their
/// rows are deleted by `relay`; otherwise they stay and count. Returns `None` if there is no such
/// connection.
///
/// Runs that are requested or under way end as failed, and functions that have a lease lose it.
/// Cursors are forgotten: whoever connects the name again may mean another account. A connection
/// that the template declares gets a row that says so.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails: roll back.
pub async fn remove(
    tx: &Transaction<'_>,
    name: &str,
    erase: bool,
    now: Timestamp,
) -> Result<Option<Removal>, StoreError> {
    if source::find(name).is_some() {
        Declare { name, source: name, now }.execute(tx).await?;
    }
    let to = if erase { State::Erasing } else { State::Removed };
    let mut before = None;
    let mut changed = Vec::new();
    let locked = Lock { name }.rows(tx).await?;
    for row in &locked {
        let (each, state) = (row.read::<String>("name")?, super::state(row)?);
        if each == name {
            before = Some(state);
        }
        if may_become(state, to) {
            changed.push(each);
        }
    }
    let Some(before) = before else { return Ok(None) };
    if !changed.is_empty() {
        SetState { names: &changed, state: to.as_str(), now }.execute(tx).await?;
        end_all(tx, &changed, now).await?;
    }
    let state = if may_become(before, to) { to } else { before };
    Ok(Some(Removal { state, changed }))
}

/// Whether a connection in state `from` may be removed or erased. What is being erased, or is
/// erased, stays so.
#[must_use]
pub const fn may_become(from: State, to: State) -> bool {
    match to {
        State::Removed => from.is_open(),
        State::Erasing => from.is_open() || matches!(from, State::Removed),
        State::Active | State::Paused | State::Erased => false,
    }
}

/// Ends what is under way for these connections. Whatever may be locked is waited for last.
async fn end_all(
    tx: &Transaction<'_>,
    sources: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    ForgetRefetches { sources }.execute(tx).await?;
    ForgetChannels { sources }.execute(tx).await?;
    ForgetCircuits { sources }.execute(tx).await?;
    ForgetSweeps { sources }.execute(tx).await?;
    AskAnew { sources }.execute(tx).await?;
    // A statement of its own: the next one sees what was committed while this one waited.
    let pulls = LockAll { sources }.rows(tx).await?;
    EndPulls { sources, reason: REASON, now }.execute(tx).await?;
    refuse(tx, &pulls, now).await
}

/// Writes failed reports for the runs that were requested and have not begun.
async fn refuse(tx: &Transaction<'_>, pulls: &[Row], now: Timestamp) -> Result<(), StoreError> {
    let (mut ids, mut sources, mut entities) = (Vec::new(), Vec::new(), Vec::new());
    let (mut modes, mut started_ats) = (Vec::new(), Vec::new());
    for pull in pulls {
        let mode: &str = pull.read("mode")?;
        let requested: Option<Timestamp> = pull.read("requested_at")?;
        if let Some(requested) = requested
            && mode != Mode::Refetch.as_str()
        {
            ids.push(RunId::new(now).0);
            sources.push(pull.read("source")?);
            entities.push(pull.read("entity")?);
            modes.push(mode);
            started_ats.push(requested.max(now));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let refuse = Refuse {
        ids: &ids,
        sources: &sources,
        entities: &entities,
        modes: &modes,
        started_ats: &started_ats,
        reason: REASON,
    };
    refuse.execute(tx).await.map(drop)
}
