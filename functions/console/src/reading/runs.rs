//! `/console/runs`, newest first, and `/console/runs/{id}`: one run, or one that was requested.

mod one;

use askama::Template;
use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Cursor, Failure, Reply, StatusCode};
use penstock_store::sync_runs::progress;
use penstock_store::sync_runs::read::{self, RunFilter, RunRecord};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address, Asked};
use crate::visitor::Visitor;
pub(crate) use one::one;

/// Runs on a page.
const LIMIT: i64 = 50;

const STATUSES: [&str; 3] = ["running", "succeeded", "failed"];

#[derive(Template)]
#[template(path = "reading/runs.html")]
struct Runs {
    shell: Shell,
    asked: Asked,
    status: Option<String>,
    statuses: [&'static str; 3],
    api: String,
    list: Part<List>,
    /// Whether the reader may start a run.
    may_start: bool,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

/// A run in a list.
struct Row {
    id: String,
    connection: Markup,
    entity: Markup,
    mode: Markup,
    status: Markup,
    is_bad: bool,
    progress: Option<String>,
    started_at: Markup,
    took: String,
    pages: Markup,
    rows_seen: Markup,
    rows_new: Markup,
    dead: Markup,
    why: Markup,
}

/// `GET /console/runs`: `source`, `connection`, `status`, `cursor`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let parameters = &mut call.query;
    let asked = Asked::take(parameters);
    let status = query::choice(parameters, "status", &STATUSES);
    let after = Cursor::take(parameters, |_| true);
    std::mem::take(parameters).finish_knowing()?;
    let filter = RunFilter {
        after: after.map(|cursor| (cursor.at, cursor.id)),
        chosen: asked.chosen(),
        status: status.as_deref(),
        limit: LIMIT + 1,
    };
    let mut panels = Panels::of(&ports.database);
    let list = panels.read("runs", async |on| read::page(on, filter).await).await;
    panels.end().await;
    let own = asked.add_to(Address::of("/console/runs")).with("status", status.as_deref());
    let api = asked.add_to(Address::of("/runs")).with("status", status.as_deref());
    let api = api.with("cursor", after.map(Cursor::text).as_deref());
    let (zone, now) = (&call.caller.zone, call.now);
    let page = Runs {
        list: list.map(|mut runs| {
            let end_of = |run: &RunRecord| Cursor { at: run.started_at, id: run.id };
            let next = Cursor::cut(&mut runs, LIMIT, end_of);
            let row =
                |(at, run): (usize, &RunRecord)| Row::of(run, &format!("/runs/{at}"), zone, now);
            List {
                rows: runs.iter().enumerate().map(row).collect(),
                next: next.map(|cursor| own.with("cursor", Some(&cursor)).to_string()),
            }
        }),
        shell: Shell::of(&call, Area::Runs, "Runs"),
        may_start: call.caller.is_at_least(Role::Operator),
        api: api.to_string(),
        asked,
        status,
        statuses: STATUSES,
    };
    page::html(StatusCode::OK, &page)
}

impl Row {
    /// `place` is the run in the reply of the API.
    fn of(run: &RunRecord, place: &str, zone: &Zone, now: Timestamp) -> Self {
        let number = |value, name: &str| filters::number(value, &format!("{place}/{name}"));
        let ended =
            run.finished_at.unwrap_or(if run.status == "running" { now } else { run.updated_at });
        let took = penstock_domain::clock::elapsed(run.started_at, ended).as_secs();
        Self {
            id: run.id.to_string(),
            connection: filters::text(&run.source),
            entity: filters::text(&run.entity),
            mode: filters::text(&run.mode),
            status: filters::text(&run.status),
            is_bad: run.status == "failed",
            progress: progress::of(run).and_then(|it| it.done).map(percent),
            started_at: filters::time(run.started_at, zone),
            took: filters::span(took),
            pages: number(run.pages, "pages"),
            rows_seen: number(run.rows_seen, "rowsSeen"),
            rows_new: number(run.rows_new, "rowsNew"),
            dead: number(run.dead, "dead"),
            why: filters::maybe(run.last_error.as_deref()),
        }
    }
}

/// Thousandths as a percentage.
fn percent(thousandths: u32) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
