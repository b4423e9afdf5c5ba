//! `/console/leads/{id}`: one lead, its history, and the shape of the body as it came.

use askama::Template;
use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::leads::{self, LeadChange, WholeLead};
use uuid::Uuid;

use super::PATH;
use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::payload::{Payload, Shown, View};
use crate::visitor::Visitor;

/// The newest changes that a lead is shown with.
const MOST_CHANGES: i64 = 100;

#[derive(Template)]
#[template(path = "reading/lead.html")]
struct Lead {
    shell: Shell,
    id: Uuid,
    may_act: bool,
    found: Part<Detail>,
}

struct Detail {
    rows: Vec<(&'static str, Markup)>,
    conflicts_with: Option<Uuid>,
    changes: Vec<ChangeRow>,
    size: Markup,
    body: Shown,
}

struct ChangeRow {
    at: Markup,
    field: &'static str,
    from: Markup,
    to: Markup,
    by: Markup,
}

/// `GET /console/leads/{id}`. `all=body` shows the whole shape of the body.
pub(crate) async fn one(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such lead.");
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
    let is_whole = call.query.take("all").as_deref() == Some("body");
    let mut panels = Panels::of(&ports.database);
    let found = panels.read("lead", async |on| leads::find(on, id, MOST_CHANGES).await).await;
    panels.end().await;
    let found = match found {
        Part::Read(found) => Part::Read(found.ok_or_else(unknown)?),
        Part::Slow => Part::Slow,
        Part::Failed => Part::Failed,
    };
    let zone = &call.caller.zone;
    let page = Lead {
        found: found.map(|lead| Detail::of(&lead, is_whole, ports, zone)),
        may_act: call.caller.is_at_least(Role::Operator),
        shell: Shell::of(&call, Area::Leads, "One lead"),
        id,
    };
    page::html(StatusCode::OK, &page)
}

impl Detail {
    fn of(whole: &WholeLead, is_whole: bool, ports: &Ports, zone: &Zone) -> Self {
        let lead = &whole.lead;
        let (contact, details) = (&lead.columns.contact, &lead.columns.details);
        let text = |value: &Option<String>| match value.as_deref() {
            Some(value) => filters::cut(value, filters::LONG, None),
            None => filters::maybe(None),
        };
        let all = format!("{PATH}/{}?all=body", lead.id);
        let payload = Payload { bytes: &whole.body, source: Some("leads") };
        let link = (!is_whole).then_some(all.as_str());
        let bytes = i64::try_from(whole.body.len()).unwrap_or(i64::MAX);
        Self {
            rows: vec![
                ("Status", text(&lead.status)),
                ("Assigned to", text(&lead.assigned_to)),
                ("State", filters::text(&lead.state)),
                ("Name", text(&contact.name)),
                ("First name", text(&contact.first_name)),
                ("Last name", text(&contact.last_name)),
                ("E-mail", text(&contact.email)),
                ("Telephone", text(&contact.phone)),
                ("Company", text(&contact.company)),
                ("Country", text(&details.country)),
                ("Language", text(&details.language)),
                ("Network address", text(&details.ip)),
                ("Domain", text(&details.domain)),
                ("Offer", text(&details.offer)),
                ("Source type", text(&details.source_type)),
                ("Marker", text(&details.marker)),
                ("Creative", text(&details.creative)),
                ("Click id", text(&details.click_id)),
                ("Description", text(&details.description)),
                ("Received", filters::time(lead.received_at, zone)),
                ("Sender", text(&lead.sender)),
                ("Media type", filters::text(&lead.content_type)),
                ("Encoding", text(&whole.content_encoding)),
                ("Revision", filters::number(whole.revision, "")),
            ],
            conflicts_with: lead.conflicts_with,
            changes: whole.history.iter().map(|change| ChangeRow::of(change, zone)).collect(),
            size: filters::number(bytes, ""),
            body: payload.show(View::Masked, &ports.config.redactions, link),
        }
    }
}

impl ChangeRow {
    fn of(change: &LeadChange, zone: &Zone) -> Self {
        Self {
            at: filters::time(change.at, zone),
            field: if change.field == "assigned_to" { "assignee" } else { "status" },
            from: filters::maybe(change.from.as_deref()),
            to: filters::maybe(change.to.as_deref()),
            by: filters::cut(&change.by, filters::SHORT, None),
        }
    }
}
