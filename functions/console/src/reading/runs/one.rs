//! `/console/runs/{id}`: one run with what it has fetched, or a requested run with its parts.

use askama::Template;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::console::runs::{self, Fetched};
use penstock_store::run_requests::{self, Part as RequestedPart, Request};
use penstock_store::sync_runs::progress::{self, Progress};
use penstock_store::sync_runs::read::{self, RunRecord};
use uuid::Uuid;

use super::{Row, percent};
use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::visitor::Visitor;

/// Rows of a run that its page shows.
const MOST_ROWS: i64 = 50;

#[derive(Template)]
#[template(path = "reading/run.html")]
struct Run {
    shell: Shell,
    api: String,
    found: Part<Found>,
    fetched: Option<Part<Vec<FetchedRow>>>,
}

enum Found {
    Run(Box<Detail>),
    Requested(Vec<RequestedRow>),
}

struct Detail {
    row: Row,
    progress: Option<Shown>,
    updated_at: Markup,
    finished_at: Markup,
    processed: Markup,
    errors: Markup,
    why: Markup,
    class: Markup,
    unmapped: Vec<Markup>,
    cursor_before: Markup,
    cursor_after: Markup,
}

struct Shown {
    done: Option<String>,
    reached: Markup,
    estimated_end: Markup,
}

struct RequestedRow {
    entity: Markup,
    run: Option<Row>,
    /// The run that must end first, and why it is paused.
    waits_for: Option<String>,
    halted: Option<Markup>,
}

struct FetchedRow {
    id: String,
    entity: Markup,
    external_id: Markup,
    status: Markup,
    received_at: Markup,
    processed_at: Markup,
    error: Markup,
}

/// `GET /console/runs/{id}`
pub(crate) async fn one(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such run.");
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
    let mut panels = Panels::of(&ports.database);
    let run = panels.read("run", async |on| read::find(on, id).await).await;
    let (found, fetched) = match run {
        Part::Read(Some(run)) => {
            let time = (run.started_at, run.finished_at.unwrap_or(run.updated_at));
            let rows = async |on: &_| runs::fetched(on, id, time, MOST_ROWS).await;
            let rows = panels.read("fetched", rows).await;
            (Part::Read(Found::of_run(&run, &call)), Some(rows))
        }
        Part::Read(None) => {
            let request = panels.read("request", async |on| run_requests::find(on, id).await).await;
            let request = match request {
                Part::Read(request) => Part::Read(request.ok_or_else(unknown)?),
                Part::Slow => Part::Slow,
                Part::Failed => Part::Failed,
            };
            (request.map(|request| Found::of_request(&request, &call)), None)
        }
        Part::Slow => (Part::Slow, None),
        Part::Failed => (Part::Failed, None),
    };
    panels.end().await;
    let zone = &call.caller.zone;
    let page = Run {
        shell: Shell::of(&call, Area::Runs, format!("Run {id}")),
        api: format!("/runs/{id}"),
        found,
        fetched: fetched.map(|part| {
            part.map(|rows| rows.iter().map(|row| FetchedRow::of(row, zone)).collect())
        }),
    };
    page::html(StatusCode::OK, &page)
}

impl Found {
    fn of_run(run: &RunRecord, call: &Call<'_, Visitor>) -> Self {
        let (zone, now) = (&call.caller.zone, call.now);
        Self::Run(Box::new(Detail {
            row: Row::of(run, "", zone, now),
            progress: progress::of(run).map(|progress| Shown::of(progress, zone)),
            updated_at: filters::time(run.updated_at, zone),
            finished_at: filters::maybe_time(run.finished_at, zone),
            processed: filters::number(run.processed, "/processed"),
            errors: filters::number(run.errors, "/errors"),
            why: run.last_error.as_deref().map_or_else(
                || filters::maybe(None),
                |error| filters::cut(error, filters::LONG, None),
            ),
            class: filters::maybe(run.error_class.as_deref()),
            unmapped: run.unmapped.iter().map(|status| filters::text(status)).collect(),
            cursor_before: filters::maybe_time(run.cursor_before, zone),
            cursor_after: filters::maybe_time(run.cursor_after, zone),
        }))
    }

    fn of_request(request: &Request, call: &Call<'_, Visitor>) -> Self {
        let (zone, now) = (&call.caller.zone, call.now);
        let mut begun = 0;
        let row = |part: &RequestedPart| {
            let run = part.run.as_ref().map(|run| {
                let row = Row::of(run, &format!("/runs/{begun}"), zone, now);
                begun += 1;
                row
            });
            RequestedRow {
                entity: filters::text(&part.entity),
                run,
                waits_for: part.waits_for.map(|run| run.to_string()),
                halted: part.halted.as_deref().map(filters::text),
            }
        };
        Self::Requested(request.parts.iter().map(row).collect())
    }
}

impl Shown {
    fn of(progress: Progress, zone: &Zone) -> Self {
        Self {
            done: progress.done.map(percent),
            reached: filters::maybe_time(progress.reached, zone),
            estimated_end: filters::maybe_time(progress.estimated_end, zone),
        }
    }
}

impl FetchedRow {
    fn of(row: &Fetched, zone: &Zone) -> Self {
        Self {
            id: row.id.to_string(),
            entity: filters::text(&row.entity),
            external_id: filters::cut(&row.external_id, filters::SHORT, None),
            status: filters::text(&row.status),
            received_at: filters::time(row.received_at, zone),
            processed_at: filters::maybe_time(row.processed_at, zone),
            error: filters::maybe(row.error_kind.as_deref()),
        }
    }
}
