//! The circuit of the queues. While they take no message, each round sends a single one to find
//! out, and leaves the rows in Postgres as they are. All else of the round is done.

use std::time::Duration;

use penstock_clients::queue::{NotTaken, Outlet, QueueError, offer};
use penstock_domain::clock::Clock;
use penstock_domain::connection::QUEUES;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::chain;
use penstock_store::circuits::{self, Failure};

use crate::{PATIENCE, Ports, RelayError};

/// The next round finds out again.
const ROUND: Duration = Duration::from_secs(60);

/// A queue that has not answered for this long takes nothing.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Sends what waits, and keeps the circuit of the queues. Returns the error of the queues,
    /// after which nothing more is sent in this round.
    ///
    /// # Errors
    /// [`RelayError`] if anything but the queues fails.
    pub(crate) async fn send_by_circuit(
        &self,
        waiting: impl Future<Output = Result<(), RelayError>>,
    ) -> Result<Option<QueueError>, RelayError> {
        let circuit = async {
            let connection = self.database.connection().await?;
            circuits::of(&**connection, QUEUES).await
        };
        let circuit = self.database.within(PATIENCE, circuit).await?;
        let known = circuit.map_or(0, |it| it.failures);
        let sent = async {
            if known > 0 {
                // It names no row, so that none has to wait for its next turn if it is refused.
                self.send(&self.tickets, vec![Ticket::new(Vec::new()).to_body()]).await?;
            }
            waiting.await
        };
        let refused = match sent.await {
            Ok(()) => None,
            Err(RelayError::Queue(error)) => Some(error),
            Err(error) => return Err(error),
        };
        match &refused {
            Some(error) => self.open_circuit(known, error).await?,
            None if known > 0 => self.close_circuit(known).await?,
            None => {}
        }
        Ok(refused)
    }

    /// Sends messages, if there are any, and gives up a queue that is silent.
    pub(crate) async fn send(&self, queue: &Q, bodies: Vec<String>) -> Result<(), RelayError> {
        let sent = offer(queue, bodies, SEND_PATIENCE).await;
        sent.map_err(|error| match error {
            NotTaken::Refused(error) => error.into(),
            silent @ NotTaken::Silent => QueueError::new(QUEUES, silent).into(),
        })
    }

    async fn open_circuit(&self, known: u32, error: &QueueError) -> Result<(), RelayError> {
        let (now, why) = (self.clock.now(), chain(error));
        tracing::warn!(event = "queues_rest", failures = known.saturating_add(1), error = why);
        let opening = async {
            let connection = self.database.connection().await?;
            let failure = Failure { known, why: &why, asked_for: Duration::ZERO };
            circuits::open_until(&**connection, QUEUES, failure, now + ROUND, now).await
        };
        Ok(self.database.within(PATIENCE, opening).await.map(drop)?)
    }

    async fn close_circuit(&self, failures: u32) -> Result<(), RelayError> {
        tracing::info!(event = "queues_answer", failures);
        let closing = async {
            let connection = self.database.connection().await?;
            circuits::close(&**connection, QUEUES).await
        };
        Ok(self.database.within(PATIENCE, closing).await?)
    }
}
