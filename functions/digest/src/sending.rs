//! Sends what is planned, each over its channel, at most once.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::sending::{Channel, NotSent};
use penstock_domain::clock::{Clock, later};
use penstock_domain::digest::Message;
use penstock_domain::retry::after_refusals;
use penstock_store::StoreError;
use penstock_store::digests::{self, Outcome, Sending};

use crate::request::Report;
use crate::{DigestError, PATIENCE, Ports};

/// A message that a channel has put off so often is not sent: five hours are over.
const ATTEMPTS: u32 = 10;

/// The longest pause that a channel may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

impl<C: Clock> Ports<C> {
    /// Sends what is due, and begins nothing after `stop_at`.
    pub(crate) async fn send_due(
        &self,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), DigestError> {
        let names = self.names();
        let now = self.clock.now();
        let due = async {
            let connection = self.database.connection().await?;
            let lost = digests::lose(&**connection, now).await?;
            Ok::<_, StoreError>((lost, digests::due(&**connection, &names, now).await?))
        };
        let (lost, due) = self.database.within(PATIENCE, due).await?;
        for channel in lost {
            let reason = "the function ended while it was sent";
            tracing::error!(event = "digest_not_sent", channel, kind = "unknown", reason);
            report.not_sent += 1;
        }
        for sending in due {
            let channel = self.channels.iter().find(|channel| channel.name() == sending.channel);
            let Some(channel) = channel.filter(|_| self.clock.now() < stop_at) else { continue };
            self.send_one(channel.as_ref(), &sending, report).await?;
        }
        Ok(())
    }

    /// Claims a sending, makes its request, and writes down what became of it.
    async fn send_one(
        &self,
        channel: &dyn Channel,
        sending: &Sending,
        report: &mut Report,
    ) -> Result<(), DigestError> {
        let message: Message = serde_json::from_str(&sending.message)?;
        let now = self.clock.now();
        let claim = async {
            let connection = self.database.connection().await?;
            digests::claim(&**connection, sending, now).await
        };
        if !self.database.within(PATIENCE, claim).await? {
            return Ok(());
        }
        let sent = channel.send(&message).await;
        match &sent {
            Ok(()) => report.sent += 1,
            Err(_) => report.not_sent += 1,
        }
        let now = self.clock.now();
        let reason = sent.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let outcome = match &sent {
            Ok(()) => Outcome::Sent,
            Err(NotSent::Later { pause, .. }) => later_or_never(sending, *pause, &reason, now),
            Err(NotSent::Refused(_)) => Outcome::Refused(&reason),
            Err(NotSent::Unsure(_)) => Outcome::Unsure(&reason),
        };
        let (channel, kind) = (&sending.channel, &sending.kind);
        match outcome {
            Outcome::Sent => tracing::info!(event = "digest_sent", channel, kind),
            Outcome::Later(..) => {
                tracing::warn!(event = "digest_put_off", channel, kind, reason);
            }
            Outcome::Refused(_) | Outcome::Unsure(_) => {
                tracing::error!(event = "digest_not_sent", channel, kind, reason);
            }
        }
        let settle = async {
            let connection = self.database.connection().await?;
            digests::settle(&**connection, sending, outcome, now).await
        };
        Ok(self.database.within(PATIENCE, settle).await?)
    }
}

/// Puts a message off that was not sent: for as long as the channel asks, or 1, 2, 4 … 60 minutes.
fn later_or_never<'a>(
    sending: &Sending,
    pause: Option<Duration>,
    reason: &'a str,
    now: Timestamp,
) -> Outcome<'a> {
    let attempts = sending.attempts + 1;
    if attempts >= ATTEMPTS {
        return Outcome::Refused(reason);
    }
    let own = after_refusals(attempts);
    Outcome::Later(later(now, pause.map_or(own, |asked| asked.max(own).min(LONGEST_PAUSE))), reason)
}
