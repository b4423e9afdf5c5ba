//! A notification over a push channel. It says that something has changed, not what, so it requests
//! an incremental run, which is in Postgres before the reply says so.

use http::StatusCode;
use penstock_clients::queue::Outlet;
use penstock_clients::secret::Secret;
use penstock_clients::signing::{Unverified, checked};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::signature::{SignatureError, SigningSecrets, channel};
use penstock_domain::source::{Change, Push, WebhookRequest};
use penstock_edge::http::{Failure, Problem, Reply, RequestId};
use penstock_store::StoreError;
use penstock_store::sync_state::pending::{self, Unless};

use crate::sender::not_verified;
use crate::{Ports, RETRY_AFTER, received};

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Takes a notification. If Postgres is away the reply is 503 and the vendor sends it again.
    /// Nothing in it could be lost, and the schedule requests the same run.
    pub(crate) async fn take_notice(
        &self,
        source: &str,
        vendor: &dyn Push,
        secret: &Secret,
        request: &WebhookRequest<'_>,
        id: &RequestId,
    ) -> Result<Reply, Failure> {
        let notice = vendor.notice(request).map_err(no_channel)?;
        let check = |secrets: &SigningSecrets| {
            let is_ours = channel::is_ours(secrets, notice.channel, notice.token);
            is_ours.then_some(()).ok_or(SignatureError::NoMatch)
        };
        let is_ours = checked(secret, SigningSecrets::parse, self.clock.now(), check);
        is_ours.await.map_err(|unverified| match unverified {
            Unverified::Signature(_) => no_channel("The channel is not one of ours.").into(),
            other => not_verified(other),
        })?;
        let change = notice.change.map_err(|why| Problem::bad_request("bad-notification", why))?;
        let request_id = id.as_str();
        match self.database.in_time(self.request_incremental(source, change)).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(event = "notified", request_id, source, outcome = "halted");
                return received(StatusCode::OK, "halted");
            }
            Err(error) => {
                return Err(Failure::from(Problem::unavailable(RETRY_AFTER)).because(error));
            }
        }
        let request = FetchRequest::new(source, change.entity, Mode::Incremental).resuming();
        self.announce(&[], &[request]).await;
        tracing::info!(event = "notified", request_id, source, outcome = "asked");
        received(StatusCode::OK, "asked")
    }

    /// Whether a run is requested now. A pull that is paused is left to a person.
    async fn request_incremental(&self, source: &str, change: Change) -> Result<bool, StoreError> {
        let connection = self.database.connection().await?;
        let (entities, why) = ([change.entity], Some(change.reason));
        let (mode, unless, now) = (Mode::Incremental, Unless::Paused, self.clock.now());
        let requested =
            pending::request(&**connection, source, &entities, mode, why, unless, now).await?;
        Ok(!requested.is_empty())
    }
}

fn no_channel(why: &'static str) -> Problem {
    Problem::bad_request("bad-channel", why)
}
