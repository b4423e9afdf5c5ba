//! `POST /webhooks/transactions` and `POST /webhook`: the third party says how a transaction is
//! doing.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_clients::secret::{Secret, SecretError, in_time};
use penstock_domain::clock::Clock;
use penstock_domain::signature::{SecretsError, SignatureError, SigningSecrets, verify};
use penstock_domain::source::WebhookRequest;
use penstock_domain::transaction::{Event, Message, Spilled, SpilledCallBack, Standing};
use penstock_edge::http::{Call, Failure, Problem, Reply, Request, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::StoreError;
use penstock_store::transactions::{self, Applied, Cause, Happening};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Caller;
use crate::{BODY_LIMIT, Ports, RETRY_AFTER, body, done, unknown};

/// A signature that does not match has the secret read again, at most this often in each
/// environment.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

/// How long Secrets Manager may take to answer.
const SECRET_PATIENCE: Duration = Duration::from_secs(4);

/// The reply to a call-back that was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "CallBackReceived")
)]
pub(crate) struct Received {
    /// Always true.
    received: bool,
    /// `applied`: the transaction stands so now. `known`: nothing is new. `kept`: it contradicts a
    /// final state, and a person decides. `spilled`: it waits on a queue for Postgres.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = ["applied", "known", "kept", "spilled"])))]
    outcome: &'static str,
}

/// The effect of a call-back.
pub(crate) enum Heard {
    /// The transaction stands like this now.
    Applied {
        /// The message to its client.
        notification: Option<Uuid>,
    },
    /// It changes nothing.
    Known,
    /// It contradicts a final state.
    Kept,
    /// There is no such transaction.
    Unknown,
}

impl Heard {
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Known => "known",
            Self::Kept => "kept",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the message to `settle`.
    pub(crate) fn message(&self) -> Option<Message> {
        match self {
            Self::Applied { notification } => notification.map(Message::Notification),
            Self::Known | Self::Kept | Self::Unknown => None,
        }
    }
}

/// A reason for which a call-back is not verified.
#[derive(Debug, thiserror::Error)]
enum Unverified {
    /// The signature does not prove that the third party sent it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The stored text is no signing secret.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Secrets Manager does not give the secret, or not in time.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<Unverified> for Failure {
    /// A request without the header does not claim to be a call-back, so it has no cause to log. A
    /// secret that cannot be had is never a 400: the third party would take it for a refusal.
    fn from(unverified: Unverified) -> Self {
        let bad = |detail| Problem::bad_request("bad-signature", detail);
        match unverified {
            Unverified::Signature(error @ SignatureError::Missing(_)) => {
                bad(format!("{error}.")).into()
            }
            Unverified::Signature(error) => {
                Self::from(bad(format!("Not verified: {error}."))).because(error)
            }
            other => Self::from(Problem::unavailable(RETRY_AFTER)).because(other),
        }
    }
}

/// Receives a call-back, or returns why not. Any query is accepted: it is part of the URL that an
/// operator gave to the third party.
pub(crate) async fn receive<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let Call { request, id, now, .. } = call;
    let no_route = || Problem::not_found("There is no such route.");
    let secret = ports.call_back.as_ref().ok_or_else(no_route)?;
    let party = ports.party()?;
    let url = called_url(ports.public_base_url.as_deref(), request);
    let headers = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let called = WebhookRequest { method: request.method.as_str(), url: &url, headers: &headers };
    let body = request.bytes(BODY_LIMIT)?;
    let claim = party.claim(&called).map_err(Unverified::from)?;
    let checking = checked(secret, now, |secrets| verify(&body, &claim, secrets, now));
    let verified = checking.await?.bytes();
    let read = party.call_back(verified);
    let (transaction, said) = read.map_err(|e| body::invalid(e.pointer(), e.to_string()))?;
    let (request_id, bytes) = (id.as_str(), verified.len());
    let outcome = match ports.hear(transaction, said).await {
        Ok(Heard::Unknown) => {
            tracing::warn!(event = "call_back_unknown", request_id, transaction_id = %transaction);
            return Err(unknown());
        }
        Ok(heard) => {
            ports.announce(heard.message()).await;
            heard.word()
        }
        Err(error) => {
            tracing::error!(event = "not_stored", request_id, error = chain(&error));
            let spilled = SpilledCallBack { id: transaction, said, received_at: now };
            ports.spill_over(&Spilled::CallBack(spilled), bytes, id).await?;
            "spilled"
        }
    };
    let (transaction_id, said) = (transaction.to_string(), said.as_str());
    tracing::info!(event = "call_back", request_id, transaction_id, said, bytes, outcome);
    let received = Received { received: true, outcome };
    if outcome == "spilled" {
        Reply::json(StatusCode::ACCEPTED, &received)
    } else {
        done(&received)
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Applies the third party's word. One line of the log tells of a contradiction.
    pub(crate) async fn hear(&self, id: Uuid, said: Standing) -> Result<Heard, StoreError> {
        let now = self.clock.now();
        let applied = self.in_time(|| self.apply(id, said, now)).await?;
        Ok(match applied {
            Applied::Moved(_, notification) => Heard::Applied { notification },
            Applied::Unchanged(_) => Heard::Known,
            Applied::Contradicted(stored) => {
                tracing::error!(
                    event = "transaction_contradicted",
                    transaction_id = %id,
                    said = said.as_str(),
                    status = stored.fate.state.as_str()
                );
                Heard::Kept
            }
            Applied::Gone => Heard::Unknown,
        })
    }

    async fn apply(&self, id: Uuid, said: Standing, now: Timestamp) -> Result<Applied, StoreError> {
        let connection = self.database.connection().await?;
        let Some(from) = transactions::find(&**connection, id).await? else {
            return Ok(Applied::Gone);
        };
        let happening = Happening::new(Event::Said(said), Cause::CallBack);
        transactions::apply(&**connection, &self.settings, from, &happening, now).await
    }
}

/// Checks a call-back by the secrets as they are known here. If no signature matches, checks it
/// once more by those that Secrets Manager holds now: they may have been rotated a moment ago.
async fn checked<T>(
    secret: &Secret,
    now: Timestamp,
    check: impl Fn(&SigningSecrets) -> Result<T, SignatureError>,
) -> Result<T, Unverified> {
    let check = |secret: &SecretString| {
        let secrets = SigningSecrets::parse_standard(secret.expose_secret())?;
        Ok(check(&secrets)?)
    };
    let known = in_time(SECRET_PATIENCE, secret.get(now, false)).await?;
    match check(&known) {
        Err(Unverified::Signature(SignatureError::NoMatch) | Unverified::Secrets(_)) => {}
        outcome => return outcome,
    }
    let fresh = in_time(SECRET_PATIENCE, secret.doubted(now, DOUBT_PAUSE)).await?;
    check(fresh.as_ref().unwrap_or(&known))
}

/// The URL that the third party has called, which its signature may cover. Without a `base` the
/// request's own `Host` is used, which a proxy in between may have changed.
fn called_url(base: Option<&str>, request: &Request) -> String {
    let host =
        || request.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let base = base.map_or_else(|| format!("https://{}", host()), str::to_owned);
    let query = match request.raw_query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    format!("{}{}{query}", base.trim_end_matches('/'), request.path)
}
