//! `/runs`, newest first, and `/runs/{runId}`.

use penstock_edge::http::{Call, Cursor, Problem};
use penstock_store::StoreError;
use penstock_store::run_requests;
use penstock_store::sync_runs::read::{self, RunFilter, RunRecord};
use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::MetricsConfig;
use crate::asked::{self, Asked};
use crate::question::Question;

mod reply;

pub(crate) use reply::RunReply;

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 200;
pub(crate) const STATUSES: [&str; 3] = ["running", "succeeded", "failed"];

pub(crate) struct Runs {
    after: Option<Cursor>,
    asked: Asked,
    status: Option<String>,
    limit: i64,
}

/// `GET /runs`: `limit` (1 to 200, default 50), `cursor` (of the page before), `source`,
/// `connection`, `status`.
pub(crate) fn page(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Runs, Problem> {
    let query = &mut call.query;
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let after = Cursor::take(query, |_| true);
    let source = query.take_as("source", |text| match text.contains('\0') {
        true => Err("must be the name of a source, such as stripe".to_owned()),
        false => Ok(text.to_owned()),
    });
    let asked = Asked { source, connection: asked::take_connection(query) };
    let status = query.take_as("status", |text| match STATUSES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", STATUSES.join(", "))),
    });
    Ok(Runs { after, asked, status, limit })
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Runs"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunsReply {
    runs: Vec<RunReply>,
    next_cursor: Option<String>,
}

impl Question for Runs {
    type Answer = RunsReply;

    async fn ask(&self, on: &Client) -> Result<Option<RunsReply>, StoreError> {
        let filter = RunFilter {
            after: self.after.map(|cursor| (cursor.at, cursor.id)),
            chosen: self.asked.chosen(),
            status: self.status.as_deref(),
            // One more than requested shows whether there is a next page.
            limit: self.limit + 1,
        };
        let mut runs = read::page(on, filter).await?;
        let end_of = |run: &RunRecord| Cursor { at: run.started_at, id: run.id };
        let next_cursor = Cursor::cut(&mut runs, self.limit, end_of);
        Ok(Some(RunsReply { runs: runs.into_iter().map(RunReply::from).collect(), next_cursor }))
    }
}

pub(crate) struct OneRun(Uuid);

/// `GET /runs/{runId}`: an id that is no UUID is a run that does not exist.
pub(crate) fn one(_: &MetricsConfig, call: &mut Call<'_>) -> Result<OneRun, Problem> {
    let id = call.path("runId").and_then(|id| Uuid::try_parse(&id).ok());
    id.map(OneRun).ok_or_else(|| Problem::not_found("There is no such run."))
}

impl Question for OneRun {
    type Answer = RunReply;

    async fn ask(&self, on: &Client) -> Result<Option<RunReply>, StoreError> {
        Ok(match read::find(on, self.0).await? {
            Some(run) => Some(RunReply::from(run)),
            None => run_requests::find(on, self.0).await?.map(RunReply::from),
        })
    }
}
