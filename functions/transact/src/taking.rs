//! `POST /transactions` and `POST /transaction`: a transaction is committed, or waits on a queue.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, later};
use penstock_domain::intake::Sender;
use penstock_domain::transaction::{Message, Spilled, SpilledTransaction, State};
use penstock_edge::http::{Call, Failure, FieldError, Problem, Reply, RequestId, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::transactions::{self, MESSAGE_GRACE, New, TakenIn};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::caller::{Caller, known};
use crate::{BODY_LIMIT, Ports, body};

/// The reply to a transaction that was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "AcceptedTransaction")
)]
pub(crate) struct Accepted {
    /// The transaction's id, as it came.
    id: Uuid,
    /// The state of the transaction.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = crate::reply::STATES)))]
    status: &'static str,
}

/// Takes a transaction, or returns why not.
pub(crate) async fn take<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    ports.party()?;
    let Call { request, id: request_id, now, caller, .. } = call;
    let body = request.bytes(BODY_LIMIT)?;
    let id = body::id_of(&body)?;
    let deadline = later(now, ports.settings.patience);
    let (sender, why) = match caller {
        Caller::Known(key) => {
            let body_sha256: [u8; 32] = Sha256::digest(&body).into();
            let new =
                New { id, sender: &key.name, body: &body, body_sha256: &body_sha256, deadline };
            match ports.store(&new, now).await {
                Ok(taken) => return ports.taken(id, body.len(), taken, request_id).await,
                Err(error) => (known(key), error),
            }
        }
        Caller::Away(sender, error) => (sender, error),
        Caller::Unverified => return Err(Problem::unauthorized().into()),
    };
    tracing::error!(event = "not_stored", request_id = request_id.as_str(), error = chain(&why));
    ports.wait(id, sender, body.into_owned(), (now, deadline), request_id).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    async fn store(&self, new: &New<'_>, now: Timestamp) -> Result<TakenIn, StoreError> {
        let due = later(self.clock.now(), MESSAGE_GRACE);
        self.database
            .in_time_or_again(|| async move {
                let connection = self.database.connection().await?;
                transactions::take_in(&**connection, new, due, now).await
            })
            .await
    }

    /// Replies to a transaction that is committed, or whose id is another's.
    async fn taken(
        &self,
        id: Uuid,
        bytes: usize,
        taken: TakenIn,
        request_id: &RequestId,
    ) -> Result<Reply, Failure> {
        // The first try of a connection that broke may have stored it.
        if matches!(taken, TakenIn::New | TakenIn::Known(State::Pending)) {
            self.announce([Message::Transaction(id)]).await;
        }
        let told = match taken {
            TakenIn::New => "new",
            TakenIn::Known(_) => "replay",
            TakenIn::Conflict => "conflict",
        };
        let request_id = request_id.as_str();
        tracing::info!(event = "kept", request_id, transaction_id = %id, bytes, told);
        match taken {
            TakenIn::New => {
                Reply::json(StatusCode::CREATED, &Accepted { id, status: State::Pending.as_str() })
            }
            TakenIn::Known(state) => {
                let reply = Reply::json(StatusCode::OK, &Accepted { id, status: state.as_str() })?;
                Ok(reply.replayed())
            }
            TakenIn::Conflict => Err(conflict().into()),
        }
    }

    /// Hands a transaction to SQS that Postgres could not take.
    async fn wait(
        &self,
        id: Uuid,
        sender: Sender,
        body: Vec<u8>,
        (received_at, deadline): (Timestamp, Timestamp),
        request_id: &RequestId,
    ) -> Result<Reply, Failure> {
        let bytes = body.len();
        let spilled = SpilledTransaction { id, sender, body, received_at, deadline };
        self.spill_over(&Spilled::Transaction(spilled), bytes, request_id).await?;
        let request_id = request_id.as_str();
        tracing::warn!(event = "spilled", request_id, transaction_id = %id, bytes);
        Reply::json(StatusCode::ACCEPTED, &Accepted { id, status: State::Pending.as_str() })
    }
}

fn conflict() -> Problem {
    let detail = "This id came with another body before. The first one stays.";
    let error = FieldError {
        pointer: "#/id".to_owned(),
        detail: "is the id of a transaction with another body".to_owned(),
    };
    Problem { errors: vec![error], ..Problem::key_reused(detail) }
}
