//! `POST /trigger/{source}/{mode}`: a run that an operator asks for.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::{Outlet, offer};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::RunId;
use penstock_domain::source::Source;
use penstock_edge::http::{
    FieldError, Presented, Problem, Query, Reply, Request, RequestId, StatusCode, idempotency_key,
};
use penstock_edge::telemetry::chain;
use penstock_store::run_requests::{self, Answer, NewRequest};
use penstock_store::{StoreError, in_time};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Failure, Ports};

/// For the messages to `fetch`: `relay` sends them again, so no reply waits for them for long.
const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// The longest body, in bytes. The route needs none.
const BODY_LIMIT: usize = 64 * 1024;

/// What the path names, as text.
pub(crate) struct Route {
    source: String,
    mode: String,
}

impl Route {
    /// None where the path is another route's.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let (source, mode) = request.path.strip_prefix("/trigger/")?.split_once('/')?;
        if source.is_empty() || mode.is_empty() || mode.contains('/') {
            return None;
        }
        // What is no text is the name of nothing.
        let text = |name, part| request.path_text(name, part).unwrap_or_default();
        Some(Self { source: text("source", source), mode: text("mode", mode) })
    }
}

/// The reply to a run that is accepted.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "AcceptedRun"))]
#[serde(rename_all = "camelCase")]
pub struct TriggerReply<'a> {
    /// The run's id.
    run_id: Uuid,
    /// Whom it pulls from.
    source: &'a str,
    /// `incremental` or `full`.
    mode: &'a str,
    /// Always `accepted`.
    status: &'static str,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    pub(crate) async fn trigger(
        &self,
        request: &Request,
        route: &Route,
        admin: &Presented,
        now: Timestamp,
        id: &RequestId,
    ) -> Result<Reply, Failure> {
        Query::of(request).finish()?;
        let key = idempotency_key(&request.headers)?
            .ok_or_else(|| missing("#/header/Idempotency-Key"))?;
        let source = self.source(&route.source)?;
        let mode = mode(&route.mode)?;
        let entities = source.entities(mode);
        let sha256 = fingerprint(source.name(), mode, &request.bytes(BODY_LIMIT)?);
        let interval =
            if mode == Mode::Full { self.config.min_full_interval } else { Duration::ZERO };
        let wish = NewRequest {
            scope: &admin.sha256,
            key: &key,
            sha256: &sha256,
            source: source.name(),
            entities,
            mode,
            interval,
        };
        let answer = in_time(self.write_down(wish, now)).await?;
        let (source, mode, request_id) = (source.name(), mode.as_str(), id.as_str());
        let accepted = |run_id| {
            Reply::json(
                StatusCode::ACCEPTED,
                &TriggerReply { run_id, source, mode, status: "accepted" },
                id,
            )
        };
        match answer {
            Answer::Accepted(run) => {
                tracing::info!(event = "run_accepted", request_id, run = %run, source, mode);
                self.announce(wish).await;
                Ok(accepted(run.0))
            }
            Answer::Replay(run) => Ok(accepted(run.0).replayed()),
            Answer::Conflict => {
                Err(Problem::key_reused("This Idempotency-Key came with another request before.")
                    .into())
            }
            Answer::TooRecent { run, again_at } => {
                Err(self.too_recent(run, elapsed(now, again_at)).into())
            }
        }
    }

    fn source(&self, name: &str) -> Result<&'static dyn Source, Problem> {
        let sources = &self.config.sources;
        sources.iter().copied().find(|source| source.name() == name).ok_or_else(|| {
            let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
            let detail = format!("must be a source that is configured: {}", names.join(", "));
            let errors = vec![FieldError { pointer: "#/path/source".to_owned(), detail }];
            Problem { errors, ..Problem::not_found("There is no such source.") }
        })
    }

    async fn write_down(&self, wish: NewRequest<'_>, now: Timestamp) -> Result<Answer, StoreError> {
        let mut connection = self.database.connection().await?;
        run_requests::accept(&mut connection, wish, now).await
    }

    /// Tells `fetch`. What is owed stands in Postgres: a message that is lost `relay` sends again.
    async fn announce(&self, wish: NewRequest<'_>) {
        let requests = wish
            .entities
            .iter()
            .map(|entity| FetchRequest::new(wish.source, entity, wish.mode).resuming());
        let bodies = requests.filter_map(|request| serde_json::to_string(&request).ok()).collect();
        if let Err(error) = offer(&self.requests, bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", source = wish.source, error = chain(&error));
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
