//! `GET /console/jobs/{id}`: a planned job asks whether to start it; one at work shows how far it
//! is.

use askama::Template;
use penstock_domain::ids::JobId;
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_store::StoreError;
use penstock_store::jobs::{self, FirstItem, Job, PLAN_LASTS, Reason, Report};
use serde_json::{Map, Value};

use super::{DEFAULT_RATE, MOST_RATE, address, unknown};
use crate::acting::{LONGEST_WHY, id};
use crate::filters::{self, LONG, Markup, SHORT};
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// The items that the page shows before it asks.
const FIRST: i64 = 10;

/// One of the first items.
struct Item {
    what: Markup,
    id: Markup,
    reason: Markup,
    failed: Markup,
}

impl Item {
    fn of(item: &FirstItem, visitor: &Visitor) -> Self {
        let entity = item.entity.as_deref().unwrap_or(&item.target);
        let what = item.source.as_deref().map(|source| format!("{source} {entity}"));
        let key = item.external_id.clone().unwrap_or_else(|| item.key.join(" / "));
        Self {
            what: filters::cut(what.as_deref().unwrap_or(&item.target), SHORT, None),
            id: filters::cut(&key, SHORT, None),
            reason: filters::maybe(item.reason.as_deref()),
            failed: filters::maybe_time(item.failed_at, &visitor.zone),
        }
    }
}

/// The items by what has become of them.
struct Progress {
    waiting: Markup,
    under_way: Markup,
    processed: Markup,
    dead: Markup,
    skipped: Markup,
    /// The items that nothing more will become of.
    ended: i64,
    reasons: Vec<ReasonRow>,
}

/// Items that ended for one reason.
struct ReasonRow {
    outcome: String,
    reason: Markup,
    count: Markup,
}

impl Progress {
    fn of(report: Report) -> Self {
        let Report { waiting, under_way, processed, dead, skipped, reasons } = report;
        let number = |count, name: &str| filters::number(count, &format!("/report/{name}"));
        let row = |(at, Reason { outcome, reason, count }): (usize, Reason)| ReasonRow {
            outcome,
            reason: filters::cut(&reason, LONG, None),
            count: number(count, &format!("reasons/{at}/count")),
        };
        Self {
            waiting: number(waiting, "waiting"),
            under_way: number(under_way, "underWay"),
            processed: number(processed, "processed"),
            dead: number(dead, "dead"),
            skipped: number(skipped, "skipped"),
            ended: processed + dead + skipped,
            reasons: reasons.into_iter().enumerate().map(row).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "acting/job.html")]
struct One {
    shell: Shell,
    own: String,
    /// The route of the API that has the same numbers.
    api: String,
    kind: String,
    state: String,
    /// The number of items, for the bar.
    total: i32,
    items: Markup,
    is_capped: bool,
    /// The page on which the next job is planned, if more rows match than one takes.
    rest: Option<String>,
    /// The fields of the filter. Those of an erasure name a person, and are left out.
    filter: Vec<(Markup, Markup)>,
    asked_by: Markup,
    why: Markup,
    rate: Markup,
    planned: Markup,
    expires: Markup,
    started: Markup,
    ended: Markup,
    first: Vec<Item>,
    progress: Progress,
    is_stale: bool,
    /// Whether a visitor of this role may change the job.
    may_act: bool,
}

impl One {
    const DEFAULT_RATE: i32 = DEFAULT_RATE;
    const MOST_RATE: i32 = MOST_RATE;
    const LONGEST_WHY: usize = LONGEST_WHY;

    fn is(&self, states: &[&str]) -> bool {
        states.contains(&self.state.as_str())
    }
}

/// The fields of a filter as they were given.
fn fields(job: &Job) -> Vec<(String, String)> {
    let filter: Map<String, Value> = serde_json::from_str(&job.filter).unwrap_or_default();
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Array(ids) => format!("{} chosen rows", ids.len()),
        other => other.to_string(),
    };
    filter.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// The address at which the rest of a capped job is planned.
fn rest(job: &Job, fields: &[(String, String)]) -> Option<String> {
    let continue_at = job.continue_at.as_deref()?;
    let (path, name) = match job.kind.as_str() {
        "replay" => ("/console/dead-letters/replay", "to"),
        "remap" => ("/console/remap", "continueAt"),
        _ => return None,
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (field, value) in fields.iter().filter(|(field, _)| field != name) {
        query.append_pair(field, value);
    }
    query.append_pair(name, continue_at);
    Some(format!("{path}?{}", query.finish()))
}

/// `GET /console/jobs/{id}`
pub(crate) async fn one(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = JobId(id(&call, unknown)?);
    let reading = || async {
        let connection = ports.database.connection().await?;
        let on = &**connection;
        let Some(job) = jobs::find(on, id).await? else { return Ok::<_, StoreError>(None) };
        let first = jobs::first_items(on, id, FIRST).await?;
        Ok(Some((job, first, jobs::report(on, id).await?)))
    };
    let found = ports.database.in_time_or_again(reading).await?;
    let (job, first, report) = found.ok_or_else(unknown)?;
    let visitor = &call.caller;
    let is_erasure = job.kind == "erase";
    let fields = if is_erasure { Vec::new() } else { fields(&job) };
    let expires_at = job.planned_at + PLAN_LASTS;
    let title = match job.kind.as_str() {
        "replay" => "Replay",
        "remap" => "Read objects again",
        _ => "Erasure of a person",
    };
    let api = format!("/admin/jobs/{id}");
    let page = One {
        shell: Shell::of(&call, Area::Jobs, title),
        own: address(id),
        total: job.items,
        items: filters::number(job.items.into(), &format!("{api}#/items")),
        api,
        is_capped: job.is_capped,
        rest: rest(&job, &fields),
        filter: fields
            .iter()
            .map(|(name, value)| (filters::text(name), filters::cut(value, SHORT, None)))
            .collect(),
        asked_by: filters::text(&job.asked_by),
        why: filters::maybe(job.why.as_deref()),
        rate: filters::number(job.rate.into(), "/rate"),
        planned: filters::time(job.planned_at, &visitor.zone),
        expires: filters::time(expires_at, &visitor.zone),
        started: filters::maybe_time(job.started_at, &visitor.zone),
        ended: filters::maybe_time(job.ended_at, &visitor.zone),
        first: if is_erasure {
            Vec::new()
        } else {
            first.iter().map(|item| Item::of(item, visitor)).collect()
        },
        progress: Progress::of(report),
        is_stale: expires_at <= call.now,
        may_act: super::control::may(visitor, &job.kind),
        kind: job.kind,
        state: job.state,
    };
    html(StatusCode::OK, &page)
}
