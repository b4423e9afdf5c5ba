//! `POST /admin/events/replay` and `POST /admin/events/{id}/replay`.

use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::jobs::plan;
use serde::Serialize;
use uuid::Uuid;

use super::{Answer, BODY_LIMIT, Fingerprinted, body};
use crate::Ports;
use crate::by::By;
use crate::events::{self, Asked};

/// The filter of a replay of one row.
#[derive(Serialize)]
struct Only {
    id: Uuid,
}

/// A filter of one row in a body: there is none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFilter {}

/// `POST /admin/events/replay`: a dry run of all that has failed and matches, then the replay.
pub(crate) async fn replay<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let bytes = call.request.bytes(BODY_LIMIT)?;
    ports.replay(&bytes, By::of(&call)).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Plans a replay, or starts one that was planned.
    pub(crate) async fn replay(&self, bytes: &[u8], by: By<'_>) -> Result<Reply, Failure> {
        let (asking, filter) = body::read::<Asked>(bytes)?;
        let id = match asking.answer(filter.is_some())? {
            Answer::Start(id) => return self.start(by, id, JobKind::Replay, &asking).await,
            Answer::Plan => JobId::new(by.now),
        };
        let asked = filter.unwrap_or_default();
        let faults = asked.faults();
        if !faults.is_empty() {
            return Err(body::filter_problem(faults).into());
        }
        let filter = Fingerprinted::of(JobKind::Replay, &asked)?;
        let new = filter.job(id, &asking, by.who);
        let planning = async {
            let connection = self.database.connection().await?;
            plan::replay(&**connection, new, asked.filter(), None, by.now).await
        };
        self.database.in_time(planning).await?;
        self.planned(id).await
    }
}

/// `POST /admin/events/{id}/replay`: replays one row at once, without a dry run.
pub(crate) async fn replay_one<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let event = events::id(&call)?;
    let bytes = call.request.bytes(BODY_LIMIT)?;
    let (asking, _) = body::read::<NoFilter>(&bytes)?;
    let asking = asking.because("replay of one event");
    let id = JobId::new(call.now);
    let filter = Fingerprinted::of(JobKind::Replay, &Only { id: event })?;
    let new = filter.job(id, &asking, &call.caller.name);
    let planning = async {
        let connection = ports.database.connection().await?;
        plan::replay(&**connection, new, Asked::default().filter(), Some(&[event]), call.now).await
    };
    let planned = ports.database.in_time(planning).await?;
    if planned.items == 0 {
        return Err(Problem::not_found("Nothing of this id has failed.").into());
    }
    ports.start(By::of(&call), id, JobKind::Replay, &asking).await
}
