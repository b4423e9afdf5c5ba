//! `/console/runs/start`: a run that a person asks for.

use std::time::Duration;

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::clock::elapsed;
use penstock_domain::connection::{Connection, State};
use penstock_domain::disposition::Disposition;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source::{self, Source};
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::audit::{self, Entry};
use penstock_store::run_requests::{self, Answer, NewRequest};
use penstock_store::{StoreError, begin, commit, connections};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::form::{Form, invalid};
use super::trail::entry;
use super::{LONGEST_WHY, maybe_why};
use crate::filters::span;
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// How long a reply waits for SQS to take the messages to `fetch`. `relay` sends them again.
pub(super) const ANNOUNCE_PATIENCE: Duration = Duration::from_secs(2);

/// The number of times that a request which collided with another is tried again at once.
const COLLISIONS: u32 = 3;

/// A connection that can be pulled.
struct Choice {
    name: String,
    source: &'static dyn Source,
    is_chosen: bool,
}

impl Choice {
    fn entities(&self, mode: &str) -> String {
        let mode = if mode == "full" { Mode::Full } else { Mode::Incremental };
        self.source.entities(mode).join(", ")
    }
}

#[derive(Template)]
#[template(path = "acting/run.html")]
struct Asking {
    shell: Shell,
    choices: Vec<Choice>,
    is_full: bool,
    /// Names this page: its form sent twice is one run.
    key: Uuid,
    /// How far apart full runs are.
    apart: Option<String>,
}

impl Asking {
    const LONGEST_WHY: usize = LONGEST_WHY;
}

/// `GET /console/runs/start`: `connection`, `mode`. Asks.
pub(crate) async fn ask(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::parse(call.request.raw_query.as_bytes())?;
    let chosen = form.text("connection").or(form.text("source"));
    let made = ports.database.in_time(ports.connections()).await?;
    let interval = ports.config.min_full_interval;
    let page = Asking {
        shell: Shell::of(&call, Area::Runs, "Start a run"),
        choices: ports.choices(&made, chosen),
        is_full: form.text("mode") == Some("full"),
        key: Uuid::now_v7(),
        apart: (!interval.is_zero()).then(|| span(interval.as_secs())),
    };
    html(StatusCode::OK, &page)
}

/// `POST /console/runs/start`: `connection`, `mode`, `why`, `key`. It leads to the page of the run.
pub(crate) async fn start(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    let why = maybe_why(&form)?;
    let mode = match form.text("mode") {
        Some("incremental") => Mode::Incremental,
        Some("full") => Mode::Full,
        _ => return Err(invalid("mode", "must be incremental or full").into()),
    };
    let key = form.text("key").and_then(|key| Uuid::try_parse(key).ok());
    let key = key.ok_or_else(|| invalid("key", "must be that of the page with the form"))?;
    let key = key.to_string();
    let made = ports.database.in_time(ports.connections()).await?;
    let name = form.text("connection").unwrap_or_default();
    let choices = ports.choices(&made, None);
    let choice = choices.iter().find(|choice| choice.name == name);
    let choice = choice.ok_or_else(|| invalid("connection", "must be one that is pulled"))?;
    let interval = if mode == Mode::Full { ports.config.min_full_interval } else { Duration::ZERO };
    let visitor = &call.caller.session;
    // A person's keys are their own, as an API key's are.
    let sender: [u8; 32] = Sha256::digest(format!("user/{}", visitor.user_id)).into();
    let sha256: [u8; 32] = Sha256::digest(format!("{name}/{}/", mode.as_str())).into();
    let entities = choice.source.entities(mode);
    let new = NewRequest {
        sender: &sender,
        key: &key,
        sha256: &sha256,
        source: name,
        entities,
        mode,
        interval,
    };
    match ports.database.in_time(ports.accept(&call, new, why)).await? {
        Answer::Accepted(run) => {
            ports.tell_fetch(name, entities, mode).await;
            Ok(see_other(&format!("/console/runs/{run}")))
        }
        Answer::Replay { run, waiting } => {
            ports.tell_fetch(name, &waiting, mode).await;
            Ok(see_other(&format!("/console/runs/{run}")))
        }
        Answer::Conflict => {
            let detail = "This form was sent before, for another run. Open it again.";
            Err(Problem::key_reused(detail).into())
        }
        Answer::TooRecent { run, again_at } => {
            let wait = elapsed(call.now, again_at).as_secs().saturating_add(1);
            let detail = format!(
                "Full runs are at least {} apart. The last one was {run}. Try again in {}.",
                span(interval.as_secs()),
                span(wait)
            );
            let wait = u32::try_from(wait).unwrap_or(u32::MAX);
            let problem = Problem::too_many_requests(wait);
            Err(Problem { slug: "too-recent", detail, ..problem }.into())
        }
    }
}

impl Ports {
    pub(super) async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        connections::all(&**self.database.connection().await?).await
    }

    /// The connections that are pulled: those that the template declares, unless somebody has
    /// paused them, and those that were made.
    fn choices(&self, made: &[Connection], chosen: Option<&str>) -> Vec<Choice> {
        let has_row = |name: &str| made.iter().any(|made| made.name == name);
        let declared = self.config.sources.iter().filter(|source| !has_row(source.name()));
        let declared = declared.map(|source| (source.name().to_owned(), *source));
        let active = made.iter().filter(|made| made.state == State::Active);
        let active = active.filter_map(|it| Some((it.name.clone(), source::find(&it.source)?)));
        let mut all: Vec<_> = declared.chain(active).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let choice = |(name, source): (String, _)| {
            let is_chosen = chosen == Some(name.as_str());
            Choice { name, source, is_chosen }
        };
        all.into_iter().map(choice).collect()
    }

    /// Writes the request down with its row in the audit log.
    async fn accept(
        &self,
        call: &Call<'_, Visitor>,
        new: NewRequest<'_>,
        why: Option<&str>,
    ) -> Result<Answer, StoreError> {
        let mut collisions = 0;
        loop {
            match self.accept_once(call, new, why).await {
                Err(error)
                    if error.disposition() == Disposition::Retry(Duration::ZERO)
                        && collisions < COLLISIONS =>
                {
                    collisions += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn accept_once(
        &self,
        call: &Call<'_, Visitor>,
        new: NewRequest<'_>,
        why: Option<&str>,
    ) -> Result<Answer, StoreError> {
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let by = format!("by {} in the console", call.caller.session.email);
        let answer = run_requests::accept_in(&tx, new, &by, call.now).await?;
        if let Answer::Accepted(run) = answer {
            let detail = serde_json::json!({ "mode": new.mode.as_str(), "run": run }).to_string();
            let entry = entry(call, Action::RunRequested, new.source);
            audit::write(&tx, &Entry { why, detail: Some(&detail), ..entry }).await?;
            commit(tx).await?;
        }
        Ok(answer)
    }

    /// Asks `fetch` for runs. The request is in Postgres, so `relay` sends a lost message again.
    pub(super) async fn tell_fetch(&self, source: &str, entities: &[impl AsRef<str>], mode: Mode) {
        let requests = entities
            .iter()
            .map(|entity| FetchRequest::new(source, entity.as_ref(), mode).resuming());
        let bodies = requests.filter_map(|request| serde_json::to_string(&request).ok()).collect();
        if let Err(error) = self.requests.tell(bodies, ANNOUNCE_PATIENCE).await {
            tracing::warn!(event = "not_announced", source, error = chain(&error));
        }
    }
}
