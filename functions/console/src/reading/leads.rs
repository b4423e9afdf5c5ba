//! `/console/leads`: search and filter, and `/console/leads/{id}` with its history.

mod one;

use askama::Template;
use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Cursor, Failure, Query, Reply, StatusCode};
use penstock_store::leads::{self, LeadFilter, LeadPage, LeadRecord};
use penstock_store::{StoreError, leads as store};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::addresses::own_path;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address};
use crate::visitor::Visitor;
use crate::{Ports, csv as table};
pub(crate) use one::one;

/// Leads on a page, and in a CSV.
const LIMIT: i64 = 40;
const MOST_OF_CSV: i64 = 1_000;

/// The most bytes of columns on a page. Lambda takes 6 MiB.
const MOST_BYTES: i64 = 2 * 1024 * 1024;

const STATES: [&str; 4] = ["accepted", "conflicting", "rejected", "any"];

const PATH: &str = "/console/leads";

/// No lead was received then or later: the end of the year 9998.
const LATEST: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// The filter of a reader.
#[derive(Debug)]
struct Wanted {
    words: Option<String>,
    status: Option<String>,
    assigned_to: Option<String>,
    country: Option<String>,
    email: Option<String>,
    sender: Option<String>,
    state: Option<String>,
    after: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "reading/leads.html")]
struct Leads {
    shell: Shell,
    wanted: Wanted,
    states: [&'static str; 4],
    csv: String,
    api: String,
    may_edit: bool,
    list: Part<List>,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: Uuid,
    /// The page that changes it, and leads back here.
    edit: String,
    received_at: Markup,
    name: Markup,
    email: Markup,
    phone: Markup,
    company: Markup,
    country: Markup,
    status: Markup,
    assigned_to: Markup,
    state: Markup,
    is_aside: bool,
}

/// `GET /console/leads`: `q`, `status`, `assignedTo`, `country`, `email`, `sender`, `state`,
/// `cursor`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let wanted = Wanted::take(&mut call.query)?;
    let filter = wanted.filter();
    let mut panels = Panels::of(&ports.database);
    let list = panels.read("leads", async |on| read(on, &filter, &wanted, LIMIT).await).await;
    panels.end().await;
    let zone = &call.caller.zone;
    let (own, here) = (wanted.address(PATH), own_path(call.request));
    let page = Leads {
        list: list.map(|(leads, next)| List {
            rows: leads.iter().map(|lead| Row::of(lead, &here, zone)).collect(),
            next: next.map(|next| own.clone().with("cursor", Some(&next)).to_string()),
        }),
        csv: wanted.address("/console/leads.csv").to_string(),
        api: wanted.address("/leads").with("limit", Some(&LIMIT.to_string())).to_string(),
        states: STATES,
        may_edit: call.caller.is_at_least(Role::Operator),
        shell: Shell::of(&call, Area::Leads, "Leads"),
        wanted,
    };
    page::html(StatusCode::OK, &page)
}

/// A column of the CSV: its name, and its value.
type Column = (&'static str, fn(&LeadRecord) -> Option<String>);

/// The columns of the CSV.
const COLUMNS: [Column; 18] = [
    ("id", |lead| Some(lead.id.to_string())),
    ("receivedAt", |lead| Some(lead.received_at.to_string())),
    ("state", |lead| Some(lead.state.clone())),
    ("status", |lead| lead.status.clone()),
    ("assignedTo", |lead| lead.assigned_to.clone()),
    ("name", |lead| lead.columns.contact.name.clone()),
    ("firstName", |lead| lead.columns.contact.first_name.clone()),
    ("lastName", |lead| lead.columns.contact.last_name.clone()),
    ("email", |lead| lead.columns.contact.email.clone()),
    ("phone", |lead| lead.columns.contact.phone.clone()),
    ("company", |lead| lead.columns.contact.company.clone()),
    ("country", |lead| lead.columns.details.country.clone()),
    ("language", |lead| lead.columns.details.language.clone()),
    ("domain", |lead| lead.columns.details.domain.clone()),
    ("offer", |lead| lead.columns.details.offer.clone()),
    ("sourceType", |lead| lead.columns.details.source_type.clone()),
    ("description", |lead| lead.columns.details.description.clone()),
    ("sender", |lead| lead.sender.clone()),
];

/// `GET /console/leads.csv`: the same filters, up to 1,000 leads. `x-next-cursor` says where the
/// next ones begin.
pub(crate) async fn csv(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let wanted = Wanted::take(&mut call.query)?;
    let filter = wanted.filter();
    let reading = async {
        let connection = ports.database.connection().await?;
        read(&connection, &filter, &wanted, MOST_OF_CSV).await
    };
    let (leads, next) = ports.database.in_time(reading).await?;
    let names = COLUMNS.map(|(name, _)| name);
    let rows = leads
        .iter()
        .map(|lead| COLUMNS.iter().map(|(_, column)| column(lead).unwrap_or_default()).collect());
    let reply = table::reply("leads.csv", &names, rows);
    Ok(match next {
        Some(next) => reply.with_header(penstock_edge::http::NEXT_CURSOR, &next),
        None => reply,
    })
}

/// Reads leads, and the text of the cursor behind them if there are more.
async fn read(
    on: &Client,
    filter: &LeadFilter,
    wanted: &Wanted,
    limit: i64,
) -> Result<(Vec<LeadRecord>, Option<String>), StoreError> {
    let end = (LATEST, Uuid::nil());
    let before = wanted.after.map_or(end, |cursor| end.min((cursor.at, cursor.id)));
    let page = LeadPage {
        filter,
        from: Timestamp::UNIX_EPOCH,
        before,
        limit: limit + 1,
        bytes: MOST_BYTES,
    };
    let (mut leads, found) = store::page(on, page).await?;
    leads.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = leads.last().filter(|_| leads.len() < found);
    let next = last.map(|lead| Cursor { at: lead.received_at, id: lead.id }.text());
    Ok((leads, next))
}

impl Wanted {
    fn take(parameters: &mut Query) -> Result<Self, Failure> {
        let text = |name, parameters: &mut Query| query::text(parameters, name);
        let wanted = Self {
            words: text("q", parameters),
            status: text("status", parameters),
            assigned_to: text("assignedTo", parameters),
            country: text("country", parameters),
            email: text("email", parameters),
            sender: text("sender", parameters),
            state: query::choice(parameters, "state", &STATES),
            after: Cursor::take(parameters, |cursor| cursor.at <= LATEST),
        };
        std::mem::take(parameters).finish_knowing()?;
        Ok(wanted)
    }

    fn filter(&self) -> LeadFilter {
        let state = self.state.as_deref().unwrap_or("accepted");
        LeadFilter {
            state: Some(state).filter(|state| *state != "any").map(str::to_owned),
            status: self.status.clone(),
            assigned_to: self.assigned_to.clone(),
            sender: self.sender.clone(),
            email: self.email.clone(),
            phone: None,
            country: self.country.clone(),
            words: self.words.as_deref().and_then(leads::words),
        }
    }

    fn address(&self, path: &str) -> Address {
        Address::of(path)
            .with("q", self.words.as_deref())
            .with("status", self.status.as_deref())
            .with("assignedTo", self.assigned_to.as_deref())
            .with("country", self.country.as_deref())
            .with("email", self.email.as_deref())
            .with("sender", self.sender.as_deref())
            .with("state", self.state.as_deref())
    }

    fn shown(value: &Option<String>) -> &str {
        value.as_deref().unwrap_or_default()
    }

    /// Whether the words have neither a letter nor a digit, so that they look for nothing.
    fn has_no_word(&self) -> bool {
        self.words.as_deref().is_some_and(|words| leads::words(words).is_none())
    }
}

impl Row {
    fn of(lead: &LeadRecord, back: &str, zone: &Zone) -> Self {
        let contact = &lead.columns.contact;
        let edit = Address::of(format!("{PATH}/{}/edit", lead.id)).with("back", Some(back));
        let parts = [contact.first_name.as_deref(), contact.last_name.as_deref()];
        let name = contact
            .name
            .clone()
            .unwrap_or_else(|| parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
        let text = |value: &Option<String>| filters::maybe(value.as_deref());
        Self {
            id: lead.id,
            edit: edit.to_string(),
            received_at: filters::time(lead.received_at, zone),
            name: filters::maybe(Some(name.as_str()).filter(|name| !name.is_empty())),
            email: text(&contact.email),
            phone: text(&contact.phone),
            company: text(&contact.company),
            country: text(&lead.columns.details.country),
            status: text(&lead.status),
            assigned_to: text(&lead.assigned_to),
            state: filters::text(&lead.state),
            is_aside: lead.state != "accepted",
        }
    }
}
