//! `POST /trigger/{source}/{mode}`: a run that an operator asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_clients::queue::{Outlet, offer};
use penstock_domain::access::ApiKey;
use penstock_domain::audit::Action;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::connection::{Connection, State};
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::source::{self, Source};
use penstock_edge::http::{Call, Failure, FieldError, Problem, Reply, StatusCode, idempotency_key};
use penstock_edge::telemetry::chain;
use penstock_store::audit::Entry;
use penstock_store::run_requests::{self, Answer, NewRequest};
use penstock_store::{StoreError, connections};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Ports;
use crate::by::By;

/// How long a reply waits for SQS to take the messages to `fetch`. It may be short, because `relay`
/// sends them again.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// The longest body, in bytes. The route needs none.
const BODY_LIMIT: usize = 64 * 1024;

/// The reply to a run that is accepted.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "AcceptedRun"))]
#[serde(rename_all = "camelCase")]
pub struct TriggerReply<'a> {
    /// The run's id.
    run_id: Uuid,
    /// The name of the vendor that it pulls from.
    source: &'a str,
    /// `incremental` or `full`.
    mode: &'a str,
    /// Always `accepted`.
    status: &'static str,
}

/// `POST /trigger/{source}/{mode}`: stores the request, then sends a message to `fetch`.
pub(crate) async fn run<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let headers = &call.request.headers;
    let key = idempotency_key(headers)?.ok_or_else(|| missing("#/header/Idempotency-Key"))?;
    // A parameter that is no text is the name of nothing.
    let name = |parameter| call.path(parameter).unwrap_or_default();
    let mode = mode(&name("mode"))?;
    let connection = name("source");
    let entities = ports.source_of(&connection).await?.entities(mode);
    let sha256 = fingerprint(&connection, mode, &call.request.bytes(BODY_LIMIT)?);
    let interval = if mode == Mode::Full { ports.config.min_full_interval } else { Duration::ZERO };
    let detail = format!(r#"{{"mode":"{}"}}"#, mode.as_str());
    let new = NewRequest {
        sender: &call.caller.sha256,
        key: &key,
        sha256: &sha256,
        source: &connection,
        entities,
        mode,
        interval,
    };
    let trail = By::of(&call).entry(Action::RunRequested, &connection);
    let trail = Entry { detail: Some(&detail), ..trail };
    let answer = ports.database.in_time(ports.write_down(new, &trail)).await?;
    let (source, mode, request_id) = (&*connection, mode.as_str(), call.id.as_str());
    let accepted = |run_id| {
        let reply = TriggerReply { run_id, source, mode, status: "accepted" };
        Reply::json(StatusCode::ACCEPTED, &reply)
    };
    match answer {
        Answer::Accepted(run) => {
            tracing::info!(event = "run_accepted", request_id, run = %run, source, mode);
            ports.announce(new.source, new.entities, new.mode).await;
            accepted(run.0)
        }
        Answer::Replay { run, waiting } => {
            ports.announce(new.source, &waiting, new.mode).await;
            Ok(accepted(run.0)?.replayed())
        }
        Answer::Conflict => {
            let detail = "This Idempotency-Key came with another request before.";
            Err(Problem::key_reused(detail).into())
        }
        Answer::TooRecent { run, again_at } => {
            Err(ports.too_recent(run, elapsed(call.now, again_at)).into())
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Returns the source of the connection called `name`, which must be pulled.
    async fn source_of(&self, name: &str) -> Result<&'static dyn Source, Failure> {
        let made = self.database.in_time(self.connections()).await?;
        let row = made.iter().find(|made| made.name == name);
        if let Some(row) = row.filter(|row| row.state != State::Active) {
            let detail = format!("The connection is {}.", row.state.as_str());
            return Err(Problem::conflict("not-active", detail).into());
        }
        let declared = self.config.sources.iter().copied().find(|source| source.name() == name);
        let source = row.and_then(|row| source::find(&row.source)).or(declared);
        source.ok_or_else(|| self.no_connection(&made).into())
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        connections::all(&**self.database.connection().await?).await
    }

    fn no_connection(&self, made: &[Connection]) -> Problem {
        let declared = self.config.sources.iter().map(|source| source.name());
        let active = made.iter().filter(|made| made.state == State::Active);
        let names: BTreeSet<&str> = declared.chain(active.map(|made| &*made.name)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let detail = format!("must be a source that is configured: {names}");
        let errors = vec![FieldError { pointer: "#/path/source".to_owned(), detail }];
        Problem { errors, ..Problem::not_found("There is no such source.") }
    }

    async fn write_down(
        &self,
        new: NewRequest<'_>,
        trail: &Entry<'_>,
    ) -> Result<Answer, StoreError> {
        let mut connection = self.database.connection().await?;
        run_requests::accept(&mut connection, new, trail).await
    }

    /// Asks `fetch` for the runs. The request is in Postgres, so `relay` sends a lost message
    /// again.
    async fn announce(&self, source: &str, entities: &[impl AsRef<str>], mode: Mode) {
        let requests = entities
            .iter()
            .map(|entity| FetchRequest::new(source, entity.as_ref(), mode).resuming());
        let bodies = requests.filter_map(|request| serde_json::to_string(&request).ok()).collect();
        if let Err(error) = offer(&self.requests, bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", source, error = chain(&error));
        }
    }

    fn too_recent(&self, run: RunId, wait: Duration) -> Problem {
        let interval = self.config.min_full_interval.as_secs();
        let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
        let detail =
            format!("Full runs are {interval} seconds apart at least; {run} was the last.");
        let problem = Problem { slug: "too-recent", detail, ..Problem::too_many_requests(seconds) };
        problem.with("runId", run.to_string())
    }
}

fn mode(word: &str) -> Result<Mode, Problem> {
    let known = [Mode::Incremental, Mode::Full].into_iter().find(|mode| mode.as_str() == word);
    known.ok_or_else(|| {
        let detail = "must be incremental or full".to_owned();
        Problem::invalid(vec![FieldError { pointer: "#/path/mode".to_owned(), detail }])
    })
}

fn missing(pointer: &str) -> Problem {
    let detail = "is required: 1 to 255 printable ASCII characters".to_owned();
    Problem::invalid(vec![FieldError { pointer: pointer.to_owned(), detail }])
}

/// All that the request says. No name of a source or a mode holds a slash.
fn fingerprint(source: &str, mode: Mode, body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(format!("{source}/{}/", mode.as_str()))
        .chain_update(body)
        .finalize()
        .into()
}
