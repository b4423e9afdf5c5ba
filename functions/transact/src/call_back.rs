//! `POST /webhooks/transactions` and `POST /webhook`: the third party says how a transaction is
//! doing.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::signing::{Unverified, checked};
use penstock_domain::clock::Clock;
use penstock_domain::signature::{SigningSecrets, verify};
use penstock_domain::source::WebhookRequest;
use penstock_domain::transaction::{Event, Message, Spilled, SpilledCallBack, Standing};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::transactions::{self, Applied, Cause, Happening};
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Caller;
use crate::{BODY_LIMIT, Ports, RETRY_AFTER, body, done, unknown};

/// The reply to a call-back that was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "CallBackReceived")
)]
pub(crate) struct Received {
    /// Always true.
    received: bool,
    /// `applied`: the transaction stands so now. `known`: nothing is new. `kept`: it contradicts a
    /// final state, and a person decides. `spilled`: it waits on a queue for Postgres.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["applied", "known", "kept", "spilled"])))]
    outcome: &'static str,
}

/// The effect of a call-back.
pub(crate) enum Heard {
    /// The transaction stands like this now.
    Applied {
        /// The message to its client.
        notification: Option<Uuid>,
    },
    /// It changes nothing.
    Known,
    /// It contradicts a final state.
    Kept,
    /// There is no such transaction.
    Unknown,
}

impl Heard {
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Known => "known",
            Self::Kept => "kept",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the message to `settle`.
    pub(crate) fn message(&self) -> Option<Message> {
        match self {
            Self::Applied { notification } => notification.map(Message::Notification),
            Self::Known | Self::Kept | Self::Unknown => None,
        }
    }
}

/// Returns the reply to a call-back that is not verified. A secret that cannot be had is never a
/// 400: the third party would take it for a refusal.
fn not_verified(unverified: Unverified) -> Failure {
    match unverified {
        Unverified::Signature(error) => Failure::unverified(error),
        other => Failure::from(Problem::unavailable(RETRY_AFTER)).because(other),
    }
}

/// Receives a call-back, or returns why not. Any query is accepted: it is part of the URL that an
/// operator gave to the third party.
pub(crate) async fn receive<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let Call { request, id, now, .. } = call;
    let no_route = || Problem::not_found("There is no such route.");
    let secret = ports.call_back.as_ref().ok_or_else(no_route)?;
    let party = ports.party()?;
    let url = request.called_url(ports.public_base_url.as_deref());
    let headers = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let called = WebhookRequest { method: request.method.as_str(), url: &url, headers: &headers };
    let body = request.bytes(BODY_LIMIT)?;
    let claim = party.claim(&called).map_err(Failure::unverified)?;
    let check = |secrets: &SigningSecrets| verify(&body, &claim, secrets, now);
    let checking = checked(secret, SigningSecrets::parse_standard, now, check);
    let verified = checking.await.map_err(not_verified)?.bytes();
    let read = party.call_back(verified);
    let (transaction, said) = read.map_err(|e| body::invalid(e.pointer(), e.to_string()))?;
    let (request_id, bytes) = (id.as_str(), verified.len());
    let outcome = match ports.hear(transaction, said).await {
        Ok(Heard::Unknown) => {
            tracing::warn!(event = "call_back_unknown", request_id, transaction_id = %transaction);
            return Err(unknown());
        }
        Ok(heard) => {
            ports.announce(heard.message()).await;
            heard.word()
        }
        Err(error) => {
            tracing::error!(event = "not_stored", request_id, error = chain(&error));
            let spilled = SpilledCallBack { id: transaction, said, received_at: now };
            ports.spill_over(&Spilled::CallBack(spilled), bytes, id).await?;
            "spilled"
        }
    };
    let (transaction_id, said) = (transaction.to_string(), said.as_str());
    tracing::info!(event = "call_back", request_id, transaction_id, said, bytes, outcome);
    let received = Received { received: true, outcome };
    if outcome == "spilled" {
        Reply::json(StatusCode::ACCEPTED, &received)
    } else {
        done(&received)
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Applies the third party's word. One line of the log tells of a contradiction.
    pub(crate) async fn hear(&self, id: Uuid, said: Standing) -> Result<Heard, StoreError> {
        let now = self.clock.now();
        let applied = self.database.in_time_or_again(|| self.apply(id, said, now)).await?;
        Ok(match applied {
            Applied::Moved(_, notification) => Heard::Applied { notification },
            Applied::Unchanged(_) => Heard::Known,
            Applied::Contradicted(stored) => {
                tracing::error!(
                    event = "transaction_contradicted",
                    transaction_id = %id,
                    said = said.as_str(),
                    status = stored.fate.state.as_str()
                );
                Heard::Kept
            }
            Applied::Gone => Heard::Unknown,
        })
    }

    async fn apply(&self, id: Uuid, said: Standing, now: Timestamp) -> Result<Applied, StoreError> {
        let connection = self.database.connection().await?;
        let Some(from) = transactions::find(&**connection, id).await? else {
            return Ok(Applied::Gone);
        };
        let happening = Happening::new(Event::Said(said), Cause::CallBack);
        transactions::apply(&**connection, &self.settings, from, &happening, now).await
    }
}
