//! `/admin/jobs`: the list of all, one with its report, and what stops or pauses it.

use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobState;
use penstock_edge::http::{Call, Cursor, Failure, Problem, Reply, StatusCode};
use penstock_store::jobs::{self, Job};
use penstock_store::{StoreError, audit, begin, commit};
use uuid::Uuid;

use super::{BODY_LIMIT, JobsReply, unknown};
use crate::Ports;
use crate::by::By;

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 200;

/// The states, for the contract and for callers who ask for another.
pub(crate) fn states() -> [&'static str; 6] {
    JobState::ALL.map(JobState::as_str)
}

/// The id in the path. One that is no UUID names nothing.
fn id(call: &Call<'_, ApiKey>) -> Result<JobId, Failure> {
    call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).map(JobId).ok_or_else(unknown)
}

/// `GET /admin/jobs`: `limit` (1 to 200, default 50), `cursor`, `state`.
pub(crate) async fn list<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mut call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let cursor = Cursor::take(&mut query, |_| true);
    let state = query.take_as("state", |word| {
        let known = JobState::ALL.into_iter().find(|state| state.as_str() == word);
        known.ok_or_else(|| format!("must be one of {}", states().join(", ")))
    });
    query.finish()?;
    let after = cursor.map(|cursor| (cursor.at, JobId(cursor.id)));
    let reading = async {
        let connection = ports.database.connection().await?;
        jobs::list(&**connection, after, state, limit + 1).await
    };
    let mut found = ports.database.in_time(reading).await?;
    let end_of = |job: &Job| Cursor { at: job.planned_at, id: job.id.0 };
    let next = Cursor::cut(&mut found, limit, end_of);
    Reply::json(StatusCode::OK, &JobsReply::of(found, next))
}

/// `GET /admin/jobs/{id}`: a job with its report.
pub(crate) async fn find<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    ports.reply_with(StatusCode::OK, id(&call)?).await
}

/// `POST /admin/jobs/{id}/pause`: nothing is begun until it is resumed.
pub(crate) async fn pause<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    ports.move_job(&call, &[JobState::Running], JobState::Paused, Action::JobPaused).await
}

/// `POST /admin/jobs/{id}/resume`: it goes on.
pub(crate) async fn resume<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    ports.move_job(&call, &[JobState::Paused], JobState::Running, Action::JobResumed).await
}

/// `POST /admin/jobs/{id}/stop`: it ends. Items that were not begun stay as they are.
pub(crate) async fn stop<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let from = [JobState::Searching, JobState::Planned, JobState::Running, JobState::Paused];
    ports.move_job(&call, &from, JobState::Stopped, Action::JobStopped).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Moves a job on. The same request again changes nothing.
    async fn move_job(
        &self,
        call: &Call<'_, ApiKey>,
        from: &[JobState],
        to: JobState,
        action: Action,
    ) -> Result<Reply, Failure> {
        call.request.bytes(BODY_LIMIT)?;
        let id = id(call)?;
        let object = id.to_string();
        let setting = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let is_set = jobs::set_state(&tx, id, from, to, call.now).await?;
            if is_set {
                audit::write(&tx, &By::of(call).entry(action, &object)).await?;
            }
            commit(tx).await?;
            Ok::<_, StoreError>(is_set)
        };
        let is_set = self.database.in_time(setting).await?;
        let (job, outcomes) = self.job_told(id).await?.ok_or_else(unknown)?;
        if is_set {
            let (who, request_id, state) =
                (call.caller.name.as_str(), call.id.as_str(), to.as_str());
            tracing::info!(event = "job_changed", who, request_id, job = %id, state);
        } else if job.state != to.as_str() {
            let detail = format!("The job is {}.", job.state);
            return Err(Problem::conflict("job-state", detail).into());
        }
        Reply::json(StatusCode::OK, &super::JobReply::of(job, outcomes))
    }
}
