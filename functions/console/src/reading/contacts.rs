//! `/console/contacts`: people as a CRM knows them, by connection and id or by their address.

use askama::Template;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_store::console::contacts::{self, Contact, Page};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address};
use crate::visitor::Visitor;

/// Contacts on a page.
const LIMIT: i64 = 50;

#[derive(Template)]
#[template(path = "reading/contacts.html")]
struct Contacts {
    shell: Shell,
    email: String,
    connection: String,
    list: Part<List>,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    source: Markup,
    external_id: Markup,
    name: Markup,
    email: Markup,
    phone: Markup,
    state: Markup,
    version_at: Markup,
}

/// `GET /console/contacts`: `email`, `connection`, and the contact that the page is behind, by
/// `afterConnection` and `afterId`.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let parameters = &mut call.query;
    let (email, connection) =
        (query::text(parameters, "email"), query::text(parameters, "connection"));
    let after = query::text(parameters, "afterConnection").zip(query::text(parameters, "afterId"));
    std::mem::take(parameters).finish_knowing()?;
    let asked = Page {
        email: email.as_deref(),
        source: connection.as_deref(),
        after: after.as_ref().map(|(source, id)| (source.as_str(), id.as_str())),
        limit: LIMIT + 1,
    };
    let mut panels = Panels::of(&ports.database);
    let list = panels.read("contacts", async |on| contacts::page(on, asked).await).await;
    panels.end().await;
    let own = Address::of("/console/contacts")
        .with("email", email.as_deref())
        .with("connection", connection.as_deref());
    let zone = &call.caller.zone;
    let page = Contacts {
        list: list.map(|mut found| {
            let is_last = found.len() <= usize::try_from(LIMIT).unwrap_or(usize::MAX);
            found.truncate(usize::try_from(LIMIT).unwrap_or(usize::MAX));
            let next = found.last().filter(|_| !is_last).map(|last| {
                let next = own.with("afterConnection", Some(&last.source));
                next.with("afterId", Some(&last.external_id)).to_string()
            });
            List { rows: found.iter().map(|contact| Row::of(contact, zone)).collect(), next }
        }),
        email: email.unwrap_or_default(),
        connection: connection.unwrap_or_default(),
        shell: Shell::of(&call, Area::Contacts, "Contacts"),
    };
    page::html(StatusCode::OK, &page)
}

impl Row {
    fn of(contact: &Contact, zone: &Zone) -> Self {
        let names = [contact.first_name.as_deref(), contact.last_name.as_deref()];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let state = match (&contact.merged_into, contact.deleted_at) {
            (Some(other), _) => filters::cut(&format!("merged into {other}"), filters::SHORT, None),
            (None, Some(_)) => filters::text("deleted at the vendor"),
            (None, None) => filters::text("there"),
        };
        Self {
            source: filters::text(&contact.source),
            external_id: filters::cut(&contact.external_id, filters::SHORT, None),
            name: filters::maybe(Some(name.as_str()).filter(|name| !name.is_empty())),
            email: filters::maybe(contact.email.as_deref()),
            phone: filters::maybe(contact.phone.as_deref()),
            state,
            version_at: filters::time(contact.version_at, zone),
        }
    }
}
