//! `POST /admin/transactions/{id}/resume` and `/notify`: a person has something done again.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, later};
use penstock_domain::transaction::{Event, Message, State};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::transactions::{self, Applied, Cause, Happening, Next};
use penstock_store::{StoreError, notifications};
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
    let (why, now) = (why.as_deref(), call.now);
    let (stored, notification) =
        match ports.database.in_time_or_again(|| ports.resumed(id, why, now)).await? {
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
    let replayed = ports.database.in_time_or_again(|| ports.replayed(id, call.now)).await?;
    let notifications = replayed.ok_or_else(unknown)?;
    ports.announce(notifications.iter().copied().map(Message::Notification)).await;
    let (request_id, by, count) = (call.id.as_str(), call.caller.name(), notifications.len());
    tracing::info!(event = "notifications_replayed", request_id, by, transaction_id = %id, count);
    Reply::json(StatusCode::ACCEPTED, &Notified { id, notifications })
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    async fn resumed(
        &self,
        id: Uuid,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let connection = self.database.connection().await?;
        let Some(from) = transactions::find(&**connection, id).await? else {
            return Ok(Applied::Gone);
        };
        let event = Event::Resumed { deadline: later(now, self.settings.patience) };
        let happening = Happening {
            reason: why,
            next: Next::At(now),
            ..Happening::new(event, Cause::Operator)
        };
        transactions::apply(&**connection, &self.settings, from, &happening, now).await
    }

    /// Has dead messages sent again. Returns `None` if there is no such transaction.
    async fn replayed(&self, id: Uuid, now: Timestamp) -> Result<Option<Vec<Uuid>>, StoreError> {
        let connection = self.database.connection().await?;
        if transactions::find(&**connection, id).await?.is_none() {
            return Ok(None);
        }
        notifications::replay(&**connection, id, now).await.map(Some)
    }
}
