//! `/console/dead-letters/replay`: what has failed is counted, and then tried again by a job.
//!
//! The count is a dry run, which fixes the very rows: what dies after it is none of them (trap 60).

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Entry};
use penstock_store::jobs::plan;
use penstock_store::{begin, commit};
use serde::Serialize;
use uuid::Uuid;

use super::filter::Failing;
use super::form::{Form, invalid};
use super::jobs::{Fingerprinted, address};
use super::trail::entry;
use crate::filters::{Markup, text};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// The most rows that can be chosen one by one: more than a page shows.
const MOST_CHOSEN: usize = 1_000;

/// The rows that a person has chosen.
#[derive(Serialize)]
struct Only<'a> {
    ids: &'a [Uuid],
}

/// Reads the ids of the rows that were chosen, each once.
fn chosen(form: &Form) -> Result<Vec<Uuid>, Problem> {
    let ids = form.all("id").map(Uuid::try_parse).collect::<Result<Vec<_>, _>>();
    let mut ids = ids.map_err(|_| invalid("id", "must be the id of a failure"))?;
    ids.sort_unstable();
    ids.dedup();
    match ids.len() {
        0 if form.text("what") == Some("chosen") => {
            Err(invalid("id", "must be chosen: mark at least one row"))
        }
        0..=MOST_CHOSEN => Ok(ids),
        _ => Err(invalid("id", &format!("must be at most {MOST_CHOSEN}; use a filter for more"))),
    }
}

/// The rows that a replay is to take.
struct Wish {
    /// Rows by their ids. If there are any, they are all that is taken.
    ids: Vec<Uuid>,
    failing: Failing,
}

impl Wish {
    fn of(form: &Form) -> Result<Self, Problem> {
        let ids = if form.text("what") == Some("all") { Vec::new() } else { chosen(form)? };
        let failing = if ids.is_empty() { Failing::of(form)? } else { Failing::default() };
        Ok(Self { ids, failing })
    }
}

#[derive(Template)]
#[template(path = "acting/replay.html")]
struct Asking {
    shell: Shell,
    ids: Vec<Uuid>,
    filter: Vec<(&'static str, String, Markup)>,
}

/// `GET /console/dead-letters/replay`: says what would be counted. It counts nothing: a form does.
pub(crate) async fn ask(_: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::parse(call.request.raw_query.as_bytes())?;
    let Wish { ids, failing } = Wish::of(&form)?;
    let filter = failing.fields().into_iter();
    let filter = filter.map(|(name, value)| (name, value.clone(), text(&value))).collect();
    let shell = Shell::of(&call, Area::DeadLetters, "Replay dead letters");
    html(StatusCode::OK, &Asking { shell, ids, filter })
}

/// `POST /console/dead-letters/replay`: a dry run. It leads to the page of the job that it plans.
pub(crate) async fn plan(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::of(call.request)?;
    let Wish { ids, failing } = Wish::of(&form)?;
    let filter = match ids.as_slice() {
        [] => Fingerprinted::of(JobKind::Replay, &failing)?,
        ids => Fingerprinted::of(JobKind::Replay, &Only { ids })?,
    };
    let id = JobId::new(call.now);
    let only = (!ids.is_empty()).then_some(ids.as_slice());
    let new = filter.job(id, &call.caller);
    let planning = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let planned = plan::replay(&tx, new, failing.filter(), only, call.now).await?;
        let object = id.to_string();
        let entry = Entry {
            count: Some(i64::from(planned.items)),
            detail: Some(r#"{"kind":"replay"}"#),
            ..entry(&call, Action::JobPlanned, &object)
        };
        audit::write(&tx, &entry).await?;
        commit(tx).await
    };
    ports.database.in_time(planning).await?;
    Ok(see_other(&address(id)))
}
