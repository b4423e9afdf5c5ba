//! `transact`: takes transactions of our own clients, which a third party decides, and the
//! call-backs of that third party.
//!
//! A reply says success only after a commit. This function calls nobody but Postgres and SQS:
//! `settle` works what is committed. If Postgres is away, a request becomes a message on the queue
//! `transact-spill`, which this function reads once Postgres is back.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_clients::seals::Seals;
use penstock_clients::secret::Secret;
use penstock_domain::clock::Clock;
use penstock_domain::third_party::ThirdParty;
use penstock_domain::transaction::{Message, Settings};
use penstock_edge::http::{
    self, Call, Failure, InvokeError, Need, Problem, Reply, Route, Service, StatusCode,
};
use penstock_edge::telemetry::chain;
use penstock_store::Database;
use penstock_store::admission::Admission;
use serde_json::Value;

mod body;
mod call_back;
mod caller;
#[cfg(feature = "contract")]
pub mod contract;
mod operator;
mod reading;
mod reply;
mod spill;
mod taking;

use caller::Caller;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "transact";

/// Everything that `transact` uses.
pub struct Ports<C, Q> {
    /// The transactions.
    pub database: Database,
    /// Authenticates API keys and counts their requests.
    pub admission: Admission,
    /// The queue of `settle`.
    pub transactions: Q,
    /// The queue of requests that Postgres could not take.
    pub spill: Q,
    /// The secret that seals the messages of that queue.
    pub seals: Seals,
    /// The secret that signs call-backs; `None` if no call-back is taken.
    pub call_back: Option<Secret>,
    /// The third party; `None` if the deployment names none. Then no transaction is taken.
    pub party: Option<&'static dyn ThirdParty>,
    /// How transactions are worked.
    pub settings: Settings,
    /// Scheme and host under which the third party calls, and the stage if the path has one.
    /// `None`: the request's own `Host`.
    pub public_base_url: Option<String>,
    /// The time.
    pub clock: C,
}

/// The longest body of a transaction or a call-back, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How long SQS may take to accept the messages of committed rows. A request must end in a reply
/// within the function's 20 s. The other waits are for the key or for the secret (5 s, or twice
/// 4 s), for Postgres (5 s), and for `transact-spill` (4 s, and 2 s for its secret).
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// `Retry-After` seconds when neither Postgres nor SQS accepted the request.
const RETRY_AFTER: u32 = 30;

impl<C: Clock + 'static, Q: Outlet + 'static> Service for Ports<C, Q> {
    type Caller = Caller;

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("createTransaction", "/transactions", Need::Ingest, &taking::take),
        Route::post("createOneTransaction", "/transaction", Need::Ingest, &taking::take),
        Route::get("listTransactions", "/transactions", Need::Read, &reading::list).with_query(),
        Route::get("getTransaction", "/transactions/{id}", Need::Read, &reading::find),
        Route::post("receiveCallBack", "/webhooks/transactions", Need::Signature, &call_back::receive).with_query(),
        Route::post("receiveShortCallBack", "/webhook", Need::Signature, &call_back::receive).with_query(),
        Route::post("resumeTransaction", "/admin/transactions/{id}/resume", Need::Admin, &operator::resume),
        Route::post("notifyTransaction", "/admin/transactions/{id}/notify", Need::Admin, &operator::notify),
    ];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn authorize(&self, call: &Call<'_>) -> Result<Caller, Failure> {
        self.caller(call).await
    }
}

impl<C: Clock + 'static, Q: Outlet + 'static> Ports<C, Q> {
    /// Serves an event of either kind: a request through the gateway, or a batch of the queue
    /// `transact-spill`.
    ///
    /// # Errors
    /// [`InvokeError`] if it is neither. A failure of another kind is a reply.
    pub async fn invoke(&self, event: Value, invocation: &str) -> Result<Value, InvokeError> {
        if event.get("Records").is_some() {
            let batch = serde_json::from_value(event)?;
            // Boxed: it is large, and seldom called.
            return Ok(serde_json::to_value(Box::pin(self.bring_in(&batch)).await)?);
        }
        Ok(serde_json::to_value(http::answer(self, event, invocation).await?)?)
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Returns the third party, or the reply of a deployment that names none.
    fn party(&self) -> Result<&'static dyn ThirdParty, Problem> {
        self.party.ok_or_else(|| Problem::not_found("This deployment has no third party."))
    }

    /// Sends messages about committed rows. `relay` sends those again that SQS does not take, so a
    /// queue that fails or hangs changes no reply.
    async fn announce(&self, messages: impl IntoIterator<Item = Message>) {
        let bodies: Vec<String> = messages.into_iter().map(Message::to_body).collect();
        let count = bodies.len();
        if let Err(error) = offer(&self.transactions, bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", messages = count, error = chain(&error));
        }
    }
}

/// The reply if there is no transaction of an id.
fn unknown() -> Failure {
    Problem::not_found("There is no such transaction.").into()
}

/// Writes a reply that success is committed.
fn done(body: &impl serde::Serialize) -> Result<Reply, Failure> {
    Reply::json(StatusCode::OK, body)
}
