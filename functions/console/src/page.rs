//! A page and its frame.

use askama::Template;
use penstock_domain::account::Role;
use penstock_edge::http::{Call, Failure, Reply, StatusCode};

use crate::addresses::own_path;
use crate::assets;
use crate::filters::{self, Markup};
use crate::headers::document;
use crate::visitor::Visitor;

/// The part of the console that a page belongs to, for its menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    Overview,
    Revenue,
    Runs,
    DeadLetters,
    Queues,
    Transactions,
    Leads,
    People,
    Contacts,
    Calendar,
    Jobs,
    Keys,
    Accounts,
    Audit,
    /// A page of nobody's menu.
    None,
}

/// An entry of the menu.
pub(crate) struct Entry {
    pub(crate) area: Area,
    pub(crate) title: &'static str,
    pub(crate) path: &'static str,
    /// The least role that sees it.
    pub(crate) role: Role,
}

const fn entry(area: Area, title: &'static str, path: &'static str, role: Role) -> Entry {
    Entry { area, title, path, role }
}

/// The menu, in the order in which it is shown.
const MENU: [Entry; 14] = [
    entry(Area::Overview, "Overview", "/console", Role::Viewer),
    entry(Area::Revenue, "Revenue", "/console/revenue", Role::Viewer),
    entry(Area::Runs, "Runs", "/console/runs", Role::Viewer),
    entry(Area::DeadLetters, "Dead letters", "/console/dead-letters", Role::Viewer),
    entry(Area::Queues, "Queues", "/console/queues", Role::Viewer),
    entry(Area::Transactions, "Transactions", "/console/transactions", Role::Viewer),
    entry(Area::Leads, "Leads", "/console/leads", Role::Viewer),
    entry(Area::People, "People", "/console/people", Role::Viewer),
    entry(Area::Contacts, "Contacts", "/console/contacts", Role::Viewer),
    entry(Area::Calendar, "Calendar", "/console/calendar", Role::Viewer),
    entry(Area::Jobs, "Jobs", "/console/jobs", Role::Operator),
    entry(Area::Keys, "Keys", "/console/keys", Role::Admin),
    entry(Area::Accounts, "Accounts", "/console/accounts", Role::Admin),
    entry(Area::Audit, "Audit", "/console/audit", Role::Operator),
];

/// The frame of a page: all that `layout.html` writes around it.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) area: Area,
    /// The person; `None` on a page that needs no session.
    pub(crate) person: Option<Person>,
    /// The time of which the page tells.
    pub(crate) as_of: Option<Markup>,
    /// The name of the reader's zone, and whether the reader has chosen it.
    pub(crate) zone: String,
    pub(crate) is_zone_chosen: bool,
    /// The address of the page, to come back to.
    pub(crate) own: String,
}

pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Shell {
    /// The frame of a page for a visitor.
    pub(crate) fn of(call: &Call<'_, Visitor>, area: Area, title: impl Into<String>) -> Self {
        let visitor = &call.caller;
        let session = &visitor.session;
        let name = if session.name.is_empty() { &session.email } else { &session.name };
        Self {
            title: title.into(),
            area,
            person: Some(Person { name: name.clone(), role: session.role }),
            as_of: Some(filters::time(call.now, &visitor.zone)),
            zone: visitor.zone.name().to_owned(),
            is_zone_chosen: visitor.is_zone_chosen,
            own: own_path(call.request),
        }
    }

    /// The frame of a page that needs no session.
    pub(crate) fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            area: Area::None,
            person: None,
            as_of: None,
            zone: String::new(),
            is_zone_chosen: true,
            own: String::new(),
        }
    }

    pub(crate) fn menu(&self) -> impl Iterator<Item = &'static Entry> {
        let role = self.person.as_ref().map(|person| person.role);
        MENU.iter().filter(move |entry| role.is_some_and(|role| entry.role <= role))
    }

    pub(crate) fn is_here(&self, entry: &Entry) -> bool {
        self.area == entry.area
    }

    pub(crate) fn css() -> String {
        assets::path(assets::CSS)
    }

    pub(crate) fn icon() -> String {
        assets::path(assets::ICON)
    }

    pub(crate) fn script() -> String {
        assets::path(assets::SCRIPT)
    }
}

/// Renders a page.
///
/// # Errors
/// [`Failure`] with a 500 if the template cannot be rendered.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Result<Reply, Failure> {
    Ok(document(status, page.render().map_err(Failure::internal)?))
}
