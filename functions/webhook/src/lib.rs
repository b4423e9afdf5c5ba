//! `webhook`: receives the requests that vendors push.
//!
//! A reply says success only after the event is a row, or the refetch of the object that it names
//! is requested. If Postgres is away, the event becomes a message on the queue `spill`. This
//! function reads that queue once Postgres is back, and the one that `ingest` writes.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_clients::seals::Seals;
use penstock_clients::signing::{Unverified, checked};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::signature::{SigningSecrets, Verified, verify};
use penstock_domain::source::{Signed, Webhook, WebhookRequest};
use penstock_domain::ticket::Ticket;
use penstock_edge::http::{
    self, Call, Failure, InvokeError, Need, Problem, Reply, RequestId, Route, Service, StatusCode,
};
use penstock_edge::telemetry::chain;
use penstock_store::Database;
use serde::Serialize;
use serde_json::Value;

mod connections;
#[cfg(feature = "contract")]
pub mod contract;
mod endpoints;
mod notice;
mod sender;
mod spill;
mod storing;

pub use connections::Connections;
pub use endpoints::{Endpoint, endpoints};
use sender::not_verified;
use storing::Stored;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "webhook";

/// Everything that `webhook` uses.
pub struct Ports<C, Q> {
    /// The outbox.
    pub database: Database,
    /// Which vendors may push, of those that the template declares.
    pub endpoints: Vec<Endpoint>,
    /// The connections that were made while the system runs.
    pub connections: Connections,
    /// Scheme and host under which vendors call, and the stage if the path has one. `None`: the
    /// request's own `Host`.
    pub public_base_url: Option<String>,
    /// The queue of `process`.
    pub tickets: Q,
    /// The queue of requests to `fetch` that are served within a minute.
    pub requests: Q,
    /// The queue of requests that Postgres could not take.
    pub spill: Q,
    /// The secrets that seal the messages of that queue, and of the queue that `ingest` writes.
    pub seals: Seals,
    /// The time.
    pub clock: C,
}

/// The reply to a vendor whose request was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct Received {
    /// Always true.
    received: bool,
    /// `stored`: it is a row now. `known`: it was one before. `spilled`: it waits on a queue for
    /// Postgres. `asked`: a run is requested for it. `halted`: that pull is paused.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["stored", "known", "spilled", "asked", "halted"])))]
    outcome: &'static str,
}

/// The longest body that is taken, in bytes. No vendor's event is longer.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How long SQS may take to accept the messages of a kind, before they count as not sent. A request
/// must end in a reply within the function's 20 s. The other waits are for the secret (twice 4 s),
/// for Postgres (5 s), and for `spill` (4 s, and 2 s for its secret).
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// `Retry-After` seconds when neither Postgres nor SQS accepted the request.
const RETRY_AFTER: u32 = 30;

impl<C: Clock + 'static, Q: Outlet + 'static> Service for Ports<C, Q> {
    type Caller = ();

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("receivePush", "/webhooks/{source}", Need::Signature, &receive).with_query(),
        Route::post("receivePushOfConnection", "/webhooks/{source}/{connection}", Need::Signature, &receive).with_query(),
    ];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets callers through to `receive`, which verifies the signature over the body. This function
    /// reads no API keys, so no other need can be met.
    async fn authorize(&self, call: &Call<'_>) -> Result<(), Failure> {
        match call.route.need {
            Need::Signature => Ok(()),
            _ => Err(Problem::unauthorized().into()),
        }
    }
}

/// `POST /webhooks/{source}`, and `/webhooks/{source}/{connection}`: receives a vendor's request,
/// or returns why not. A reply says success only after a commit, or after SQS has the request. Any
/// query is accepted: it is part of the URL that an operator gave to the vendor, and the vendor may
/// sign it.
async fn receive<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_>,
) -> Result<Reply, Failure> {
    let Call { request, id, now, .. } = call;
    let source = call.path("source").unwrap_or_default();
    let connection = call.path("connection").unwrap_or_else(|| source.clone());
    let no_route = || Problem::not_found("There is no such route.");
    let endpoint = ports.open(&source, &connection, now).await?.ok_or_else(no_route)?;
    let secret = endpoint.secret.as_ref().ok_or_else(no_route)?;
    let source = endpoint.connection.as_str();
    let url = request.called_url(ports.public_base_url.as_deref());
    let headers = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let method = request.method.as_str();
    let called = WebhookRequest { method, url: &url, headers: &headers };
    match endpoint.webhook {
        Webhook::Signed(vendor) => {
            let body = request.bytes(BODY_LIMIT)?;
            let claim = vendor.claim(&called).map_err(Failure::unverified)?;
            let check = |secrets: &SigningSecrets| verify(&body, &claim, secrets, now);
            let verified = checked(secret, SigningSecrets::parse, now, check);
            let verified = verified.await.map_err(|unverified| {
                if matches!(unverified, Unverified::Secret(_)) {
                    ports.connections.doubt(source);
                }
                not_verified(unverified)
            })?;
            let content_type = headers("content-type").filter(|text| text.len() <= 255);
            let content_type = content_type.unwrap_or("application/json");
            ports.keep(source, vendor, verified, content_type, now, id).await
        }
        Webhook::Notified(vendor) => ports.take_notice(source, vendor, secret, &called, id).await,
    }
}

/// The reply to a vendor.
fn received(status: StatusCode, outcome: &'static str) -> Result<Reply, Failure> {
    Reply::json(status, &Received { received: true, outcome })
}

impl<C: Clock + 'static, Q: Outlet + 'static> Ports<C, Q> {
    /// Serves an event of either kind: a request through the gateway, or a batch of the queue
    /// `spill`.
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
    /// Stores a body, or hands it to the queue `spill` if Postgres does not take it.
    async fn keep(
        &self,
        source: &str,
        vendor: &dyn Signed,
        body: Verified<'_>,
        content_type: &str,
        now: Timestamp,
        id: &RequestId,
    ) -> Result<Reply, Failure> {
        match self.store(source, vendor, body, content_type, now, now).await {
            Ok(Stored::New { row, refetches }) => {
                self.announce(row.as_slice(), &refetches).await;
                received(StatusCode::OK, "stored")
            }
            Ok(Stored::Known { waiting, refetches }) => {
                self.announce(waiting.as_slice(), &refetches).await;
                received(StatusCode::OK, "known")
            }
            Err(error) => {
                let request_id = id.as_str();
                tracing::error!(event = "not_stored", request_id, error = chain(&error));
                self.spill_over(source, body, content_type, now, id).await
            }
        }
    }

    /// Sends tickets and requests for committed work. `relay` sends those again that SQS does not
    /// take, so a queue that fails or hangs changes no reply.
    async fn announce(&self, rows: &[OutboxId], fetches: &[FetchRequest]) {
        let tickets = Ticket::split(rows).map(|ticket| ticket.to_body()).collect::<Vec<_>>();
        let requests: Vec<String> =
            fetches.iter().filter_map(|fetch| serde_json::to_string(fetch).ok()).collect();
        for (queue, bodies) in [(&self.tickets, tickets), (&self.requests, requests)] {
            if let Err(error) = offer(queue, bodies, ANNOUNCE_PATIENCE).await {
                tracing::warn!(event = "not_announced", rows = rows.len(), error = chain(&error));
            }
        }
    }
}
