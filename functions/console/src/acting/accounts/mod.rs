//! `/console/accounts`: the accounts of people: listed, invited, and what an admin does with one.

mod change;
mod links;

use askama::Template;
use jiff::Timestamp;
use penstock_domain::account::Role;
use penstock_edge::http::{Call, Cursor, Failure, Problem, Reply, StatusCode};
use penstock_store::sessions;
use penstock_store::users::managed::{self, Managed};
use uuid::Uuid;

pub(crate) use change::{disable, enable, end_sessions, set_role};
pub(crate) use links::{invite, reset};

use super::form::Form;
use super::{LONGEST_WHY, id};
use crate::filters::{self, Markup, SHORT};
use crate::page::{Area, Shell, html};
use crate::panel::{Panels, Part};
use crate::query::Address;
use crate::{Ports, Visitor};

/// Accounts on a page of the list.
const ON_A_PAGE: i64 = 100;

fn unknown() -> Problem {
    Problem::not_found("There is no such account.")
}

fn address(id: Uuid) -> String {
    format!("/console/accounts/{id}")
}

/// The role that a form names.
fn role(form: &Form) -> Result<Role, Problem> {
    let role = form.text("role").and_then(Role::parse);
    role.ok_or_else(|| super::form::invalid("role", "must be viewer, operator or admin"))
}

/// An account as a page shows it.
struct Line {
    id: Uuid,
    email: Markup,
    name: Markup,
    role: &'static str,
    disabled: Option<Markup>,
    created: Markup,
    seen: Markup,
    sessions: Markup,
    is_own: bool,
}

impl Line {
    /// `place` is that of its number of sessions in the API's reply.
    fn of(user: &Managed, place: &str, visitor: &Visitor) -> Self {
        let time = |at: Timestamp| filters::time(at, &visitor.zone);
        Self {
            id: user.id,
            email: filters::text(&user.email),
            name: filters::cut(&user.name, SHORT, None),
            role: user.role.as_str(),
            disabled: user.disabled_at.map(time),
            created: time(user.created_at),
            seen: filters::maybe_time(user.last_seen_at, &visitor.zone),
            sessions: filters::number(user.sessions, place),
            is_own: user.id == visitor.session.user_id,
        }
    }
}

#[derive(Template)]
#[template(path = "acting/accounts.html")]
struct Accounts {
    shell: Shell,
    /// The route of the API that has the same numbers.
    api: String,
    accounts: Part<Vec<Line>>,
    next: Option<String>,
}

impl Accounts {
    fn roles() -> [&'static str; Role::ALL.len()] {
        Role::ALL.map(Role::as_str)
    }
}

/// `GET /console/accounts`: `cursor`.
pub(crate) async fn list(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let cursor = Cursor::take(&mut query, |_| true);
    query.finish()?;
    let (before, now) = (cursor.map(|cursor| (cursor.at, cursor.id)), call.now);
    let mut panels = Panels::of(&ports.database);
    let read = async |on: &_| managed::page(on, before, now, ON_A_PAGE + 1).await;
    let mut found = panels.read("accounts", read).await;
    panels.end().await;
    let end_of = |user: &Managed| Cursor { at: user.created_at, id: user.id };
    let cursor = match &mut found {
        Part::Read(users) => Cursor::cut(users, ON_A_PAGE, end_of),
        Part::Slow | Part::Failed => None,
    };
    let given = before.map(|(at, id)| Cursor { at, id }.text());
    let limit = ON_A_PAGE.to_string();
    let api = Address::of("/users").with("limit", Some(&limit)).with("cursor", given.as_deref());
    let line = |(at, user): (usize, &Managed)| {
        Line::of(user, &format!("/users/{at}/sessions"), &call.caller)
    };
    let page = Accounts {
        shell: Shell::of(&call, Area::Accounts, "Accounts"),
        api: api.to_string(),
        accounts: found.map(|users| users.iter().enumerate().map(line).collect()),
        next: cursor.map(|cursor| format!("/console/accounts?cursor={cursor}")),
    };
    html(StatusCode::OK, &page)
}

/// A session of the account.
struct Open {
    address: Markup,
    agent: Markup,
    created: Markup,
    seen: Markup,
    expires: Markup,
}

#[derive(Template)]
#[template(path = "acting/account_of.html")]
struct One {
    shell: Shell,
    user: Line,
    sessions: Vec<Open>,
}

impl One {
    const LONGEST_WHY: usize = LONGEST_WHY;

    fn roles() -> [&'static str; Role::ALL.len()] {
        Role::ALL.map(Role::as_str)
    }
}

/// `GET /console/accounts/{id}`: an account with its sessions, and the forms that change it.
pub(crate) async fn one(ports: &Ports, call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let (id, now) = (id(&call, unknown)?, call.now);
    let reading = || async {
        let connection = ports.database.connection().await?;
        let on = &**connection;
        let user = managed::one(on, id, now).await?;
        Ok((user, sessions::of_user(on, id, now).await?))
    };
    let (user, sessions) = ports.database.in_time_or_again(reading).await?;
    let (user, zone) = (user.ok_or_else(unknown)?, &call.caller.zone);
    let open = |session: sessions::Listed| Open {
        address: filters::maybe(session.address.as_deref()),
        agent: filters::maybe(session.user_agent.as_deref()),
        created: filters::time(session.created_at, zone),
        seen: filters::time(session.last_seen_at, zone),
        expires: filters::time(session.expires_at, zone),
    };
    let page = One {
        shell: Shell::of(&call, Area::Accounts, "An account"),
        user: Line::of(&user, "", &call.caller),
        sessions: sessions.into_iter().map(open).collect(),
    };
    html(StatusCode::OK, &page)
}
