//! The way around a database that is away: to the queue `spill`, and back from it. Requests that
//! `ingest` has spilled come back by a queue of their own. A message is believed by its seal alone.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_clients::seals::SealError;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::disposition::Disposition;
use penstock_domain::intake::Intake;
use penstock_domain::signature::seal::Purpose;
use penstock_domain::signature::{Spilled, Verified};
use penstock_domain::spill::{NotSpilled, Spill};
use penstock_domain::ticket;
use penstock_edge::http::{Failure, Problem, Reply, RequestId, StatusCode};
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::chain;
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_store::StoreError;
use penstock_store::intake::{self, BroughtIn};

use crate::storing::Stored;
use crate::{NAME, Ports, RETRY_AFTER, received};

/// How long SQS may take to accept a request that Postgres did not.
const SPILL_PATIENCE: Duration = Duration::from_secs(4);

/// After this time no further message of a batch is begun; the rest come again. The function ends
/// 10 s later.
const BATCH_PATIENCE: Duration = Duration::from_secs(10);

/// The outcome of one message.
enum Brought {
    /// A body that a vendor pushed.
    Delivery(Stored),
    /// A request that `ingest` has spilled.
    Intake(intake::Stored),
    /// A request whose API key is none of ours. It is counted and gone.
    Dropped,
    /// The message itself is at fault; the others may go on.
    Refused,
    /// Postgres is away: for the others, too.
    Away,
}

/// The outcome of one message, as it is told.
struct Outcome {
    word: &'static str,
    /// Rows that are new.
    stored: usize,
    /// Whether it was stored before.
    is_known: bool,
    /// Whether SQS is to deliver it again.
    comes_again: bool,
}

impl Outcome {
    const AWAY: Self = Self { word: "away", stored: 0, is_known: false, comes_again: true };
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Hands a request to SQS that Postgres could not take: 202, or 503 if SQS cannot take it
    /// either.
    pub(crate) async fn spill_over(
        &self,
        source: &str,
        body: Verified<'_>,
        content_type: &str,
        now: Timestamp,
        id: &RequestId,
    ) -> Result<Reply, Failure> {
        let (request_id, bytes) = (id.as_str(), body.bytes().len());
        let not_kept = || Failure::from(Problem::unavailable(RETRY_AFTER));
        let Some(text) = Spilled::text(source, body, content_type, now) else {
            tracing::error!(event = "too_large_to_spill", request_id, bytes);
            return Err(not_kept());
        };
        let not_spilled = |error: String| {
            tracing::error!(event = "not_spilled", request_id, error);
            not_kept()
        };
        let message = self.seals.seal(Purpose::Webhook, &text, now).await;
        let message = message.map_err(|error| not_spilled(chain(&error)))?;
        offer(&self.spill, vec![message], SPILL_PATIENCE)
            .await
            .map_err(|error| not_spilled(chain(&error)))?;
        received(StatusCode::ACCEPTED, "spilled")
    }

    /// Stores the messages of a batch. The vendors' signatures are not verified again: they were
    /// before the message was sealed, and would be too old by now. A message that cannot be stored
    /// yet, or is not believed, comes again; after 5 receives it is in the dead-letter queue.
    pub(crate) async fn bring_in(&self, batch: &SqsEvent) -> BatchResponse {
        let mut response = BatchResponse::all_done();
        let stop_at = self.clock.now() + BATCH_PATIENCE;
        let (mut stored, mut known, mut dropped, mut away) = (0, 0, 0, false);
        for message in &batch.records {
            // One answer from a database that is away is enough: the others would wait for the
            // same.
            away |= self.clock.now() >= stop_at;
            let outcome = match away {
                true => Outcome::AWAY,
                false => message.work(NAME).run(self.bring_and_announce(message)).await,
            };
            stored += outcome.stored;
            known += usize::from(outcome.is_known);
            dropped += usize::from(outcome.word == "dropped");
            away |= outcome.word == Outcome::AWAY.word;
            if outcome.comes_again {
                response.fail(message);
            }
        }
        let failed = response.failures();
        tracing::info!(
            event = "spill_brought_in",
            messages = batch.records.len(),
            stored,
            known,
            dropped,
            failed
        );
        response
    }

    /// Stores one message, and sends the tickets of its rows: in its own trace.
    async fn bring_and_announce(&self, message: &SqsMessage) -> Outcome {
        let began = self.clock.now();
        let (mut rows, mut refetches) = (Vec::new(), Vec::new());
        let done = Outcome { word: "done", stored: 0, is_known: false, comes_again: false };
        let outcome = match self.bring_one(&message.message_id, &message.body).await {
            Brought::Delivery(Stored::New { row, refetches: named }) => {
                rows.extend(row);
                refetches = named;
                Outcome { stored: rows.len(), ..done }
            }
            // It was spilled because Postgres had not answered, and was stored all the same.
            Brought::Delivery(Stored::Known { waiting, refetches: named }) => {
                rows.extend(waiting);
                refetches = named;
                Outcome { is_known: true, ..done }
            }
            Brought::Intake(kept) => {
                rows.extend(kept.for_tickets());
                Outcome { stored: kept.rows.len(), is_known: kept.rows.is_empty(), ..done }
            }
            Brought::Dropped => Outcome { word: "dropped", ..done },
            Brought::Refused => Outcome { word: "refused", comes_again: true, ..done },
            Brought::Away => Outcome::AWAY,
        };
        self.announce(&rows, &refetches).await;
        let single = if let [id] = rows[..] { Some(id.to_string()) } else { None };
        let now = self.clock.now();
        message.log_worked(outcome.word, (outcome.stored, single), now, elapsed(began, now));
        outcome
    }

    async fn bring_one(&self, message_id: &str, body: &str) -> Brought {
        let bytes = body.len();
        let opened = match self.seals.open(body, self.clock.now()).await {
            Ok(opened) => opened,
            Err(error) => return not_opened(message_id, bytes, &error),
        };
        let stored = match Spill::read(opened, self.clock.now()) {
            Ok(Spill::Delivery(spilled)) => self.bring_delivery(message_id, &spilled).await,
            Ok(Spill::Intake(intake)) => self.bring_intake(message_id, &intake).await,
            Ok(Spill::Transact(_)) => {
                let error = "it is of another queue";
                tracing::error!(event = "not_a_spilled_request", message_id, bytes, error);
                return Brought::Refused;
            }
            Err(NotSpilled::Unsealed(error)) => {
                return not_opened(message_id, bytes, &error.into());
            }
            Err(error) => {
                let error = chain(&error);
                tracing::error!(event = "not_a_spilled_request", message_id, bytes, error);
                return Brought::Refused;
            }
        };
        stored.unwrap_or_else(|error| {
            tracing::error!(event = "not_stored", message_id, error = chain(&error));
            match error.disposition() {
                Disposition::Dead(_) => Brought::Refused,
                Disposition::Done | Disposition::Retry(_) => Brought::Away,
            }
        })
    }

    async fn bring_delivery(
        &self,
        message_id: &str,
        spilled: &Spilled,
    ) -> Result<Brought, StoreError> {
        let Some(vendor) = self.signed(&spilled.source).await? else {
            tracing::error!(event = "not_a_spilled_request", message_id, error = "no such source");
            return Ok(Brought::Refused);
        };
        let Spilled { source, content_type, received_at, .. } = spilled;
        let (body, now) = (spilled.body(), self.clock.now());
        let stored = self.store(source, vendor, body, content_type, *received_at, now).await?;
        Ok(Brought::Delivery(stored))
    }

    /// Stores a request that `ingest` has spilled.
    async fn bring_intake(&self, message_id: &str, intake: &Intake) -> Result<Brought, StoreError> {
        let now = self.clock.now();
        match self
            .database
            .in_time(intake::bring_in(&self.database, intake, now + ticket::GRACE, now))
            .await?
        {
            BroughtIn::Stored(stored) => {
                // Their sender read that all are taken.
                let conflicts = stored.conflicts();
                MetricLine::of_source(NAME, intake.route.source(), now)
                    .with_some(Metric::RowsTaken, stored.rows.len())
                    .write();
                if conflicts > 0 {
                    tracing::warn!(event = "spilled_events_kept_aside", message_id, conflicts);
                }
                Ok(Brought::Intake(stored))
            }
            BroughtIn::Stranger => {
                let bytes = intake.body().len();
                tracing::warn!(event = "spilled_request_not_admitted", message_id, bytes);
                Ok(Brought::Dropped)
            }
            BroughtIn::Unauthorized => {
                let bytes = intake.body().len();
                tracing::error!(event = "spilled_request_not_admitted", message_id, bytes);
                Ok(Brought::Refused)
            }
            BroughtIn::Conflict => {
                tracing::error!(event = "spilled_events_conflict", message_id);
                Ok(Brought::Refused)
            }
            BroughtIn::Unreadable(error) => {
                tracing::error!(event = "not_a_spilled_request", message_id, error = chain(&error));
                Ok(Brought::Refused)
            }
        }
    }
}

/// A message that is not believed, or whose secret cannot be had now. Nothing of it is logged but
/// its id and its length.
fn not_opened(message_id: &str, bytes: usize, error: &SealError) -> Brought {
    let text = chain(error);
    if error.is_refusal() {
        tracing::error!(event = "spill_refused", message_id, bytes, error = text);
        return Brought::Refused;
    }
    tracing::error!(event = "not_stored", message_id, bytes, error = text);
    Brought::Away
}
