//! `settle`: takes the next step of transactions, and tells their clients.
//!
//! A message names a transaction or a notification; all else is in Postgres. A step is claimed
//! before it is taken, so nothing runs beside itself, and a step that is lost is found by `relay`.
//! That a submission begins is committed before it is sent: a crash leaves one of which nobody
//! claims to know that it was not sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::outgoing::{Notifier, ThirdPartyClient};
use penstock_clients::queue::{MAX_DELAY, Outlet};
use penstock_clients::secret::Secret;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::third_party;
use penstock_domain::transaction::{Message, Settings};
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::chain;
use penstock_store::{Database, StoreError};
use tokio::time::timeout;

mod calls;
mod step;
mod telling;

pub use calls::Calls;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "settle";

/// Everything that `settle` uses.
pub struct Ports<C, Q> {
    /// The transactions and the messages to their clients.
    pub database: Database,
    /// The third party.
    pub party: ThirdPartyClient<C>,
    /// Tells clients; `None` if the deployment names no URL.
    pub notifier: Option<Notifier<C>>,
    /// The function's own queue, for the steps that are not due yet.
    pub transactions: Q,
    /// How transactions are worked.
    pub settings: Settings,
    /// The limit on calls to the third party.
    pub calls: Calls,
    /// The time.
    pub clock: C,
}

/// A request to the third party takes no longer, unless set otherwise.
const TIMEOUT_S: u64 = 20;

/// A step that was claimed is nobody else's for this long. An invocation ends sooner.
const HELD: Duration = Duration::from_secs(90);

/// A next step that is due so soon is waited for. Later ones come with a message.
const SOON: Duration = Duration::from_secs(2);

/// No step is begun so short before Lambda ends the invocation: it may take two requests to the
/// third party and one to Secrets Manager.
const MARGIN: Duration = Duration::from_secs(50);

/// Messages that are not done yet come again, this long before Lambda would end the invocation.
const RESERVE: Duration = Duration::from_secs(3);

/// How long SQS may take to accept a message. `relay` sends it if it does not.
const SEND_PATIENCE: Duration = Duration::from_secs(2);

/// Returns the client of the third party: `THIRD_PARTY` (`http` unless set otherwise),
/// `THIRD_PARTY_BASE_URL`, the secret `THIRD_PARTY_SECRET_ARN` with its key (local runs:
/// `THIRD_PARTY_KEY`), and `THIRD_PARTY_TIMEOUT_S`.
///
/// # Errors
/// [`ConfigError`] if a variable is missing or cannot be used, or if a request might arrive after
/// the time for which `settings` say that it lives.
pub fn third_party<C: Clock>(
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<ThirdPartyClient<C>, ConfigError> {
    let invalid = |name: &str, reason: &str| ConfigError::Invalid {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    let party = third_party::named(env)?;
    let key = Secret::from_env(env, aws, "THIRD_PARTY_KEY", "THIRD_PARTY_SECRET_ARN");
    let timeout = Duration::from_secs(env.parsed_or("THIRD_PARTY_TIMEOUT_S", TIMEOUT_S)?);
    // It may be begun a time-out after its commit, and sent twice if the first was turned away.
    if timeout * 3 > Settings::from_env(env)?.profile.request_lives {
        let reason = "three times as long is longer than THIRD_PARTY_REQUEST_LIVES_S";
        return Err(invalid("THIRD_PARTY_TIMEOUT_S", reason));
    }
    // Without one nothing is taken, and what was taken before waits for it.
    let base_url = env.or("THIRD_PARTY_BASE_URL", "");
    Ok(ThirdPartyClient::new(party, &base_url, key, timeout, clock))
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Works a batch. What is not done before `deadline`, at which Lambda ends the process, comes
    /// again.
    pub async fn handle(&self, event: &SqsEvent, deadline: Timestamp) -> BatchResponse {
        let worked = event.records.iter().map(|message| self.work(message, deadline));
        let mut response = BatchResponse::all_done();
        for (message, is_done) in event.records.iter().zip(join_all(worked).await) {
            if !is_done {
                response.fail(message);
            }
        }
        response
    }

    /// Works one message, in its own trace. Returns false if it is to come again.
    async fn work(&self, message: &SqsMessage, deadline: Timestamp) -> bool {
        let began = self.clock.now();
        message
            .work(NAME)
            .run(async {
                let left = elapsed(began, earlier(deadline, RESERVE));
                let taking = self.take(&message.body, deadline);
                let outcome = match self.database.within(left, taking).await {
                    Ok(word) => word,
                    Err(error) => {
                        tracing::error!(
                            event = "not_settled",
                            message_id = message.message_id,
                            error = chain(&error)
                        );
                        "again"
                    }
                };
                let now = self.clock.now();
                message.log_worked(outcome, (1, None), now, elapsed(began, now));
                outcome != "again"
            })
            .await
    }

    async fn take(&self, body: &str, deadline: Timestamp) -> Result<&'static str, StoreError> {
        let Some(message) = Message::parse(body) else { return Ok("again") };
        loop {
            // `None` if there is no next step, or somebody else takes it.
            let next: Option<Timestamp> = match message {
                // Boxed: it is the larger one by far.
                Message::Transaction(id) => Box::pin(self.step(id)).await?,
                Message::Notification(id) => self.tell(id).await?,
            };
            let Some(at) = next else { return Ok("done") };
            let now = self.clock.now();
            let pause = elapsed(now, at);
            if pause <= SOON && at < earlier(deadline, MARGIN) {
                self.clock.sleep(pause).await;
                continue;
            }
            self.send(message, pause).await;
            return Ok("done");
        }
    }

    /// Sends the message of a step that is due after a pause. One that SQS cannot hold so long is
    /// left to `relay`.
    async fn send(&self, message: Message, pause: Duration) {
        let delay = Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0));
        if delay > MAX_DELAY {
            return;
        }
        let sent = timeout(SEND_PATIENCE, self.transactions.send(message.to_body(), delay)).await;
        let error = match sent {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(_) => "the queue is silent".to_owned(),
        };
        tracing::warn!(event = "not_announced", rows = 1, error);
    }
}
