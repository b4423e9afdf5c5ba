//! Jobs over HTTP: planned by a dry run, started with its token, watched, paused and stopped.

mod body;
mod control;
mod erase;
mod remap;
mod replay;
mod reply;

use penstock_clients::queue::Outlet;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Failure, Problem, Reply, StatusCode};
use penstock_store::StoreError;
use penstock_store::audit::Entry;
use penstock_store::jobs::plan::{NewJob, fingerprint_text};
use penstock_store::jobs::{self, Decision, Job, Report, Started};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(crate) use body::{Answer, Asking};
pub(crate) use control::{find, list, pause, resume, stop};
#[cfg(feature = "contract")]
pub(crate) use erase::EraseFilter;
pub(crate) use erase::erase;
#[cfg(feature = "contract")]
pub(crate) use remap::RemapFilter;
pub(crate) use remap::remap;
pub(crate) use replay::{replay, replay_one};
pub(crate) use reply::{JobReply, JobsReply, PlanReply};
#[cfg(feature = "contract")]
pub(crate) use {body::LONGEST_WHY, control::states};

use crate::Ports;
use crate::by::By;

/// The items that a job begins in a second, unless it says otherwise.
pub(crate) const DEFAULT_RATE: i32 = 50;

/// The most items that a job begins in a second.
pub(crate) const MOST_RATE: i32 = 1_000;

/// The items that a dry run shows.
const FIRST: i64 = 10;

/// The longest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// The filter of a job as text, and its fingerprint.
struct Fingerprinted {
    text: String,
    sha256: [u8; 32],
}

impl Fingerprinted {
    fn of(kind: JobKind, filter: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_string(filter).map_err(Failure::internal)?;
        let sha256 = Sha256::digest(fingerprint_text(kind, &text)).into();
        Ok(Self { text, sha256 })
    }

    fn job<'a>(&'a self, id: JobId, asking: &Asking, asked_by: &'a str) -> NewJob<'a> {
        let rate = asking.rate();
        NewJob { id, filter: &self.text, fingerprint: &self.sha256, rate, asked_by }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// A job, and what has become of its items.
    async fn job_told(&self, id: JobId) -> Result<Option<(Job, Report)>, Failure> {
        let reading = async {
            let connection = self.database.connection().await?;
            let on = &**connection;
            let Some(job) = jobs::find(on, id).await? else { return Ok(None) };
            Ok::<_, StoreError>(Some((job, jobs::report(on, id).await?)))
        };
        Ok(self.database.in_time(reading).await?)
    }

    /// The reply with a job.
    pub(crate) async fn reply_with(&self, status: StatusCode, id: JobId) -> Result<Reply, Failure> {
        let (job, report) = self.job_told(id).await?.ok_or_else(unknown)?;
        Reply::json(status, &JobReply::of(job, report))
    }

    /// The reply to a dry run.
    async fn planned(&self, id: JobId) -> Result<Reply, Failure> {
        let reading = async {
            let connection = self.database.connection().await?;
            let on = &**connection;
            let Some(job) = jobs::find(on, id).await? else { return Ok(None) };
            Ok::<_, StoreError>(Some((job, jobs::first_items(on, id, FIRST).await?)))
        };
        let (job, first) = self.database.in_time(reading).await?.ok_or_else(unknown)?;
        Reply::json(StatusCode::OK, &PlanReply::of(job, first))
    }

    /// Starts the job that a dry run has planned. If one with the same filter is at work, the reply
    /// shows that instead.
    async fn start(
        &self,
        by: By<'_>,
        id: JobId,
        kind: JobKind,
        asking: &Asking,
    ) -> Result<Reply, Failure> {
        let why = asking.why()?;
        let By { who, request_id, now, .. } = by;
        let decision = Decision { rate: asking.rate(), why: &why, asked_by: who };
        let (object, detail) = (id.to_string(), format!(r#"{{"kind":"{}"}}"#, kind.as_str()));
        let entry = by.entry(Action::JobStarted, &object);
        let trail = Entry { why: Some(&why), detail: Some(&detail), ..entry };
        let starting = async {
            let mut connection = self.database.connection().await?;
            jobs::start(&mut connection, id, kind, decision, &trail, now).await
        };
        let started = self.database.in_time(starting).await?;
        match started {
            Started::Now => {
                let kind = kind.as_str();
                tracing::info!(event = "job_started", who, request_id, job = %id, kind);
                self.reply_with(StatusCode::ACCEPTED, id).await
            }
            Started::Already(other) => self.reply_with(StatusCode::OK, other).await,
            Started::Gone => self.over(id, kind).await,
        }
    }

    /// A token that starts nothing any more: its job has ended, or was never started in time.
    async fn over(&self, id: JobId, kind: JobKind) -> Result<Reply, Failure> {
        let told = self.job_told(id).await?.filter(|(job, _)| job.kind == kind.as_str());
        match told {
            Some((job, _)) if job.state == "searching" => {
                let detail = "Its rows are still looked for. Start it once it is planned.";
                Err(Problem::conflict("job-state", detail).into())
            }
            Some((job, outcomes)) if job.state != "planned" => {
                Reply::json(StatusCode::OK, &JobReply::of(job, outcomes))
            }
            _ => {
                let detail = "The token is of no dry run of the last hour. Ask for another one.";
                Err(Problem::conflict("dry-run-expired", detail).into())
            }
        }
    }
}

fn unknown() -> Failure {
    Problem::not_found("There is no such job.").into()
}
