//! The way around a database that is away: to the queue `transact-spill`, and back from it. A
//! message is believed by its seal alone.

use std::time::Duration;

use penstock_clients::queue::{Outlet, offer};
use penstock_clients::seals::SealError;
use penstock_domain::clock::{Clock, elapsed, later};
use penstock_domain::disposition::Disposition;
use penstock_domain::signature::seal::Purpose;
use penstock_domain::spill::{NotSpilled, Spill};
use penstock_domain::transaction::{Message, Spilled, SpilledCallBack, SpilledTransaction, State};
use penstock_edge::http::{Failure, Problem, RequestId};
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::transactions::{self, BroughtIn, MESSAGE_GRACE, TakenIn};

use crate::call_back::Heard;
use crate::{NAME, Ports, RETRY_AFTER};

/// How long SQS may take to accept a request that Postgres did not.
const SPILL_PATIENCE: Duration = Duration::from_secs(4);

/// After this time no further message of a batch is begun; the rest come again. The function ends
/// 10 s later.
const BATCH_PATIENCE: Duration = Duration::from_secs(10);

/// The outcome of one message.
enum Brought {
    /// It is committed.
    Done {
        /// Whether it was not there before.
        is_new: bool,
        /// The message to `settle`.
        message: Option<Message>,
    },
    /// A call-back whose transaction may be behind it on the queue.
    Early,
    /// The message itself is at fault; the others may go on.
    Refused,
    /// Postgres is away: for the others, too.
    Away,
}

impl Brought {
    const fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Early => "early",
            Self::Refused => "refused",
            Self::Away => "away",
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Hands a request to SQS that Postgres could not take; 503 if SQS cannot take it either.
    pub(crate) async fn spill_over(
        &self,
        spilled: &Spilled,
        bytes: usize,
        id: &RequestId,
    ) -> Result<(), Failure> {
        let request_id = id.as_str();
        let not_kept = || Failure::from(Problem::unavailable(RETRY_AFTER));
        let Some(text) = spilled.text() else {
            tracing::error!(event = "too_large_to_spill", request_id, bytes);
            return Err(not_kept());
        };
        let not_spilled = |error: String| {
            tracing::error!(event = "not_spilled", request_id, error);
            not_kept()
        };
        let message = self.seals.seal(Purpose::Transact, &text, spilled.received_at()).await;
        let message = message.map_err(|error| not_spilled(chain(&error)))?;
        offer(&self.spill, vec![message], SPILL_PATIENCE)
            .await
            .map_err(|error| not_spilled(chain(&error)))
    }

    /// Applies the messages of a batch. Neither keys nor signatures are verified again, but a key
    /// that had only proven itself by its mark is looked up. A message that cannot be applied yet,
    /// or is not believed, comes again; after 5 receives it is in the dead-letter queue.
    pub(crate) async fn bring_in(&self, batch: &SqsEvent) -> BatchResponse {
        let mut response = BatchResponse::all_done();
        let stop_at = later(self.clock.now(), BATCH_PATIENCE);
        let (mut stored, mut known, mut away) = (0, 0, false);
        for message in &batch.records {
            // One answer from a database that is away is enough: the others would wait for the
            // same.
            away |= self.clock.now() >= stop_at;
            let brought = match away {
                true => Brought::Away,
                false => message.work(NAME).run(self.bring_and_announce(message)).await,
            };
            match brought {
                Brought::Done { is_new: true, .. } => stored += 1,
                Brought::Done { is_new: false, .. } => known += 1,
                Brought::Early | Brought::Refused => response.fail(message),
                Brought::Away => {
                    away = true;
                    response.fail(message);
                }
            }
        }
        let (messages, failed) = (batch.records.len(), response.failures());
        tracing::info!(event = "spill_brought_in", messages, stored, known, failed);
        response
    }

    /// Applies one message, and tells `settle`: in its own trace.
    async fn bring_and_announce(&self, message: &SqsMessage) -> Brought {
        let began = self.clock.now();
        let brought = self.bring_one(&message.message_id, &message.body).await;
        let mut stored = 0;
        if let Brought::Done { is_new, message } = &brought {
            stored = usize::from(*is_new);
            self.announce(*message).await;
        }
        let now = self.clock.now();
        message.log_worked(brought.word(), (stored, None), now, elapsed(began, now));
        brought
    }

    async fn bring_one(&self, message_id: &str, body: &str) -> Brought {
        let bytes = body.len();
        let opened = match self.seals.open(body, self.clock.now()).await {
            Ok(opened) => opened,
            Err(error) => return not_opened(message_id, bytes, &error),
        };
        let brought = match Spill::read(opened, self.clock.now()) {
            Ok(Spill::Transact(Spilled::Transaction(it))) => {
                self.bring_transaction(message_id, &it).await
            }
            Ok(Spill::Transact(Spilled::CallBack(it))) => {
                self.bring_call_back(message_id, it).await
            }
            Ok(Spill::Delivery(_) | Spill::Intake(_)) => {
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
        brought.unwrap_or_else(|error| {
            tracing::error!(event = "not_stored", message_id, error = chain(&error));
            match error.disposition() {
                Disposition::Dead(_) => Brought::Refused,
                Disposition::Done | Disposition::Retry(_) => Brought::Away,
            }
        })
    }

    async fn bring_transaction(
        &self,
        message_id: &str,
        spilled: &SpilledTransaction,
    ) -> Result<Brought, StoreError> {
        let due = later(self.clock.now(), MESSAGE_GRACE);
        let brought = self.database.in_time_or_again(|| async move {
            let connection = self.database.connection().await?;
            transactions::bring_in(&**connection, spilled, due).await
        });
        let id = spilled.id;
        let (transaction_id, bytes) = (id.to_string(), spilled.body.len());
        let message = Some(Message::Transaction(id));
        Ok(match brought.await? {
            BroughtIn::Taken(TakenIn::New) => Brought::Done { is_new: true, message },
            // It was spilled because Postgres had not answered, and was stored all the same; or its
            // client has sent it again since.
            BroughtIn::Taken(TakenIn::Known(state)) => {
                let message = message.filter(|_| state == State::Pending);
                Brought::Done { is_new: false, message }
            }
            // Its client read 202 and has let go of it: it must not be dropped silently.
            BroughtIn::Taken(TakenIn::Conflict) => {
                tracing::error!(
                    event = "spilled_transaction_conflicts",
                    message_id,
                    transaction_id,
                    bytes
                );
                Brought::Refused
            }
            BroughtIn::Unauthorized => {
                tracing::error!(
                    event = "spilled_request_not_admitted",
                    message_id,
                    transaction_id,
                    bytes
                );
                Brought::Refused
            }
        })
    }

    async fn bring_call_back(
        &self,
        message_id: &str,
        SpilledCallBack { id, said, .. }: SpilledCallBack,
    ) -> Result<Brought, StoreError> {
        let heard = self.hear(id, said).await?;
        let (transaction_id, said, outcome) = (id.to_string(), said.as_str(), heard.word());
        tracing::info!(event = "call_back", message_id, transaction_id, said, outcome);
        Ok(match heard {
            Heard::Unknown => Brought::Early,
            Heard::Applied { .. } => Brought::Done { is_new: true, message: heard.message() },
            Heard::Known | Heard::Kept => Brought::Done { is_new: false, message: None },
        })
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
