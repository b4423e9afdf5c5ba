//! `/console/transactions/{id}`: submitted, asked, called back, told - in the order of time.

use askama::Template;
use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_domain::transaction::State;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::transactions::{self, History};
use uuid::Uuid;

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::payload::{Payload, Shown, View};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "reading/transaction.html")]
struct One {
    shell: Shell,
    id: Uuid,
    found: Part<Detail>,
}

struct Detail {
    state: &'static str,
    is_bad: bool,
    may_resume: bool,
    may_notify: bool,
    rows: Vec<(&'static str, Markup)>,
    moments: Vec<Moment>,
    conflicts: Vec<ConflictRow>,
    size: Markup,
    body: Shown,
}

/// A moment of the time line.
struct Moment {
    order: (Timestamp, u8),
    at: Markup,
    what: &'static str,
    detail: Markup,
    is_bad: bool,
}

struct ConflictRow {
    said: Markup,
    cause: Markup,
    status: Markup,
    times: Markup,
    first_at: Markup,
    last_at: Markup,
}

/// `GET /console/transactions/{id}`. `all=body` shows the whole shape of the body.
pub(crate) async fn one(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such transaction.");
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
    let all = call.query.take("all");
    let mut panels = Panels::of(&ports.database);
    let found = panels.read("transaction", async |on| transactions::history(on, id).await).await;
    panels.end().await;
    let found = match found {
        Part::Read(found) => Part::Read(found.ok_or_else(unknown)?),
        Part::Slow => Part::Slow,
        Part::Failed => Part::Failed,
    };
    let is_whole = all.as_deref() == Some("body");
    let page = One {
        found: found.map(|history| Detail::of(&history, is_whole, ports, &call.caller)),
        shell: Shell::of(&call, Area::Transactions, format!("Transaction {id}")),
        id,
    };
    page::html(StatusCode::OK, &page)
}

impl Detail {
    fn of(history: &History, is_whole: bool, ports: &Ports, visitor: &Visitor) -> Self {
        let (of, zone) = (&history.of, &visitor.zone);
        let (state, may_act) = (of.fate.state, visitor.is_at_least(Role::Operator));
        let all = format!("/console/transactions/{}?all=body", of.id);
        let payload = Payload { bytes: &of.body, source: None };
        let link = (!is_whole).then_some(all.as_str());
        let bytes = i64::try_from(of.body.len()).unwrap_or(i64::MAX);
        let number = |value: u32| filters::number(i64::from(value), "");
        Self {
            state: state.as_str(),
            is_bad: matches!(state, State::Failed | State::NeedsReview),
            may_resume: may_act && matches!(state, State::Failed | State::NeedsReview),
            may_notify: may_act && history.notifications.iter().any(|it| it.dead_at.is_some()),
            rows: vec![
                ("Sender", filters::text(&of.sender)),
                ("Why it failed", filters::text(of.fate.failure.map_or("", |it| it.as_str()))),
                ("Last word", filters::maybe(of.reason.as_deref())),
                ("Submissions", number(of.fate.submissions)),
                ("Questions since the last one", number(of.polls)),
                ("Next step", filters::maybe_time(of.next_action_at, zone)),
                ("Given up at", filters::time(of.fate.deadline, zone)),
                ("Received", filters::time(of.received_at, zone)),
                ("Changed last", filters::time(of.updated_at, zone)),
                ("Ended", filters::maybe_time(of.ended_at, zone)),
            ],
            moments: moments(history, zone),
            conflicts: history
                .conflicts
                .iter()
                .map(|it| ConflictRow {
                    said: filters::cut(&it.said, filters::SHORT, None),
                    cause: filters::text(&it.cause),
                    status: filters::text(&it.status),
                    times: filters::number(i64::from(it.times), ""),
                    first_at: filters::time(it.first_at, zone),
                    last_at: filters::time(it.last_at, zone),
                })
                .collect(),
            size: filters::number(bytes, ""),
            body: payload.show(View::Masked, &ports.config.redactions, link),
        }
    }
}

/// All that has happened, the oldest first.
fn moments(history: &History, zone: &Zone) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at: Timestamp, place, what, detail: &str, is_bad| {
        let detail = filters::cut(detail, 2 * filters::SHORT, None);
        moments.push(Moment {
            order: (at, place),
            at: filters::time(at, zone),
            what,
            detail,
            is_bad,
        });
    };
    add(history.of.received_at, 0, "received", "", false);
    for attempt in &history.attempts {
        add(attempt.begun_at, 1, "submitted", &format!("attempt {}", attempt.attempt), false);
        if let Some(at) = attempt.ended_at {
            let outcome = attempt.outcome.as_deref().unwrap_or("no outcome");
            let detail = format!("attempt {}: {outcome}", attempt.attempt);
            add(at, 2, "submission ended", &detail, false);
        }
    }
    for change in &history.changes {
        let what = match change.cause.as_str() {
            "submission" => "changed by a submission",
            "question" => "asked, and changed",
            "call_back" => "called back",
            "time" => "given up by time",
            "operator" => "changed by a person",
            _ => "changed",
        };
        let reason = change.reason.as_deref().unwrap_or_default();
        let detail = format!("{} {reason}", change.status);
        let is_bad = matches!(change.status.as_str(), "failed" | "needs_review");
        add(change.changed_at, 3, what, detail.trim(), is_bad);
    }
    for told in &history.notifications {
        let detail = format!("attempts {}", told.attempts);
        add(told.created_at, 4, "message to the client made", &told.id.to_string(), false);
        if let Some(at) = told.delivered_at {
            add(at, 5, "client told", &detail, false);
        }
        if let Some(at) = told.dead_at {
            let error = told.last_error.as_deref().unwrap_or_default();
            add(at, 5, "client not told, given up", &format!("{detail}: {error}"), true);
        }
    }
    moments.sort_by_key(|moment| moment.order);
    moments
}
