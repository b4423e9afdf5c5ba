//! A run as the caller reads it: a run of `fetch`, or a requested run, which is made of those.

use jiff::Timestamp;
use penstock_domain::disposition::FailureClass;
use penstock_store::run_requests::{Part, Request};
use penstock_store::sync_runs::progress;
use penstock_store::sync_runs::read::RunRecord;
use serde::Serialize;
use uuid::Uuid;

/// The current state of a run.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Run"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunReply {
    run_id: Uuid,
    /// The vendor.
    source: String,
    connection: String,
    /// Null for a requested run: its own runs have one each.
    entity: Option<String>,
    mode: String,
    status: String,
    started_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    pages: i64,
    rows_seen: i64,
    rows_new: i64,
    processed: i64,
    dead: i64,
    errors: i64,
    last_error: Option<String>,
    /// `permanent` (a person has to act), `transient` or `dependency` (time does); null for a note.
    error_class: Option<String>,
    unmapped: Vec<String>,
    cursor_before: Option<Timestamp>,
    cursor_after: Option<Timestamp>,
    /// Of a full run under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// Of a requested run: the runs it is made of, as far as they have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Vec<RunReply>>,
    /// Of a requested run: the parts that have not begun, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Vec<Waiting>>,
}

/// How far a full run has come. An estimate: the age of the oldest object is unknown until it is
/// seen.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Progress"))]
#[serde(rename_all = "camelCase")]
struct Progress {
    /// The part that is done, 0 to 1. It is estimated by the age of the objects it pages through,
    /// or by the number of rows in the last full run. Null if there is no estimate.
    done: Option<f64>,
    /// Everything since this time is done; null if the run does not go back in time, or is made of
    /// several.
    reached: Option<Timestamp>,
    /// When it will end at its present speed; null if there is no estimate, or it has stopped.
    estimated_end: Option<Timestamp>,
}

/// A part of a requested run that has not begun.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Waiting"))]
#[serde(rename_all = "camelCase")]
struct Waiting {
    entity: String,
    /// An earlier run of the same part, which must end first; null if only the message has not come
    /// yet.
    waits_for: Option<Uuid>,
    /// Why the pull is paused. It is tried again by itself; `/readyz` says when.
    halted: Option<String>,
}

/// Thousandths as a fraction.
fn fraction(thousandths: u32) -> Option<f64> {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().ok()
}

impl From<progress::Progress> for Progress {
    fn from(progress: progress::Progress) -> Self {
        let progress::Progress { done, reached, estimated_end } = progress;
        Self { done: done.and_then(fraction), reached, estimated_end }
    }
}

impl From<RunRecord> for RunReply {
    fn from(run: RunRecord) -> Self {
        Self {
            progress: progress::of(&run).map(Progress::from),
            run_id: run.id,
            source: run.vendor,
            connection: run.source,
            entity: Some(run.entity),
            mode: run.mode,
            status: run.status,
            started_at: run.started_at,
            updated_at: run.updated_at,
            finished_at: run.finished_at,
            pages: run.pages,
            rows_seen: run.rows_seen,
            rows_new: run.rows_new,
            processed: run.processed,
            dead: run.dead,
            errors: run.errors,
            last_error: run.last_error,
            error_class: run.error_class,
            unmapped: run.unmapped,
            cursor_before: run.cursor_before,
            cursor_after: run.cursor_after,
            runs: None,
            waiting: None,
        }
    }
}

/// One word for all parts: failed if one has failed or is paused, succeeded if all have succeeded.
fn status(parts: &[Part]) -> &'static str {
    let is = |part: &Part, status: &str| part.run.as_ref().is_some_and(|run| run.status == status);
    if parts.iter().any(|part| is(part, "failed") || part.halted.is_some()) {
        "failed"
    } else if parts.iter().all(|part| is(part, "succeeded")) {
        "succeeded"
    } else if parts.iter().any(|part| part.run.is_some()) {
        "running"
    } else {
        "accepted"
    }
}

/// The mean of the parts. `done` is `None` if that of one part is unknown.
fn progress_of_parts(parts: &[Part]) -> Option<Progress> {
    let of = |part: &Part| match &part.run {
        None => Some(0),
        Some(run) if run.status == "succeeded" => Some(1_000),
        Some(run) => progress::thousandths(run),
    };
    let sum = parts.iter().map(of).sum::<Option<u32>>();
    let mean = sum.zip(u32::try_from(parts.len()).ok()).map(|(sum, count)| sum / count.max(1));
    Some(Progress { done: mean.and_then(fraction), reached: None, estimated_end: None })
}

impl From<Request> for RunReply {
    fn from(request: Request) -> Self {
        let (status, parts) = (status(&request.parts), request.parts);
        let full_progress = if request.mode == "full" { progress_of_parts(&parts) } else { None };
        let runs: Vec<&RunRecord> = parts.iter().filter_map(|part| part.run.as_ref()).collect();
        let sum = |of: fn(&RunRecord) -> i64| runs.iter().map(|run| of(run)).sum();
        let halted = parts.iter().find_map(|part| part.halted.clone());
        let failed = runs.iter().find(|run| run.status == "failed" && run.last_error.is_some());
        let noted = runs.iter().find(|run| run.last_error.is_some());
        let mut unmapped: Vec<String> =
            runs.iter().flat_map(|run| run.unmapped.iter().cloned()).collect();
        unmapped.sort();
        unmapped.dedup();
        let ended = matches!(status, "succeeded" | "failed")
            .then(|| runs.iter().filter_map(|run| run.finished_at).max());
        Self {
            run_id: request.id,
            source: request.vendor,
            connection: request.source,
            entity: None,
            mode: request.mode,
            status: status.to_owned(),
            started_at: request.requested_at,
            updated_at: runs.iter().map(|run| run.updated_at).max().unwrap_or(request.requested_at),
            finished_at: ended.flatten(),
            pages: sum(|run| run.pages),
            rows_seen: sum(|run| run.rows_seen),
            rows_new: sum(|run| run.rows_new),
            processed: sum(|run| run.processed),
            dead: sum(|run| run.dead),
            errors: sum(|run| run.errors),
            // A pull is halted because the vendor refuses it.
            error_class: match (failed, &halted) {
                (Some(run), _) => run.error_class.clone(),
                (None, Some(_)) => Some(FailureClass::Permanent.as_str().to_owned()),
                (None, None) => noted.and_then(|run| run.error_class.clone()),
            },
            last_error: failed
                .and_then(|run| run.last_error.clone())
                .or(halted)
                .or_else(|| noted.and_then(|run| run.last_error.clone())),
            unmapped,
            cursor_before: None,
            cursor_after: None,
            progress: full_progress,
            waiting: Some(
                parts.iter().filter(|part| part.run.is_none()).map(Waiting::from).collect(),
            ),
            runs: Some(parts.into_iter().filter_map(|part| part.run.map(Self::from)).collect()),
        }
    }
}

impl From<&Part> for Waiting {
    fn from(part: &Part) -> Self {
        Self { entity: part.entity.clone(), waits_for: part.waits_for, halted: part.halted.clone() }
    }
}
