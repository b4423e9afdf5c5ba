//! Messages again for the steps of transactions, and the attempts to tell clients, that are
//! overdue.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::transaction::Message;
use penstock_store::{StoreError, notifications, transactions};

use crate::{PATIENCE, Ports, ROWS, RelayError, TICKET_PAUSE};

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Sends a message for each step that is overdue, up to [`ROWS`] of both kinds, and returns how
    /// many.
    pub(crate) async fn send_steps(&self) -> Result<usize, RelayError> {
        let now = self.clock.now();
        let due = async {
            let connection = self.database.connection().await?;
            let on = &**connection;
            let transactions = transactions::due(on, now, now + TICKET_PAUSE, ROWS).await?;
            Ok::<_, StoreError>((
                transactions,
                notifications::due(on, now, now + TICKET_PAUSE, ROWS).await?,
            ))
        };
        let (transactions, notifications) = self.database.within(PATIENCE, due).await?;
        let messages = transactions.into_iter().map(Message::Transaction);
        let messages = messages.chain(notifications.into_iter().map(Message::Notification));
        let bodies: Vec<String> = messages.map(Message::to_body).collect();
        let count = bodies.len();
        self.send(&self.transactions, bodies).await?;
        Ok(count)
    }
}
