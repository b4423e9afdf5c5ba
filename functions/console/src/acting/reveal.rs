//! Payloads without the mask that a viewer sees: of a dead letter, and the body of a lead. That
//! somebody reads one is written down first.

use askama::Template;
use penstock_domain::audit::Action;
use penstock_domain::intake::LEADS;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::failures::{self, Event};
use penstock_store::leads::{self, WholeLead};
use penstock_store::{StoreError, Transaction, audit, begin, commit};
use uuid::Uuid;

use super::form::Form;
use super::id;
use super::trail::entry;
use crate::filters::{self, Markup};
use crate::page::{Area, Shell, html};
use crate::payload::{Payload, Shown, View};
use crate::{Ports, Visitor};

/// A thing of which there is what came in.
struct Came {
    bytes: Vec<u8>,
    /// The name of the vendor.
    vendor: Option<String>,
    facts: Vec<(&'static str, Markup)>,
}

impl From<Event> for Came {
    fn from(event: Event) -> Self {
        let error = event.error.as_deref().unwrap_or_default();
        let facts = vec![
            ("Connection", filters::maybe(event.source.as_deref())),
            ("Kind", filters::maybe(event.entity.as_deref())),
            ("Id at the vendor", filters::maybe(event.external_id.as_deref())),
            ("Error", filters::cut(error, filters::LONG, None)),
            ("Type", filters::maybe(event.content_type.as_deref())),
            ("Encoding", filters::maybe(event.content_encoding.as_deref())),
        ];
        Self { bytes: event.payload, vendor: event.vendor, facts }
    }
}

impl From<WholeLead> for Came {
    fn from(whole: WholeLead) -> Self {
        let facts = vec![
            ("Sent by", filters::maybe(whole.lead.sender.as_deref())),
            ("State", filters::text(&whole.lead.state)),
            ("Type", filters::text(&whole.lead.content_type)),
            ("Encoding", filters::maybe(whole.content_encoding.as_deref())),
            ("Query", filters::maybe(whole.query.as_deref())),
        ];
        Self { bytes: whole.body, vendor: Some(LEADS.to_owned()), facts }
    }
}

#[derive(Template)]
#[template(path = "acting/revealed.html")]
struct Revealed {
    shell: Shell,
    /// The page of the thing.
    back: String,
    facts: Vec<(&'static str, Markup)>,
    bytes: Markup,
    payload: Shown,
}

/// Reads a thing and writes down that it was read, or neither.
async fn revealed(
    ports: &Ports,
    call: &Call<'_, Visitor>,
    id: Uuid,
    read: impl AsyncFnOnce(&Transaction<'_>) -> Result<Option<Came>, StoreError>,
) -> Result<Option<Came>, Failure> {
    Form::of(call.request)?;
    let revealing = async {
        let mut connection = ports.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(came) = read(&tx).await? else { return Ok(None) };
        let object = id.to_string();
        audit::write(&tx, &entry(call, Action::PayloadRevealed, &object)).await?;
        commit(tx).await?;
        Ok::<_, StoreError>(Some(came))
    };
    Ok(ports.database.in_time(revealing).await?)
}

fn page(ports: &Ports, shell: Shell, back: String, came: Came) -> Result<Reply, Failure> {
    let Came { bytes, vendor, facts } = came;
    let shown = Payload { bytes: &bytes, source: vendor.as_deref() };
    let payload = shown.show(View::Revealed, &ports.config.redactions, None);
    let bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let bytes = filters::number(bytes, "");
    html(StatusCode::OK, &Revealed { shell, back, facts, bytes, payload })
}

/// `POST /console/dead-letters/{id}/reveal`: by the id of the row, or of its dead letter.
pub(crate) async fn payload(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such dead letter.");
    let id = id(&call, unknown)?;
    let read = async |tx: &Transaction<'_>| Ok(failures::find(tx, id).await?.map(Came::from));
    let came = revealed(ports, &call, id, read).await?.ok_or_else(unknown)?;
    let shell = Shell::of(&call, Area::DeadLetters, "What came in");
    page(ports, shell, format!("/console/dead-letters/{id}"), came)
}

/// `POST /console/leads/{id}/reveal`
pub(crate) async fn body(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let unknown = || Problem::not_found("There is no such lead.");
    let id = id(&call, unknown)?;
    let read = async |tx: &Transaction<'_>| Ok(leads::find(tx, id, 0).await?.map(Came::from));
    let came = revealed(ports, &call, id, read).await?.ok_or_else(unknown)?;
    let shell = Shell::of(&call, Area::Leads, "What came in");
    page(ports, shell, format!("/console/leads/{id}"), came)
}
