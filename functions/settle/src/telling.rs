//! The client is told.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::outgoing::Told;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::transaction::notification::{Answer, again_at};
use penstock_store::StoreError;
use penstock_store::notifications::{self, Outcome};
use uuid::Uuid;

use crate::{HELD, Ports};

/// The pause while the deployment names no URL.
const UNNAMED: Duration = Duration::from_secs(3_600);

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Makes the next attempt to tell a client, if one is due.
    pub(crate) async fn tell(&self, id: Uuid) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let claiming = async {
            let connection = self.database.connection().await?;
            notifications::claim(&**connection, id, now + HELD, now).await
        };
        let Some(claimed) = self.database.in_time(claiming).await? else { return Ok(None) };
        let Told { answer, words } = match &self.notifier {
            Some(notifier) => notifier.tell(&claimed.id, &claimed.body).await,
            None => {
                let words = "NOTIFY_URL is not set".to_owned();
                Told { answer: Answer::Later(Some(UNNAMED)), words }
            }
        };
        let now = self.clock.now();
        let again =
            |asked| again_at(claimed.attempts, asked, fastrand::u32(..), claimed.expires_at, now);
        let outcome = match answer {
            Answer::Heard => Outcome::Delivered,
            Answer::Gone => Outcome::Dead { error: &words },
            Answer::Later(asked) => match again(asked) {
                Some(at) => Outcome::Again { at, error: &words },
                None => Outcome::Dead { error: &words },
            },
        };
        let settling = async {
            let connection = self.database.connection().await?;
            notifications::settle(&**connection, &claimed, outcome, now).await
        };
        let settled = self.database.in_time(settling).await?;
        let (notification_id, transaction_id) = (claimed.id, claimed.transaction);
        let attempts = claimed.attempts;
        match outcome {
            _ if !settled => return Ok(None),
            Outcome::Delivered => {
                tracing::info!(event = "client_told", %notification_id, %transaction_id, attempts);
            }
            Outcome::Again { .. } => {
                tracing::warn!(event = "client_not_told", %notification_id, %transaction_id, attempts, error = words);
            }
            Outcome::Dead { .. } => {
                tracing::error!(event = "client_never_told", %notification_id, %transaction_id, attempts, error = words);
            }
        }
        Ok(match outcome {
            Outcome::Again { at, .. } => Some(at),
            _ => None,
        })
    }
}
