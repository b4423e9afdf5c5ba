//! Jobs as replies show them.

use jiff::Timestamp;
use penstock_store::jobs::{FirstItem, Job, PLAN_LASTS, Reason, Report};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A job, and what has become of its items.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Job"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobReply {
    job_id: Uuid,
    /// `replay`, `remap` or `erase`.
    kind: String,
    /// `searching`, `planned`, `running`, `paused`, `stopped` or `completed`.
    state: String,
    /// The filter that has chosen its items. An erasure that has ended keeps the number of names.
    #[cfg_attr(feature = "contract", schemars(schema_with = "penstock_edge::contract::any_json"))]
    filter: Option<Box<RawValue>>,
    /// The items that are begun in a second.
    rate: i32,
    /// The name of the key that asked for it.
    asked_by: String,
    /// The reason that was given for it.
    why: Option<String>,
    /// The number of its items.
    items: i32,
    /// Whether more matched than one job takes.
    capped: bool,
    /// The place where the next job goes on, if it was capped.
    continue_at: Option<String>,
    planned_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    report: ReportReply,
}

/// The items of a job by what has become of them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JobReport"))]
#[serde(rename_all = "camelCase")]
struct ReportReply {
    /// Not begun yet.
    waiting: i64,
    /// Put back to work, and not processed yet.
    under_way: i64,
    /// Processed.
    processed: i64,
    /// Dead again.
    dead: i64,
    /// Left alone, because nothing was to be done any more.
    skipped: i64,
    /// Why items are dead again or were skipped, the most frequent reasons first.
    reasons: Vec<ReasonReply>,
}

/// Items that ended for one reason.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JobReason"))]
#[serde(rename_all = "camelCase")]
struct ReasonReply {
    /// `dead` or `skipped`.
    outcome: String,
    reason: String,
    count: i64,
}

impl From<Reason> for ReasonReply {
    fn from(Reason { outcome, reason, count }: Reason) -> Self {
        Self { outcome, reason, count }
    }
}

impl From<Report> for ReportReply {
    fn from(report: Report) -> Self {
        let Report { waiting, under_way, processed, dead, skipped, reasons } = report;
        let reasons = reasons.into_iter().map(ReasonReply::from).collect();
        Self { waiting, under_way, processed, dead, skipped, reasons }
    }
}

impl JobReply {
    pub(super) fn of(job: Job, report: Report) -> Self {
        Self {
            job_id: job.id.0,
            kind: job.kind,
            state: job.state,
            filter: RawValue::from_string(job.filter).ok(),
            rate: job.rate,
            asked_by: job.asked_by,
            why: job.why,
            items: job.items,
            capped: job.is_capped,
            continue_at: job.continue_at,
            planned_at: job.planned_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
            report: report.into(),
        }
    }
}

/// Jobs, the newest first. One that lists them has no report of each.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Jobs"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobsReply {
    jobs: Vec<JobLine>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

/// A job in a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JobLine"))]
#[serde(rename_all = "camelCase")]
struct JobLine {
    job_id: Uuid,
    kind: String,
    state: String,
    asked_by: String,
    why: Option<String>,
    items: i32,
    planned_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl JobsReply {
    pub(super) fn of(jobs: Vec<Job>, next_cursor: Option<String>) -> Self {
        let line = |job: Job| JobLine {
            job_id: job.id.0,
            kind: job.kind,
            state: job.state,
            asked_by: job.asked_by,
            why: job.why,
            items: job.items,
            planned_at: job.planned_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
        };
        Self { jobs: jobs.into_iter().map(line).collect(), next_cursor }
    }
}

/// The reply to a dry run: what the job would work. Its items are chosen; rows that match later are
/// none of them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JobPlan"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanReply {
    /// Starts the job, within an hour.
    token: Uuid,
    expires_at: Timestamp,
    /// Whether rows are still looked for: an erasure searches large tables by and by. The token
    /// starts the job once that is `planned`.
    searching: bool,
    /// The number of its items.
    items: i32,
    /// Whether more match than one job takes, which is 100,000.
    capped: bool,
    /// The place where the next job goes on, if it is capped: `to` of a replay's filter,
    /// `continueAt` of a remap's.
    continue_at: Option<String>,
    /// The first of its items, 10 at most.
    first: Vec<ItemReply>,
}

/// An item of a job.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "JobItem"))]
#[serde(rename_all = "camelCase")]
struct ItemReply {
    /// The table of its row.
    table: String,
    /// The key of that row.
    key: Vec<String>,
    /// The connection, and what has failed; null of a remap.
    connection: Option<String>,
    entity: Option<String>,
    external_id: Option<String>,
    error_kind: Option<String>,
    reason: Option<String>,
    failed_at: Option<Timestamp>,
}

impl PlanReply {
    pub(super) fn of(job: Job, first: Vec<FirstItem>) -> Self {
        let item = |item: FirstItem| ItemReply {
            table: item.target,
            key: item.key,
            connection: item.source,
            entity: item.entity,
            external_id: item.external_id,
            error_kind: item.error_kind,
            reason: item.reason,
            failed_at: item.failed_at,
        };
        Self {
            token: job.id.0,
            expires_at: job.planned_at + PLAN_LASTS,
            searching: job.state == "searching",
            items: job.items,
            capped: job.is_capped,
            continue_at: job.continue_at,
            first: first.into_iter().map(item).collect(),
        }
    }
}
