//! `POST /admin/transactions/{id}/resume` and `/notify`: a person has something done again.

use penstock_clients::queue::Outlet;
use penstock_domain::audit::Action;
use penstock_domain::clock::{Clock, later};
use penstock_domain::transaction::{Event, Message, State};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Actor, Entry};
use penstock_store::transactions::{self, Applied, Cause, Happening, Next};
use penstock_store::{StoreError, begin, commit, notifications};
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Caller;
use crate::reading::id_of_path;
use crate::reply::TransactionDetail;
use crate::{Ports, body, done, unknown};

/// The longest body, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;

/// The reply to a person who has dead messages sent again.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "NotifiedTransaction")
)]
pub(crate) struct Notified {
    /// The transaction's id.
    id: Uuid,
    /// The ids of the messages that are sent again. Only dead ones are.
    notifications: Vec<Uuid>,
}

/// `POST /admin/transactions/{id}/resume`
pub(crate) async fn resume<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let id = id_of_path(&call)?;
    let why = body::why_of(&call.request.bytes(LONGEST_REQUEST)?)?;
    let why = why.as_deref();
    let object = id.to_string();
    let trail = Entry { why, ..trail(&call, Action::TransactionResumed, &object) };
    let (stored, notification) =
        match ports.database.in_time_or_again(|| ports.resumed(id, &trail)).await? {
            Applied::Moved(stored, notification) => (stored, notification),
            Applied::Unchanged(stored) | Applied::Contradicted(stored) => (stored, None),
            Applied::Gone => return Err(unknown()),
        };
    let state = stored.fate.state;
    if !matches!(state, State::Pending | State::Submitted) {
        let detail = format!("The transaction is {}, and stays so.", state.as_str());
        return Err(Problem::conflict("transaction-state", detail).into());
    }
    let told = notification.map(Message::Notification);
    ports.announce([Message::Transaction(id)].into_iter().chain(told)).await;
    let (request_id, by, status) = (call.id.as_str(), call.caller.name(), state.as_str());
    tracing::info!(event = "transaction_resumed", request_id, by, transaction_id = %id, status);
    let history = ports.database.in_time_or_again(|| ports.history(id)).await?;
    done(&TransactionDetail::from(history.ok_or_else(unknown)?))
}

/// `POST /admin/transactions/{id}/notify`
pub(crate) async fn notify<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let id = id_of_path(&call)?;
    let object = id.to_string();
    let trail = trail(&call, Action::TransactionNotified, &object);
    let replayed = ports.database.in_time_or_again(|| ports.replayed(id, trail)).await?;
    let notifications = replayed.ok_or_else(unknown)?;
    ports.announce(notifications.iter().copied().map(Message::Notification)).await;
    let (request_id, by, count) = (call.id.as_str(), call.caller.name(), notifications.len());
    tracing::info!(event = "notifications_replayed", request_id, by, transaction_id = %id, count);
    Reply::json(StatusCode::ACCEPTED, &Notified { id, notifications })
}

/// The entry in the audit log about a change to a transaction.
fn trail<'a>(call: &'a Call<'_, Caller>, action: Action, object: &'a str) -> Entry<'a> {
    let actor = Actor::Key { name: call.caller.name() };
    let entry = Entry::new(actor, action, object, call.id.as_str(), call.now);
    Entry { address: call.request.source_ip.as_deref(), ..entry }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    async fn resumed(&self, id: Uuid, trail: &Entry<'_>) -> Result<Applied, StoreError> {
        let (why, now) = (trail.why, trail.at);
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(from) = transactions::find(&tx, id).await? else {
            return Ok(Applied::Gone);
        };
        let event = Event::Resumed { deadline: later(now, self.settings.patience) };
        let happening = Happening {
            reason: why,
            next: Next::At(now),
            ..Happening::new(event, Cause::Operator)
        };
        let applied = transactions::apply(&tx, &self.settings, from, &happening, now).await?;
        if matches!(applied, Applied::Moved(..)) {
            audit::write(&tx, trail).await?;
        }
        commit(tx).await?;
        Ok(applied)
    }

    /// Has dead messages sent again. Returns `None` if there is no such transaction.
    async fn replayed(&self, id: Uuid, trail: Entry<'_>) -> Result<Option<Vec<Uuid>>, StoreError> {
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        if transactions::find(&tx, id).await?.is_none() {
            return Ok(None);
        }
        let replayed = notifications::replay(&tx, id, trail.at).await?;
        if !replayed.is_empty() {
            let count = i64::try_from(replayed.len()).ok();
            audit::write(&tx, &Entry { count, ..trail }).await?;
        }
        commit(tx).await?;
        Ok(Some(replayed))
    }
}
