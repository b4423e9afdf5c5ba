//! `/console/dead-letters/{id}`: one row, with what became of it. The payload is masked; to read it
//! is an act of its own, which is written down.

use askama::Template;
use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::failures::{self, Attempt, Event};
use uuid::Uuid;

use super::PATH;
use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::payload::{Payload, Shown, View};
use crate::query::Address;
use crate::visitor::Visitor;

/// No more attempts of a row are listed.
const MOST_ATTEMPTS: i64 = 100;

#[derive(Template)]
#[template(path = "reading/dead_letter.html")]
struct DeadLetter {
    shell: Shell,
    id: Uuid,
    found: Part<Detail>,
    attempts: Option<Part<Vec<AttemptRow>>>,
    may_act: bool,
    replay: String,
}

struct Detail {
    rows: Vec<(&'static str, Markup)>,
    error: Markup,
    /// Whether the row waits, is dead, or has been processed since.
    is_failing: bool,
    size: Markup,
    payload: Shown,
}

struct AttemptRow {
    failed_at: Markup,
    attempts: Markup,
    died: bool,
    kind: Markup,
    field: Markup,
    error: Markup,
}

/// `GET /console/dead-letters/{id}`: by the id of the row, or of its dead letter. `all=error` shows
/// the whole error, `all=payload` the whole shape of the payload.
pub(crate) async fn one(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such dead letter.");
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
    let all = call.query.take("all");
    let mut panels = Panels::of(&ports.database);
    let event = panels.read("event", async |on| failures::find(on, id).await).await;
    let event = match event {
        Part::Read(event) => Part::Read(event.ok_or_else(unknown)?),
        Part::Slow => Part::Slow,
        Part::Failed => Part::Failed,
    };
    let row = event.get().and_then(|event| event.outbox_id);
    let attempts = match row {
        Some(row) => {
            let read = async |on: &_| failures::attempts(on, row, MOST_ATTEMPTS).await;
            Some(panels.read("attempts", read).await)
        }
        None => None,
    };
    panels.end().await;
    let zone = &call.caller.zone;
    let page = DeadLetter {
        found: event.map(|event| Detail::of(&event, id, all.as_deref(), ports, zone)),
        attempts: attempts.map(|part| {
            part.map(|rows| rows.iter().map(|row| AttemptRow::of(row, zone)).collect())
        }),
        shell: Shell::of(&call, Area::DeadLetters, "One dead letter"),
        may_act: call.caller.is_at_least(Role::Operator),
        replay: Address::of(format!("{PATH}/replay")).with("id", Some(&id.to_string())).to_string(),
        id,
    };
    page::html(StatusCode::OK, &page)
}

impl Detail {
    fn of(event: &Event, id: Uuid, all: Option<&str>, ports: &Ports, zone: &Zone) -> Self {
        let own = |what: &str| format!("{PATH}/{id}?all={what}");
        let text = |value: &Option<String>| filters::maybe(value.as_deref());
        let number = |value| filters::number(i64::from(value), "");
        let error = event.error.as_deref().unwrap_or_default();
        let error = match all {
            Some("error") => filters::text(error),
            _ => filters::cut(error, filters::LONG, Some(&own("error"))),
        };
        let payload = Payload { bytes: &event.payload, source: event.vendor.as_deref() };
        let whole = own("payload");
        let link = (all != Some("payload")).then_some(whole.as_str());
        let bytes = i64::try_from(event.payload.len()).unwrap_or(i64::MAX);
        let id_of = |id: Option<Uuid>| id.map(|id| id.to_string());
        Self {
            rows: vec![
                ("Source", text(&event.vendor)),
                ("Connection", text(&event.source)),
                ("Object", text(&event.entity)),
                ("Id at the vendor", text(&event.external_id)),
                ("Version", text(&event.version_key)),
                ("Version of", filters::maybe_time(event.version_at, zone)),
                ("Status", text(&event.status)),
                ("Received", filters::maybe_time(event.received_at, zone)),
                ("Processed", filters::maybe_time(event.processed_at, zone)),
                ("Next attempt", filters::maybe_time(event.next_attempt_at, zone)),
                ("Attempts", number(event.attempts)),
                ("Crashes", number(event.crashes)),
                ("Class of the error", text(&event.error_class)),
                ("Kind of the error", text(&event.error_kind)),
                ("Field to blame", text(&event.error_field)),
                ("Died", filters::maybe_time(event.died_at, zone)),
                ("Replayed last", filters::maybe_time(event.replayed_at, zone)),
                ("Replays", number(event.replay_count)),
                ("Sender", text(&event.sender)),
                ("Media type", text(&event.content_type)),
                ("Encoding", text(&event.content_encoding)),
                ("Row", filters::maybe(id_of(event.outbox_id.map(|row| row.0)).as_deref())),
                ("Dead letter", filters::maybe(id_of(event.letter_id).as_deref())),
                ("Message", text(&event.message_id)),
            ],
            error,
            is_failing: event.status.as_deref() != Some("processed"),
            size: filters::number(bytes, ""),
            payload: payload.show(View::Masked, &ports.config.redactions, link),
        }
    }
}

impl AttemptRow {
    fn of(attempt: &Attempt, zone: &Zone) -> Self {
        Self {
            failed_at: filters::time(attempt.failed_at, zone),
            attempts: filters::number(i64::from(attempt.attempts), ""),
            died: attempt.died,
            kind: filters::text(&attempt.error_kind),
            field: filters::maybe(attempt.error_field.as_deref()),
            error: filters::cut(&attempt.error, 2 * filters::SHORT, None),
        }
    }
}
