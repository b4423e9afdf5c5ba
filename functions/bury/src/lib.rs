//! `bury`: reads the dead-letter queues and writes down why a message was given up.
//!
//! A message in a dead-letter queue is not a lost record: the records are in Postgres. Rows of a
//! ticket stay pending, and `relay` sends them a new one: `process` alone can say of a row's object
//! that it is unreadable. Only rows that have no attempt left become dead here, with their letters.
//! A request that was spilled and outlasted its queue's receives is not given up either: it is
//! stored here, if its seal proves who has sent it. If not, the message stays in its queue.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::seals::{SealError, Seals};
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::disposition::{Disposition, Reason, ReasonKind};
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{EVENT, EVENTS, Intake, LEADS, LeadState, Route};
use penstock_domain::record::Media;
use penstock_domain::signature::{Spilled, seal};
use penstock_domain::source::{self, Signed};
use penstock_domain::spill::{self, NotSpilled, Spill};
use penstock_domain::ticket::{Ticket, TicketError};
use penstock_domain::transaction;
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::{chain, whole_ms};
use penstock_store::dead_letters::{self, Undeliverable};
use penstock_store::intake::{self, BroughtIn};
use penstock_store::outbox::{self, Arrival, DeadRow};
use penstock_store::transactions::{self, TakenIn};
use penstock_store::{Database, StoreError, connections, deliveries};
use tokio::time::timeout;

/// The name of the function, for its log.
pub const NAME: &str = "bury";

/// The reason of a request whose API key proved to be ours while Postgres was away.
const NOT_ADMITTED: &str = "its API key was revoked, may not send this, or is no longer known";

/// The reason of a call-back that was spilled. The table of states, which may make a message to the
/// client of it, is not applied here.
const CALL_BACK: &str = "a call-back that waited too long; the third party is asked instead";

/// A message that takes longer is given up, and comes again.
const PATIENCE: Duration = Duration::from_secs(10);

/// An invocation gives up this long before Lambda would end it.
const RESERVE: Duration = Duration::from_secs(5);

/// A reason for which a message stays in its queue.
#[derive(Debug, thiserror::Error)]
enum NotBuried {
    /// Postgres does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It claims to be a spilled request and is not believed, or the secret cannot be had now.
    #[error(transparent)]
    Sealed(#[from] SealError),
}

impl NotBuried {
    /// Logs that `message` stays in its queue. An alarm counts those that are not believed.
    fn log(&self, message: &SqsMessage) {
        let (message_id, bytes) = (&message.message_id, message.body.len());
        let error = chain(self);
        match self {
            Self::Sealed(cause) if cause.is_refusal() => {
                tracing::error!(event = "spill_refused", message_id, bytes, error);
            }
            Self::Store(_) | Self::Sealed(_) => {
                tracing::error!(event = "bury_failed", message_id, bytes, error);
            }
        }
    }
}

/// Everything that `bury` uses.
pub struct Ports<C> {
    /// The outbox and the dead letters.
    pub database: Database,
    /// The secrets that seal spilled requests.
    pub seals: Seals,
    pub clock: C,
}

impl<C: Clock> Ports<C> {
    /// Buries a batch of messages, and gives up in time before `deadline`, at which Lambda would
    /// end the process. Then all of them come again: those that are buried are known.
    pub async fn handle_until(&self, event: SqsEvent, deadline: Timestamp) -> BatchResponse {
        let left = elapsed(self.clock.now(), earlier(deadline, RESERVE));
        let mut none_done = BatchResponse::all_done();
        event.records.iter().for_each(|message| none_done.fail(message));
        if let Ok(response) = timeout(left, self.handle(event)).await {
            return response;
        }
        self.database.end_idle().await;
        tracing::error!(event = "batch_given_up", reserve_s = RESERVE.as_secs());
        none_done
    }

    /// Buries a batch of messages. A message that could not be written down stays in the queue.
    pub async fn handle(&self, event: SqsEvent) -> BatchResponse {
        let (mut response, mut is_silent) = (BatchResponse::all_done(), false);
        for message in &event.records {
            // The others would wait for the same.
            if is_silent {
                response.fail(message);
                continue;
            }
            let (work, began) = (message.work(NAME), self.clock.now());
            let burying = async {
                // Its row says which step is due, and `relay` sends another message.
                if transaction::Message::parse(&message.body).is_some() {
                    return Ok(0);
                }
                match Ticket::parse(&message.body) {
                    Ok(ticket) => self.bury_rows(&ticket.ids).await.map_err(NotBuried::from),
                    Err(why_no_ticket) => self.take_in(message, &why_no_ticket).await,
                }
            };
            let buried = work.clone().run(self.database.within(PATIENCE, burying)).await;
            let ms = whole_ms(elapsed(began, self.clock.now()));
            match buried {
                Ok(dead) => work.enter(|| {
                    let (message_id, sent_by) = (&message.message_id, message.sent_by());
                    let receives = message.receives();
                    tracing::warn!(event = "buried", message_id, sent_by, receives, dead, ms);
                }),
                Err(cause) => {
                    work.enter(|| cause.log(message));
                    response.fail(message);
                    is_silent = matches!(cause, NotBuried::Store(StoreError::Silent(_)));
                }
            }
        }
        response
    }

    /// Buries the rows that `process` died of even as it gave them up. No object is marked.
    async fn bury_rows(&self, ids: &[OutboxId]) -> Result<usize, StoreError> {
        let connection = self.database.connection().await?;
        let pending = outbox::pending(&**connection, ids).await?;
        let guilty = pending.iter().filter(|row| row.is_guilty_of_all());
        let verdicts: Vec<_> =
            guilty.map(|row| DeadRow { id: row.id, reason: row.reason() }).collect();
        outbox::bury(&**connection, &verdicts, self.clock.now()).await?;
        for row in &verdicts {
            tracing::error!(event = "object_not_marked", outbox_id = %row.id);
        }
        Ok(verdicts.len())
    }

    async fn take_in(
        &self,
        message: &SqsMessage,
        why_no_ticket: &TicketError,
    ) -> Result<usize, NotBuried> {
        if !spill::is_claimed(&message.body) {
            return Ok(self.bury_message(message, why_no_ticket.to_string()).await?);
        }
        let opened = self.seals.open(&message.body, self.clock.now()).await?;
        Ok(match Spill::read(opened, self.clock.now()) {
            Ok(Spill::Delivery(spilled)) => match self.signed(&spilled.source).await? {
                Some(vendor) => self.store(message, vendor, &spilled).await?,
                None => self.bury_message(message, why_no_ticket.to_string()).await?,
            },
            Ok(Spill::Intake(intake)) => self.bring_in(message, &intake).await?,
            Ok(Spill::Transact(spilled)) => self.bring_transaction(message, &spilled).await?,
            Err(NotSpilled::Unsealed(error)) => return Err(SealError::from(error).into()),
            Err(error) => self.bury_message(message, error.to_string()).await?,
        })
    }

    /// The rules of the vendor whose request was spilled under this connection.
    async fn signed(&self, connection: &str) -> Result<Option<&'static dyn Signed>, StoreError> {
        let database = self.database.connection().await?;
        let source = connections::source_of(&**database, connection).await?;
        Ok(source.and_then(|source| source::signed(source.name())))
    }

    /// Stores a request that `ingest` has spilled. It writes a dead letter if the API key is
    /// invalid or Postgres refuses the values. The letter has the whole message, so that a person
    /// can bring it in after all.
    async fn bring_in(&self, message: &SqsMessage, intake: &Intake) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let about = match intake.route {
            Route::Leads | Route::ApiLead => (LEADS, LeadState::Accepted.entity()),
            Route::Events { .. } => (EVENTS, EVENT),
        };
        let reason = match intake::bring_in(&self.database, intake, now, now).await {
            Ok(BroughtIn::Stored(stored)) => {
                let message_id = &message.message_id;
                tracing::info!(
                    event = "spilled_request_stored",
                    message_id,
                    known = stored.rows.is_empty(),
                    conflicts = stored.conflicts()
                );
                return Ok(0);
            }
            Ok(BroughtIn::Stranger) => {
                let (message_id, bytes) = (&message.message_id, intake.body().len());
                tracing::warn!(event = "spilled_request_not_admitted", message_id, bytes);
                return Ok(0);
            }
            Ok(BroughtIn::Unauthorized) => Reason::new(ReasonKind::Invalid, NOT_ADMITTED),
            Ok(BroughtIn::Conflict) => Reason::new(
                ReasonKind::Invalid,
                "its Idempotency-Key came with another body before; these events stand nowhere else",
            ),
            Ok(BroughtIn::Unreadable(error)) => {
                Reason::new(ReasonKind::Malformed, error.to_string())
            }
            Err(error) => match error.disposition() {
                Disposition::Dead(reason) => reason,
                Disposition::Done | Disposition::Retry(_) => return Err(error),
            },
        };
        self.write(message, Some(about), reason).await
    }

    /// Stores a transaction that `transact` has spilled; `relay` finds that its step is due. It
    /// writes a dead letter if that cannot be, and for a call-back.
    async fn bring_transaction(
        &self,
        message: &SqsMessage,
        spilled: &transaction::Spilled,
    ) -> Result<usize, StoreError> {
        let transaction::Spilled::Transaction(spilled) = spilled else {
            return self.write(message, None, Reason::new(ReasonKind::Invalid, CALL_BACK)).await;
        };
        let brought = async {
            let connection = self.database.connection().await?;
            transactions::bring_in(&**connection, spilled, self.clock.now()).await
        };
        let reason = match brought.await {
            Ok(transactions::BroughtIn::Taken(TakenIn::Conflict)) => Reason::new(
                ReasonKind::Invalid,
                "its id is that of a transaction with another body",
            ),
            Ok(transactions::BroughtIn::Taken(taken)) => {
                let (message_id, known) = (&message.message_id, taken != TakenIn::New);
                tracing::info!(event = "spilled_request_stored", message_id, known);
                return Ok(0);
            }
            Ok(transactions::BroughtIn::Unauthorized) => {
                Reason::new(ReasonKind::Invalid, NOT_ADMITTED)
            }
            Err(error) => match error.disposition() {
                Disposition::Dead(reason) => reason,
                Disposition::Done | Disposition::Retry(_) => return Err(error),
            },
        };
        self.write(message, None, reason).await
    }

    /// Stores a spilled request as `webhook` would have. `relay` finds it pending and due, and
    /// sends its ticket. A letter is written only if Postgres refuses its values.
    async fn store(
        &self,
        message: &SqsMessage,
        vendor: &dyn Signed,
        spilled: &Spilled,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let delivery = vendor.delivery(spilled.body(), spilled.received_at);
        let arrival = Arrival {
            source: &spilled.source,
            media: Media { content_type: &spilled.content_type, content_encoding: None },
            received_at: spilled.received_at,
            ticket_due_at: now,
            ..Arrival::default()
        };
        match deliveries::store(&self.database, arrival, &delivery, now).await {
            Ok(kept) => {
                tracing::info!(
                    event = "spilled_request_stored",
                    message_id = message.message_id,
                    known = kept.new.is_none()
                );
                Ok(0)
            }
            Err(error) => match error.disposition() {
                Disposition::Dead(reason) => {
                    let entity =
                        delivery.item.as_ref().map_or("unknown", |item| item.entity.as_str());
                    self.write(message, Some((&spilled.source, entity)), reason).await
                }
                Disposition::Done | Disposition::Retry(_) => Err(error),
            },
        }
    }

    async fn bury_message(
        &self,
        message: &SqsMessage,
        why_no_ticket: String,
    ) -> Result<usize, StoreError> {
        let request = FetchRequest::of_message(&message.body);
        let reason = match &request {
            Some(request) => {
                let FetchRequest { source, entity, mode, .. } = request;
                let detail = format!(
                    "fetching {source} {entity} ({}) failed each time; see /runs",
                    mode.as_str()
                );
                Reason::new(ReasonKind::FetchFailed, detail)
            }
            None => Reason::new(ReasonKind::MalformedTicket, why_no_ticket),
        };
        let about = request.as_ref().map(|r| (r.source.as_str(), r.entity.as_str()));
        self.write(message, about, reason).await
    }

    /// Writes the dead letter of a message, about an entity of a source if the message names one.
    async fn write(
        &self,
        message: &SqsMessage,
        about: Option<(&str, &str)>,
        reason: Reason,
    ) -> Result<usize, StoreError> {
        let letter = Undeliverable {
            message_id: &message.message_id,
            body: seal::text(&message.body),
            source: about.map(|(source, _)| source),
            entity: about.map(|(_, entity)| entity),
            receives: message.receives(),
            reason,
            // One that claims a seal and is not believed never comes here.
            sealed: spill::is_claimed(&message.body),
        };
        let connection = self.database.connection().await?;
        dead_letters::write(&**connection, &letter, self.clock.now()).await?;
        Ok(1)
    }
}
