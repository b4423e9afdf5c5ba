//! A job is started, paused, resumed and stopped.

use penstock_domain::account::Role;
use penstock_domain::audit::Action;
use penstock_domain::ids::JobId;
use penstock_domain::job::{JobKind, JobState};
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::audit::{self, Entry};
use penstock_store::jobs::{self, Decision, Started};
use penstock_store::{StoreError, begin, commit};

use super::{DEFAULT_RATE, MOST_RATE, address, unknown};
use crate::acting::form::{Form, invalid};
use crate::acting::trail::entry;
use crate::acting::{id, why};
use crate::headers::see_other;
use crate::{Ports, Visitor};

/// Whether a visitor may change a job of this kind. The erasure of a person is for admins.
pub(super) fn may(visitor: &Visitor, kind: &str) -> bool {
    let least = if kind == JobKind::Erase.as_str() { Role::Admin } else { Role::Operator };
    visitor.session.role >= least
}

fn refuse(visitor: &Visitor, kind: &str) -> Result<(), Problem> {
    let detail = "The erasure of a person is for admins.";
    if may(visitor, kind) { Ok(()) } else { Err(Problem::forbidden("role-too-low", detail)) }
}

fn rate(form: &Form) -> Result<i32, Problem> {
    let Some(text) = form.text("rate") else { return Ok(DEFAULT_RATE) };
    let rate = text.parse().ok().filter(|rate| (1..=MOST_RATE).contains(rate));
    let detail = format!("must be a whole number from 1 to {MOST_RATE}");
    rate.ok_or_else(|| invalid("rate", &detail))
}

/// `POST /console/jobs/{id}/start`: `why`, `rate`. It leads to the page of the job at work, which
/// is another one if that has the same filter.
pub(crate) async fn start(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = JobId(id(&call, unknown)?);
    let form = Form::of(call.request)?;
    let decision =
        Decision { why: why(&form)?, rate: rate(&form)?, asked_by: &call.caller.session.email };
    let finding = || async { jobs::find(&**ports.database.connection().await?, id).await };
    let job = ports.database.in_time_or_again(finding).await?.ok_or_else(unknown)?;
    refuse(&call.caller, &job.kind)?;
    let kind = JobKind::parse(&job.kind).ok_or_else(unknown)?;
    let object = id.to_string();
    let detail = format!(r#"{{"kind":"{}","rate":{}}}"#, kind.as_str(), decision.rate);
    let trail = Entry {
        count: Some(i64::from(job.items)),
        why: Some(decision.why),
        detail: Some(&detail),
        ..entry(&call, Action::JobStarted, &object)
    };
    let starting = async {
        let mut connection = ports.database.connection().await?;
        jobs::start(&mut connection, id, kind, decision, &trail, call.now).await
    };
    match ports.database.in_time(starting).await? {
        Started::Now => Ok(see_other(&address(id))),
        Started::Already(other) => Ok(see_other(&address(other))),
        Started::Gone => {
            let detail =
                "The count is older than an hour, or the job was started before. Count again.";
            Err(Problem::conflict("dry-run-expired", detail).into())
        }
    }
}

/// Why a job is not moved on.
#[derive(Debug)]
enum MoveError {
    Store(StoreError),
    Refused(Problem),
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Problem> for MoveError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Store(error) => error.into(),
            MoveError::Refused(problem) => problem.into(),
        }
    }
}

impl Ports {
    /// Moves a job on. The same request again changes nothing.
    async fn move_job(
        &self,
        call: &Call<'_, Visitor>,
        from: &[JobState],
        to: JobState,
        action: Action,
    ) -> Result<Reply, Failure> {
        let id = JobId(id(call, unknown)?);
        Form::of(call.request)?;
        let moving = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let job = jobs::find(&tx, id).await?.ok_or_else(unknown)?;
            refuse(&call.caller, &job.kind)?;
            let is_set = jobs::set_state(&tx, id, from, to, call.now).await?;
            if is_set {
                let object = id.to_string();
                audit::write(&tx, &entry(call, action, &object)).await?;
                commit(tx).await?;
            }
            Ok::<_, MoveError>((job, is_set))
        };
        let (job, is_set) = self.database.in_time(moving).await?;
        if !is_set && job.state != to.as_str() {
            let detail = format!("The job is {}.", job.state);
            return Err(Problem::conflict("job-state", detail).into());
        }
        Ok(see_other(&address(id)))
    }
}

/// `POST /console/jobs/{id}/pause`: nothing is begun until it is resumed.
pub(crate) async fn pause(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    ports.move_job(&call, &[JobState::Running], JobState::Paused, Action::JobPaused).await
}

/// `POST /console/jobs/{id}/resume`: it goes on.
pub(crate) async fn resume(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    ports.move_job(&call, &[JobState::Paused], JobState::Running, Action::JobResumed).await
}

/// `POST /console/jobs/{id}/stop`: it ends. Items that were not begun stay as they are.
pub(crate) async fn stop(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let from = [JobState::Searching, JobState::Planned, JobState::Running, JobState::Paused];
    ports.move_job(&call, &from, JobState::Stopped, Action::JobStopped).await
}
