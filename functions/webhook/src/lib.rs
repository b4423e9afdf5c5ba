//! `webhook`: takes what vendors push. The event, or the wish to read what it names, is a row before the reply says so, or
//! where Postgres is away a message on the queue `spill`, which this same function reads once Postgres is back: its own
//! messages, and those of `ingest`.

use std::time::Duration;

use penstock_clients::queue::{Outlet, offer};
use penstock_clients::secret::Secret;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::source::Source;
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::stripe::Stripe;
use penstock_domain::ticket::Ticket;
use penstock_edge::http::{
    Endpoint, Method, Need, Problem, Query, Reply, Request, RequestId, StatusCode,
};
use penstock_edge::telemetry::chain;
use penstock_store::Database;
use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "contract")]
pub mod contract;
mod gcal;
mod hubspot;
mod refusal;
mod sender;
mod spill;
mod storing;

pub use hubspot::HubSpotDoor;
use refusal::Refusal;
use storing::Kept;

/// What `webhook` uses.
pub struct Ports<C, Q> {
    /// The outbox.
    pub database: Database,
    /// The secrets that sign Stripe's requests.
    pub secret: Secret,
    /// How HubSpot's requests are verified; none where there is no HubSpot.
    pub hubspot: Option<HubSpotDoor>,
    /// What made the tokens of Google's push channels; none where Google Calendar is not a source.
    pub gcal: Option<Secret>,
    /// Where `process` listens.
    pub tickets: Q,
    /// Where `fetch` listens.
    pub requests: Q,
    /// Where requests wait for a database that is away.
    pub spill: Q,
    /// The time.
    pub clock: C,
}

/// What a vendor reads of what was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub(crate) struct Received {
    /// Always true.
    received: bool,
    /// `stored`: it is a row now. `known`: it was one before. `spilled`: it waits on a queue for Postgres. `asked`: a run is
    /// owed for it. `halted`: that pull waits for a person.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["stored", "known", "spilled", "asked", "halted"])))]
    outcome: &'static str,
}

/// A longer body is none of Stripe's events.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// For the messages of a kind, after which they count as not sent. With the waits for the secret (twice 4 s), for
/// Postgres (5 s) and for `spill` (4 s) the sum stays below the function's 20 s: a request must end in a reply.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// When a caller may try again to whom nothing could be promised, in seconds.
const RETRY_AFTER: u32 = 30;

/// The routes of this function.
static ROUTES: [Endpoint; 3] = [
    route("takeStripeEvent", "/webhooks/stripe"),
    route("takeCalendarNotification", gcal::PATH),
    route("takeHubSpotChanges", "/webhooks/hubspot"),
];

const fn route(name: &'static str, path: &'static str) -> Endpoint {
    Endpoint { name, method: Method::POST, path, need: Need::Signature, reads_query: false }
}

/// The routes of this function.
pub fn routes() -> impl Iterator<Item = &'static Endpoint> {
    ROUTES.iter()
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Serves an event of either kind: a request through the gateway, or a batch of the queue `spill`.
    ///
    /// # Errors
    /// Where it is neither. Whatever else goes wrong is a reply, or stands in the reply.
    pub async fn handle(&self, event: Value, invocation: &str) -> Result<Value, serde_json::Error> {
        if event.get("Records").is_some() {
            return serde_json::to_value(self.bring_in(&serde_json::from_value(event)?).await);
        }
        let request: Request = serde_json::from_value(event)?;
        serde_json::to_value(self.answer(&request, invocation).await)
    }

    /// Answers one request; `invocation` is Lambda's id of it.
    pub async fn answer(&self, request: &Request, invocation: &str) -> Reply {
        let id = RequestId::of(request, invocation);
        let (reply, outcome) = match self.take(request, &id).await {
            Ok((status, outcome)) => {
                let reply = Reply::json(status, &Received { received: true, outcome });
                let reply = reply.unwrap_or_else(|failure| Reply::problem(failure.problem(), &id));
                (reply, outcome)
            }
            Err(refusal) => {
                refusal.log(&id);
                (Reply::problem(&refusal.into_problem(), &id), "refused")
            }
        };
        let (request_id, status, path) = (id.as_str(), reply.status_code, request.path.as_str());
        tracing::info!(event = "answered", request_id, path, status, outcome);
        reply.with_id(&id)
    }

    /// Takes a request, or says why not. Success is only ever told after a commit, or after SQS has the request.
    async fn take(
        &self,
        request: &Request,
        id: &RequestId,
    ) -> Result<(StatusCode, &'static str), Refusal> {
        let (source, hubspot): (&'static dyn Source, _) =
            match (request.path.as_str(), &self.hubspot) {
                ("/webhooks/stripe" | gcal::PATH, _) => (&Stripe, None),
                ("/webhooks/hubspot", Some(door)) => (&HubSpot, Some(door)),
                _ => return Err(Problem::not_found("There is no such route.").into()),
            };
        if request.method != Method::POST {
            return Err(Problem::method_not_allowed("POST").into());
        }
        Query::parse(&request.raw_query).finish()?;
        if request.path == gcal::PATH {
            return self.take_gcal(&request.headers, id).await;
        }
        let body = request.bytes(BODY_LIMIT)?;
        let now = self.clock.now();
        let verified = match hubspot {
            Some(door) => door.verify(request, &body, now).await?,
            None => self.verify(&body, &request.headers, now).await?,
        };
        let content_type =
            request.headers.get("content-type").and_then(|value| value.to_str().ok());
        let content_type =
            content_type.filter(|text| text.len() <= 255).unwrap_or("application/json");
        match self.store(source, verified, content_type, now, now).await {
            Ok(Kept::New { row, looks }) => {
                self.announce(row.as_slice(), &looks).await;
                Ok((StatusCode::OK, "stored"))
            }
            Ok(Kept::Known) => Ok((StatusCode::OK, "known")),
            Err(error) => {
                tracing::error!(
                    event = "not_stored",
                    request_id = id.as_str(),
                    error = chain(&error)
                );
                self.spill_over(source.name(), verified, content_type, now, id).await
            }
        }
    }

    /// Sends tickets and requests for what is committed. What is not taken `relay` sends again, so a queue that
    /// fails, or hangs, changes no reply.
    async fn announce(&self, rows: &[OutboxId], looks: &[FetchRequest]) {
        let tickets = Ticket::split(rows).map(|ticket| ticket.to_body()).collect::<Vec<_>>();
        let requests: Vec<String> =
            looks.iter().filter_map(|look| serde_json::to_string(look).ok()).collect();
        for (queue, bodies) in [(&self.tickets, tickets), (&self.requests, requests)] {
            if let Err(error) = offer(queue, bodies, ANNOUNCE_PATIENCE).await {
                tracing::warn!(event = "not_announced", rows = rows.len(), error = chain(&error));
            }
        }
    }
}
