//! `/console/jobs`: all jobs, one with its progress, and what starts, pauses, resumes and stops it.

mod control;
mod show;

use askama::Template;
use penstock_domain::ids::JobId;
use penstock_domain::job::{JobKind, JobState};
use penstock_edge::http::{Call, Cursor, Failure, Problem, Query, Reply, StatusCode};
use penstock_store::jobs::plan::{NewJob, fingerprint_text};
use penstock_store::jobs::{self, Job};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(crate) use control::{pause, resume, start, stop};
pub(crate) use show::one;

use crate::filters::{self, Markup};
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::query::Address;
use crate::{Ports, Visitor};

/// The items that a job begins in a second, unless its form says otherwise.
const DEFAULT_RATE: i32 = 50;

/// The most items that a job begins in a second.
const MOST_RATE: i32 = 1_000;

/// Jobs on a page of the list.
const ON_A_PAGE: i64 = 50;

/// The filter of a job as text, and its fingerprint.
pub(super) struct Fingerprinted {
    text: String,
    sha256: [u8; 32],
}

impl Fingerprinted {
    pub(super) fn of(kind: JobKind, filter: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_string(filter).map_err(Failure::internal)?;
        let sha256 = Sha256::digest(fingerprint_text(kind, &text)).into();
        Ok(Self { text, sha256 })
    }

    /// The job that a visitor plans.
    pub(super) fn job<'a>(&'a self, id: JobId, by: &'a Visitor) -> NewJob<'a> {
        let (filter, fingerprint) = (self.text.as_str(), self.sha256.as_slice());
        NewJob { id, filter, fingerprint, rate: DEFAULT_RATE, asked_by: &by.session.email }
    }
}

/// The address of a job's page.
pub(super) fn address(id: JobId) -> String {
    format!("/console/jobs/{id}")
}

fn unknown() -> Problem {
    Problem::not_found("There is no such job.")
}

/// A job in the list.
struct Line {
    path: String,
    kind: String,
    state: String,
    items: Markup,
    asked_by: Markup,
    why: Markup,
    planned: Markup,
    ended: Markup,
}

impl Line {
    fn of((at, job): (usize, &Job), visitor: &Visitor) -> Self {
        Self {
            path: address(job.id),
            kind: job.kind.clone(),
            state: job.state.clone(),
            items: filters::at_least(job.items.into(), job.is_capped, &format!("/jobs/{at}/items")),
            asked_by: filters::text(&job.asked_by),
            why: filters::maybe(job.why.as_deref()),
            planned: filters::time(job.planned_at, &visitor.zone),
            ended: filters::maybe_time(job.ended_at, &visitor.zone),
        }
    }
}

#[derive(Template)]
#[template(path = "acting/jobs.html")]
struct Jobs {
    shell: Shell,
    states: [(&'static str, bool); JobState::ALL.len()],
    /// The route of the API that has the same numbers.
    api: String,
    jobs: Part<Vec<Line>>,
    next: Option<String>,
}

/// `GET /console/jobs`: `state`, `cursor`.
pub(crate) async fn list(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut query: Query = std::mem::take(&mut call.query);
    let cursor = Cursor::take(&mut query, |_| true);
    let state = query.take_as("state", |word| match word {
        "" => Ok(None),
        _ => JobState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .map(Some)
            .ok_or_else(|| "is no state of a job".to_owned()),
    });
    query.finish()?;
    let state = state.flatten();
    let after = cursor.map(|cursor| (cursor.at, JobId(cursor.id)));
    let mut panels = Panels::of(&ports.database);
    let read = async |on: &_| jobs::list(on, after, state, ON_A_PAGE + 1).await;
    let mut found = panels.read("jobs", read).await;
    panels.end().await;
    let end_of = |job: &Job| Cursor { at: job.planned_at, id: job.id.0 };
    let cursor = match &mut found {
        Part::Read(jobs) => Cursor::cut(jobs, ON_A_PAGE, end_of),
        Part::Slow | Part::Failed => None,
    };
    let list = |path, cursor: Option<&str>| {
        Address::of(path).with("state", state.map(JobState::as_str)).with("cursor", cursor)
    };
    let given = after.map(|(at, id)| Cursor { at, id: id.0 }.text());
    let of_page =
        |jobs: Vec<Job>| jobs.iter().enumerate().map(|at| Line::of(at, &call.caller)).collect();
    let page = Jobs {
        shell: Shell::of(&call, Area::Jobs, "Jobs"),
        states: JobState::ALL.map(|each| (each.as_str(), state == Some(each))),
        api: list("/admin/jobs", given.as_deref()).to_string(),
        jobs: found.map(of_page),
        next: cursor.map(|cursor| list("/console/jobs", Some(&cursor)).to_string()),
    };
    html(StatusCode::OK, &page)
}
