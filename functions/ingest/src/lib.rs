//! `ingest`: receives leads and product events from our own clients. A reply says success only
//! after all of the request is committed. If Postgres is away, the request becomes a message on the
//! queue `ingest-spill`, and `webhook` stores it later.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_clients::seals::Seals;
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{self, Batch, Intake, Reading, Sent};
use penstock_domain::signature::seal::Purpose;
use penstock_domain::ticket::{self, Ticket};
use penstock_edge::http::{
    Call, Failure, Method, Need, Problem, Reply, Request, RequestId, Route, Service,
    any_idempotency_key,
};
use penstock_edge::telemetry::chain;
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_store::admission::Admission;
use penstock_store::intake::{Answer, Stored, store};
use penstock_store::{Database, StoreError};

mod caller;
#[cfg(feature = "contract")]
pub mod contract;
mod lead_edits;
mod replies;

use caller::Caller;
pub use caller::{UNPROVEN_LIMIT, UnprovenShare};

/// The name of the function, for its log and its metrics.
const NAME: &str = "ingest";

/// Everything that `ingest` uses.
pub struct Ports<C, Q> {
    /// The outbox.
    pub database: Database,
    /// Authenticates API keys and counts their requests.
    pub admission: Admission,
    /// The queue of `process`.
    pub tickets: Q,
    /// The queue of requests that Postgres could not take.
    pub spill: Q,
    /// The secret that seals the messages of that queue.
    pub seals: Seals,
    /// The share of senders who prove nothing, while Postgres is away.
    pub unproven: UnprovenShare,
    /// The operator's settings.
    pub config: IngestConfig,
    /// The time.
    pub clock: C,
}

/// The settings of `ingest`, from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// The paths that ask for no API key: their older senders may have none.
    pub keyless: Vec<&'static str>,
}

impl IngestConfig {
    /// `LEGACY_LEAD_KEY`, `LEADS_KEY` and `EVENTS_KEY`: each `required` (unless set otherwise) or
    /// `off`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if a variable holds another word.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let mut keyless = Vec::new();
        for (name, path) in KEYS {
            match env.or(name, "required").as_str() {
                "required" => {}
                "off" => keyless.push(path),
                _ => {
                    let reason = "it is neither required nor off".to_owned();
                    return Err(ConfigError::Invalid { name: name.to_owned(), reason });
                }
            }
        }
        Ok(Self { keyless })
    }
}

/// The longest body, in bytes.
pub const BODY_LIMIT: usize = intake::LONGEST_BODY;

/// How long SQS may take to accept a request that Postgres did not. With [`ANNOUNCE_PATIENCE`] and
/// the waits for Postgres, for the key and for the rows
/// ([`PATIENCE`](penstock_store::database::PATIENCE) each), the sum stays below the function's 20
/// s.
const SPILL_PATIENCE: Duration = Duration::from_secs(4);

/// How long SQS may take to accept the tickets of committed rows.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// `Retry-After` seconds when neither Postgres nor SQS accepted the request.
const RETRY_AFTER: u32 = 30;

/// The longest header that is kept with a request, in bytes.
const LONGEST_HEADER: usize = 255;

/// The variables that say whether a path asks for a key.
const KEYS: [(&str, &str); 3] =
    [("LEGACY_LEAD_KEY", "/api/lead"), ("LEADS_KEY", "/leads"), ("EVENTS_KEY", "/events")];

/// The path of one lead. Form builders that cannot set a header post to it, with an API key in the
/// place of the id: then that key is the only one that counts.
const ONE_LEAD: &str = "/leads/{id}";

impl<C: Clock + 'static, Q: Outlet + 'static> Service for Ports<C, Q> {
    type Caller = Caller;

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::post("createEvents",    "/events",   Need::Ingest, &events).with_query(),
        Route::post("createLead",      "/leads",    Need::Ingest, &leads).with_query(),
        Route::post("createOlderLead", "/api/lead", Need::Ingest, &older_leads).with_query(),
        Route::post("createFormLead",  ONE_LEAD,    Need::Ingest, &leads).with_query(),
        Route::new("editLead", Method::PATCH, ONE_LEAD, Need::Ingest, &lead_edits::edit),
    ];

    /// `metrics` reads leads.
    const ELSEWHERE: &'static [(&'static str, Method)] =
        &[("/leads", Method::GET), (ONE_LEAD, Method::GET)];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn authorize(&self, call: &Call<'_>) -> Result<Caller, Failure> {
        Ok(self.caller(call).await?)
    }
}

/// `POST /leads` and `POST /leads/{id}`
async fn leads<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    ports.accept(intake::Route::Leads, call).await
}

/// `POST /api/lead`
async fn older_leads<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    ports.accept(intake::Route::ApiLead, call).await
}

/// `POST /events`: with `atomic=true` one bad event refuses the others. Other parameters are kept.
async fn events<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mut call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let atomic = call.query.take_as("atomic", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    });
    std::mem::take(&mut call.query).finish_knowing()?;
    ports.accept(intake::Route::Events { atomic: atomic.unwrap_or(false) }, call).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Accepts a request, or returns why not. A reply says success only after a commit, or after
    /// SQS has the request.
    async fn accept(&self, route: intake::Route, call: Call<'_, Caller>) -> Result<Reply, Failure> {
        let Call { request, id, now, caller, .. } = call;
        let body = request.bytes(BODY_LIMIT)?.into_owned();
        let key = any_idempotency_key(&request.headers, &body);
        let intake = Intake::new(route, caller.sender, key, sent(request, body), now);
        let text = intake.event_text().map_err(replies::not_events)?;
        let reading = intake.read(&text).map_err(replies::not_events)?;
        if let Reading::Events(batch) = &reading {
            replies::refuse_bad(batch, route)?;
        }
        let kept = match caller.away {
            Some(why) => Err(why),
            None => self.store(&intake, &reading).await,
        };
        match kept {
            Ok(kept) => {
                self.announce(&kept.for_tickets().collect::<Vec<_>>()).await;
                log_kept(&intake, &reading, &kept, id);
                MetricLine::of_source(NAME, intake.route.source(), now)
                    .with_some(Metric::RowsTaken, kept.rows.len())
                    .write();
                replies::kept(&intake, &reading, &kept.answer)
            }
            Err(error) => {
                let (request_id, error) = (id.as_str(), chain(&error));
                tracing::error!(event = "not_stored", request_id, error);
                self.spill_over(&intake, id).await?;
                replies::spilled(&intake, &reading)
            }
        }
    }

    async fn store(&self, intake: &Intake, reading: &Reading<'_>) -> Result<Stored, StoreError> {
        let now = self.clock.now();
        let due = now + ticket::GRACE;
        self.database.in_time_or_again(|| store(&self.database, intake, reading, due, now)).await
    }

    /// Hands a request to SQS that Postgres could not take; 503 if SQS cannot take it either.
    async fn spill_over(&self, intake: &Intake, id: &RequestId) -> Result<(), Failure> {
        let (request_id, bytes) = (id.as_str(), intake.body().len());
        let not_kept = || Failure::from(Problem::unavailable(RETRY_AFTER));
        let Some(text) = intake.text() else {
            tracing::error!(event = "too_large_to_spill", request_id, bytes);
            return Err(not_kept());
        };
        let not_spilled = |error: String| {
            tracing::error!(event = "not_spilled", request_id, error);
            not_kept()
        };
        let message = self.seals.seal(Purpose::Ingest, &text, intake.received_at).await;
        let message = message.map_err(|error| not_spilled(chain(&error)))?;
        offer(&self.spill, vec![message], SPILL_PATIENCE)
            .await
            .map_err(|error| not_spilled(chain(&error)))?;
        tracing::warn!(event = "spilled", request_id, route = intake.route.as_str(), bytes);
        Ok(())
    }

    /// Sends tickets for committed rows. `relay` sends those again that SQS does not take, so a
    /// queue that fails or hangs changes no reply.
    async fn announce(&self, rows: &[OutboxId]) {
        let tickets = Ticket::split(rows).map(|ticket| ticket.to_body()).collect::<Vec<_>>();
        if let Err(error) = offer(&self.tickets, tickets, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", rows = rows.len(), error = chain(&error));
        }
    }
}

/// Returns what is kept of a request as it came. Nothing beside the body is a reason to refuse it.
fn sent(request: &Request, body: Vec<u8>) -> Sent {
    let header = |name: &str| {
        let text = request.headers.get(name).and_then(|value| value.to_str().ok());
        text.filter(|text| (1..=LONGEST_HEADER).contains(&text.len())).map(str::to_owned)
    };
    let content_type =
        header("content-type").unwrap_or_else(|| "application/octet-stream".to_owned());
    let content_encoding =
        header("content-encoding").filter(|it| !it.eq_ignore_ascii_case("identity"));
    let query = Some(request.raw_query.replace('\0', "%00")).filter(|query| !query.is_empty());
    Sent { query, content_type, content_encoding, body }
}

fn log_kept(intake: &Intake, reading: &Reading<'_>, kept: &Stored, id: &RequestId) {
    let (request_id, route, bytes) = (id.as_str(), intake.route.as_str(), intake.body().len());
    let (rows, state) = (
        kept.rows.len(),
        match reading {
            Reading::Lead(state) => state.as_str(),
            Reading::Events(_) => "events",
        },
    );
    let told = match &kept.answer {
        Answer::New(_) => "new",
        Answer::Replay(_) => "replay",
        Answer::Conflict { .. } => "conflict",
    };
    let conflicts = kept.conflicts();
    // By it one finds the row again if its first ticket was lost, and `relay` began a trace anew.
    let outbox_id = if let [id] = kept.rows[..] { Some(id.to_string()) } else { None };
    tracing::info!(
        event = "kept",
        request_id,
        route,
        state,
        bytes,
        rows,
        outbox_id,
        told,
        conflicts
    );
}

/// How many of a batch are good.
pub(crate) fn good(batch: &Batch<'_>) -> usize {
    batch.events.iter().filter(|event| event.is_ok()).count()
}
