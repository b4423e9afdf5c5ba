//! `/console/leads/{id}/edit`: the status and the assignee of a lead, as people decide them.
//!
//! The form holds the revision that its reader saw. A lead that was changed since is not written:
//! the reader sees both, and decides again.

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::text::LONGEST_LEAD_FIELD;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::audit::{self, Entry};
use penstock_store::leads::{self, Edited, LeadEdit, WholeLead};
use penstock_store::{StoreError, begin, commit};
use uuid::Uuid;

use super::form::{Form, fault, invalid};
use super::id;
use super::trail::entry;
use crate::addresses::own_page;
use crate::filters::{self, Markup};
use crate::headers::see_other;
use crate::page::{Area, Shell, html};
use crate::{Ports, Visitor};

/// The changes that the page shows.
const MOST_CHANGES: i64 = 20;

fn unknown() -> Problem {
    Problem::not_found("There is no such lead.")
}

/// A change of the lead by a person.
struct Change {
    field: String,
    from: Markup,
    to: Markup,
    by: Markup,
    at: Markup,
}

#[derive(Template)]
#[template(path = "acting/lead.html")]
struct Editing {
    shell: Shell,
    id: Uuid,
    revision: i64,
    name: Markup,
    email: Markup,
    /// The fields of the form. After a conflict they are what the reader wanted.
    status: String,
    assigned_to: String,
    /// The fields as somebody else has set them since.
    conflict: Option<(Markup, Markup)>,
    changes: Vec<Change>,
    back: Option<String>,
}

impl Editing {
    const LONGEST: usize = LONGEST_LEAD_FIELD;

    fn of(call: &Call<'_, Visitor>, whole: WholeLead, back: Option<String>) -> Self {
        let WholeLead { lead, revision, history, .. } = whole;
        let change = |change: leads::LeadChange| Change {
            from: filters::maybe(change.from.as_deref()),
            to: filters::maybe(change.to.as_deref()),
            by: filters::text(&change.by),
            at: filters::time(change.at, &call.caller.zone),
            field: if change.field == "status" { "status".into() } else { "assignee".into() },
        };
        Self {
            shell: Shell::of(call, Area::Leads, "Change a lead"),
            id: lead.id,
            revision,
            name: filters::maybe(lead.columns.contact.name.as_deref()),
            email: filters::maybe(lead.columns.contact.email.as_deref()),
            status: lead.status.unwrap_or_default(),
            assigned_to: lead.assigned_to.unwrap_or_default(),
            conflict: None,
            changes: history.into_iter().map(change).collect(),
            back,
        }
    }
}

impl Ports {
    async fn lead(&self, id: Uuid) -> Result<WholeLead, Failure> {
        let reading =
            || async { leads::find(&**self.database.connection().await?, id, MOST_CHANGES).await };
        Ok(self.database.in_time_or_again(reading).await?.ok_or_else(unknown)?)
    }
}

/// `GET /console/leads/{id}/edit`: the form, with the lead's last changes.
pub(crate) async fn ask(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let form = Form::parse(call.request.raw_query.as_bytes())?;
    let whole = ports.lead(id(&call, unknown)?).await?;
    let back = form.text("back").and_then(own_page).map(str::to_owned);
    html(StatusCode::OK, &Editing::of(&call, whole, back))
}

/// A field of the form; `None` if it is empty, which clears it.
fn field<'a>(form: &'a Form, name: &str) -> Result<Option<&'a str>, Problem> {
    let text = form.text(name);
    let is_sound =
        |text: &str| text.chars().count() <= LONGEST_LEAD_FIELD && !text.contains(char::is_control);
    let detail =
        format!("must be at most {LONGEST_LEAD_FIELD} characters without control characters");
    if text.is_none_or(is_sound) { Ok(text) } else { Err(invalid(name, &detail)) }
}

/// `POST /console/leads/{id}/edit`: `status`, `assignedTo`, `revision`, `back`.
pub(crate) async fn edit(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let id = id(&call, unknown)?;
    let form = Form::of(call.request)?;
    let (status, assigned_to) = (field(&form, "status")?, field(&form, "assignedTo")?);
    let revision = form.text("revision").and_then(|text| text.parse::<i64>().ok());
    let Some(revision) = revision else {
        let detail = "must be that of the page with the form";
        return Err(Problem::invalid(vec![fault("revision", detail)]).into());
    };
    let edit = LeadEdit {
        id,
        status: Some(status),
        assigned_to: Some(assigned_to),
        revision: Some(revision),
        by: &call.caller.session.email,
        now: call.now,
    };
    let back = form.text("back").and_then(own_page).map(str::to_owned);
    match ports.database.in_time(ports.edited(&call, edit)).await? {
        Edited::Unknown => Err(unknown().into()),
        Edited::Done { .. } => {
            Ok(see_other(&back.unwrap_or_else(|| format!("/console/leads/{id}"))))
        }
        Edited::Changed { .. } => {
            let page = Editing::of(&call, ports.lead(id).await?, back);
            let theirs =
                (filters::maybe(none(&page.status)), filters::maybe(none(&page.assigned_to)));
            let page = Editing {
                conflict: Some(theirs),
                status: status.unwrap_or_default().to_owned(),
                assigned_to: assigned_to.unwrap_or_default().to_owned(),
                ..page
            };
            html(StatusCode::CONFLICT, &page)
        }
    }
}

fn none(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl Ports {
    /// Writes the change and its row in the audit log. A lead that is as asked already has neither.
    async fn edited(
        &self,
        call: &Call<'_, Visitor>,
        edit: LeadEdit<'_>,
    ) -> Result<Edited, StoreError> {
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let edited = leads::edit(&tx, edit).await?;
        if let Edited::Done { changes, .. } = &edited
            && *changes > 0
        {
            let object = edit.id.to_string();
            let entry =
                Entry { count: Some(*changes), ..entry(call, Action::LeadChanged, &object) };
            audit::write(&tx, &entry).await?;
            commit(tx).await?;
        }
        Ok(edited)
    }
}
