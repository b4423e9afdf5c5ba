//! What Google Calendar pushes: that something has changed, not what (developers.google.com/workspace/calendar/api/guides/push).
//! It asks for an incremental run, which stands in Postgres before the reply says so.

use http::HeaderMap;
use penstock_clients::queue::Outlet;
use penstock_clients::secret::Secret;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::signature::{SigningSecrets, channel};
use penstock_domain::source::Source;
use penstock_domain::source::gcal::{ENTITY, GoogleCalendar};
use penstock_edge::http::{Problem, RequestId, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::sync_state::owed::{self, Unless};
use penstock_store::{StoreError, in_time};
use secrecy::{ExposeSecret, SecretString};

use crate::Ports;
use crate::refusal::Refusal;
use crate::sender::{DOUBT_PAUSE, read};

/// The route.
pub(crate) const PATH: &str = "/webhooks/gcal";

/// All that Google says has happened: the channel was opened; the calendar has changed; it is gone.
const STATES: [&str; 3] = ["sync", "exists", "not_exists"];

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Takes a notification. Where Postgres is away the reply is 503, and Google comes again: there is nothing in it
    /// that could be lost, and the schedule asks, too.
    pub(crate) async fn take_gcal(
        &self,
        headers: &HeaderMap,
        id: &RequestId,
    ) -> Result<(StatusCode, &'static str), Refusal> {
        let Some(secret) = &self.gcal else {
            return Err(Problem::not_found("There is no such route.").into());
        };
        self.check_channel(secret, headers).await?;
        let state = header(headers, "x-goog-resource-state").unwrap_or_default();
        if !STATES.contains(&state) {
            return Err(Problem::bad_request(
                "bad-notification",
                "X-Goog-Resource-State says nothing known.",
            )
            .into());
        }
        match in_time(self.owe_incremental()).await {
            Ok(true) => {}
            Ok(false) => return Ok((StatusCode::OK, "halted")),
            Err(error) => {
                tracing::error!(
                    event = "not_owed",
                    request_id = id.as_str(),
                    error = chain(&error)
                );
                return Err(Refusal::NotKept);
            }
        }
        let request =
            FetchRequest::new(GoogleCalendar.name(), ENTITY, Mode::Incremental).resuming();
        self.announce(&[], &[request]).await;
        Ok((StatusCode::OK, "asked"))
    }

    /// Only who opened the channel knows its token. One that does not match has the secret read again.
    async fn check_channel(&self, secret: &Secret, headers: &HeaderMap) -> Result<(), Refusal> {
        let now = self.clock.now();
        let (id, token) =
            (header(headers, "x-goog-channel-id"), header(headers, "x-goog-channel-token"));
        let (Some(id), Some(token)) = (id, token) else {
            return Err(refused("X-Goog-Channel-Id or X-Goog-Channel-Token is missing."));
        };
        let known = read(async { secret.get(now, false).await.map(Some) }).await?;
        if matches!(is_ours(known.as_ref(), id, token), Ok(true)) {
            return Ok(());
        }
        let fresh = read(secret.doubted(now, DOUBT_PAUSE)).await?;
        match is_ours(fresh.as_ref().or(known.as_ref()), id, token)? {
            true => Ok(()),
            false => Err(refused("The channel is not one of ours.")),
        }
    }

    /// Whether a run is owed now; not so where the pull waits for a person.
    async fn owe_incremental(&self) -> Result<bool, StoreError> {
        let connection = self.database.connection().await?;
        let (source, why) =
            (GoogleCalendar.name(), Some("Google says that the calendar has changed"));
        let now = self.clock.now();
        let owed = owed::owe(
            &**connection,
            source,
            &[ENTITY],
            Mode::Incremental,
            why,
            Unless::Halted,
            now,
        )
        .await?;
        Ok(!owed.is_empty())
    }
}

fn refused(why: &'static str) -> Refusal {
    Problem::bad_request("bad-channel", why).into()
}

fn is_ours(secret: Option<&SecretString>, id: &str, token: &str) -> Result<bool, Refusal> {
    let secrets = SigningSecrets::parse(secret.map_or("", |secret| secret.expose_secret()))?;
    Ok(channel::is_ours(&secrets, id, token))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
